"""``--preview``: a few points of every study, one seed, few epochs, so that the whole way can be
walked in minutes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from dirsweep import registry
from dirsweep.config.trial import TrialConfig

NUM_EPOCHS = 2
NUM_TRIALS = 3
#: of a synthetic benchmark's images
FRACTION = 0.25


def thin(plain: Mapping[str, Any], told: Collection[str] = ()) -> dict[str, Any]:
    """A thinned sweep.

    Args:
        plain: ``SweepSpec.to_dict()``.
        told: dotted keys that ``--set`` gave. What they say about a study stays, and so do
            ``base.epochs``, ``base.patience``, ``seeds``, ``benchmark.fraction``,
            ``scheduler.grace_epochs`` and ``resources.cpu``.
    Returns: the plain data of a sweep marked ``preview``.
    """
    base = dict(plain["base"])
    if "base.epochs" not in told:
        base["epochs"] = _few_epochs(base.get("epochs", TrialConfig.model_fields["epochs"].default))
    if "base.patience" not in told:
        base["patience"] = None
    if "base.regressor_init" not in told:
        base["regressor_init"] = (
            "label_mean"  # a few epochs should go into more than finding the mean label
        )
    base["validate_every"] = min(base.get("validate_every", 1), base["epochs"])
    thinned = {
        **plain,
        "base": base,
        "preview": True,
        "benchmark": _benchmark(dict(plain["benchmark"]), told),
    }
    if "resources.cpu" not in told:
        # a small trial gains little from threads, and two of them fit two cores
        thinned["resources"] = {**plain["resources"], "cpu": min(plain["resources"]["cpu"], 1)}
    if "seeds" not in told:
        thinned["seeds"] = plain["seeds"][:1]
    if "scheduler" in plain and "scheduler.grace_epochs" not in told:
        thinned["scheduler"] = _scheduler(plain["scheduler"], base["epochs"])
    thinned["studies"] = {
        name: _study(
            dict(study),
            base["epochs"],
            {key.split(".")[2] for key in told if key.startswith(f"studies.{name}.")},
        )
        for name, study in plain["studies"].items()
    }
    return thinned


def _few_epochs(epochs: int) -> int:
    return min(epochs, NUM_EPOCHS)


def _benchmark(benchmark: dict[str, Any], told: Collection[str]) -> dict[str, Any]:
    synthetic = getattr(registry.config_class("benchmark", benchmark["name"]), "synthetic", False)
    if synthetic and "fraction" in benchmark and "benchmark.fraction" not in told:
        benchmark["fraction"] = min(benchmark["fraction"], FRACTION)
    return benchmark


def _scheduler(scheduler: Mapping[str, Any], epochs: int) -> dict[str, Any]:
    if "grace_epochs" not in scheduler:
        return dict(scheduler)
    return {**scheduler, "grace_epochs": min(scheduler["grace_epochs"], max(1, epochs - 1))}


def _study(study: dict[str, Any], epochs: int, told: Collection[str]) -> dict[str, Any]:
    """One study, but for the keys that were told."""
    thin = {key for key in study if key not in told}
    if "racing" in thin:
        del study["racing"]  # one seed leaves nothing to compare
    if "seeds" in thin:
        study["seeds"] = study["seeds"][:1]
    if "scheduler" in thin:
        study["scheduler"] = _scheduler(study["scheduler"], epochs)
    for design in thin & {"grid", "one_at_a_time"}:
        study[design] = _factors(study[design], one_at_a_time=design == "one_at_a_time")
    if "points" in thin:
        study["points"] = [_point(point) for point in first_middle_last(study["points"])]
    if "trials" in thin:
        study["trials"] = min(study["trials"], NUM_TRIALS)
    if "start" in thin:
        # leave the sampler something to propose
        study["start"] = study["start"][: max(1, study["trials"] - 1)]
    if "base" in thin:
        study["base"] = _point(study["base"])
    return study


def first_middle_last(values: list[Any]) -> list[Any]:
    """At most three of them."""
    return values if len(values) <= 3 else [values[0], values[(len(values) - 1) // 2], values[-1]]


def _factors(factors: Mapping[str, list[Any]], one_at_a_time: bool) -> dict[str, list[Any]]:
    """One factor keeps three values; of several, two in a grid vary by two values, or each alone by
    two.
    """
    thinned: dict[str, list[Any]] = {}
    for index, (key, values) in enumerate(factors.items()):
        if len(factors) == 1:
            kept = first_middle_last(values)
        elif one_at_a_time or index < 2:
            kept = values if len(values) <= 2 else [values[0], values[-1]]
        else:
            kept = values[:1]
        thinned[key] = list(dict.fromkeys(map(_few_epochs, kept))) if key == "epochs" else kept
    return thinned


def _point(point: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _few_epochs(value) if key == "epochs" else value for key, value in point.items()}
