"""A technique either acts in batches of 1, 2 and 3 samples, or is refused for them up front."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from dirsweep import registry
from dirsweep.config.ranges import Choice
from dirsweep.config.trial import TrialConfig
from dirsweep.errors import SpecError
from dirsweep.training.assembly import refuse_idle_techniques
from tests.contracts.technique_bench import Bench, config_of, ranges_of
from tests.tiny import TinyConfig

#: batches tried: a contrast needs dissimilar labels, which not every small batch has
NUM_BATCHES = 12
#: parameters that make a technique quick to build
QUICK: dict[str, dict[str, Any]] = {"balanced_mse": {"num_components": 2}}


def _variants() -> Iterator[Any]:
    for room in ("loss", "regularizers"):
        for name in registry.names(room):
            choices = [
                (key, value)
                for key, item in ranges_of(registry.config_class(room, name))
                if isinstance(item, Choice)
                for value in item.values
            ]
            quick = QUICK.get(name, {})
            for changed in ({}, *({key: value} for key, value in choices)):
                yield pytest.param(room, name, {**quick, **changed}, id=f"{name} {changed or ''}")


def _acts(bench: Bench, size: int) -> bool:
    """Whether some batch of that size moves the features."""
    for number in range(NUM_BATCHES):
        step = bench.batch(number, size)
        bench.run(step).sum().backward()
        gradient = step.features.grad
        if gradient is not None and bool(gradient.abs().max() > 1e-10):
            return True
    return False


@pytest.mark.parametrize(("room", "name", "parameters"), list(_variants()))
def test_it_acts_or_is_refused(room: str, name: str, parameters: dict[str, Any]) -> None:
    config = config_of(room, name, **parameters)
    bench = Bench(config)
    for size in (1, 2, 3):
        assert (config.batch_conflict(size) is None) == _acts(bench, size), size


@pytest.mark.parametrize(
    ("parts", "batch_size"),
    [
        ({"loss": {"name": "balanced_mse", "variant": "bmc"}}, 1),
        ({"regularizers": {"ranksim": {}}}, 2),
        ({"regularizers": {"conr": {}}}, 1),
        ({"regularizers": {"rank_n_contrast": {}}}, 1),
    ],
    ids=["bmc", "ranksim", "conr", "rank_n_contrast"],
)
def test_the_configuration_says_it_up_front(parts: dict[str, Any], batch_size: int) -> None:
    settings = {"backbone": "tiny", "epochs": 1, **parts}
    for size, refused in ((batch_size, True), (batch_size + 1, False)):
        trial = TrialConfig.model_validate({**settings, "batch_size": size})
        reasons = [part.conflict(trial, TinyConfig()) for part in trial.techniques()]
        texts = [reason for reason in reasons if reason]
        assert [f"its loss is always 0; got {batch_size}" in text for text in texts] == (
            [True] if refused else []
        )


def test_a_training_split_smaller_than_a_batch_counts() -> None:
    trial = TrialConfig.model_validate({"backbone": "tiny", "regularizers": {"ranksim": {}}})
    with pytest.raises(SpecError, match="in batches of fewer than 3 its loss is always 0; got 2"):
        refuse_idle_techniques(trial, torch.tensor([1.0, 2.0]))


def test_training_labels_on_which_a_technique_cannot_act_are_refused() -> None:
    two_labels = torch.tensor([1.0, 2.0] * 20)
    base = {"backbone": "tiny"}
    unique = TrialConfig.model_validate({**base, "regularizers": {"ranksim": {}}})
    with pytest.raises(SpecError, match="needs 3 labels; the training split has 2"):
        refuse_idle_techniques(unique, two_labels)
    every = TrialConfig.model_validate(
        {**base, "regularizers": {"ranksim": {"sampling": "all"}}, "batch_size": 8}
    )
    refuse_idle_techniques(every, two_labels)
    conr = TrialConfig.model_validate({**base, "regularizers": {"conr": {"omega": 0.5}}})
    with pytest.raises(SpecError, match="labels up to 2 apart for similar, and these span 1"):
        refuse_idle_techniques(conr, two_labels)
    refuse_idle_techniques(conr, 5 * two_labels)
