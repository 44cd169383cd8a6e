"""Search spaces: drawing, completing and finding points."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from dirsweep.config.expand import make_point
from dirsweep.config.overrides import build_config, with_overrides
from dirsweep.config.ranges import Choice, LogUniform, Range
from dirsweep.config.space import Entry, SearchSpace
from dirsweep.errors import SpecError
from tests.config.conftest import Load
from tests.config.small_spaces import BASE, make_space


def test_sampling_is_what_the_answers_say() -> None:
    space = make_space(
        regularizers__conr="optional", loss__name={"choice": ["l1", "huber"]}, loss__beta="default"
    )
    random, seen = Random(0), set()
    for _ in range(200):
        asked: list[str] = []

        def draw(key: str, found: Range, asked: list[str] = asked) -> Any:
            asked.append(key)
            return (
                random.choice(found.values)
                if isinstance(found, Choice)
                else random.uniform(found.low, found.high)
            )

        point = space.sample(draw)
        assert list(point) == asked
        assert ("regularizers.conr.beta" in point) == point["regularizers.conr"]
        assert ("loss.beta" in point) == (point["loss.name"] == "huber")
        build_config(with_overrides(BASE, point))
        seen.add((point["regularizers.conr"], point["loss.name"]))
    assert len(seen) == 4


def test_a_start_is_filled_in_from_the_base() -> None:
    space = make_space(
        regularizers__ranksim__gamma={"log_uniform": [1, 3000]},
        regularizers__conr={"choice": [None, "default"]},
        regularizers__conr__beta={"log_uniform": [0.1, 10]},
        regularizers__conr__omega={"choice": [1, 2]},
        loss__name={"choice": ["l1", "huber"]},
    )
    assert space.complete({}) == {
        "regularizers.ranksim.gamma": 100,
        "regularizers.conr": None,
        "loss.name": "l1",
    }
    assert space.complete({"regularizers.conr": "default", "loss.name": "huber"}) == {
        "regularizers.ranksim.gamma": 100,
        "regularizers.conr": "default",
        "regularizers.conr.beta": 4.0,
        "regularizers.conr.omega": 1,
        "loss.name": "huber",
    }


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ({"batch_size": 64}, "batch_size: not searched by this study; known: "),
        (
            {"regularizers.ranksim.gamma": 5000},
            "regularizers.ranksim.gamma: must lie in the study's log_uniform [1.0, 3000.0], got "
            "5000",
        ),
        (
            {"regularizers.conr.beta": 2},
            "regularizers.conr.beta: does not exist in this point: its condition does not",
        ),
        (
            {"regularizers.conr": "default"},
            "regularizers.conr.tau: must lie in the study's choice [5, 6], the base has 0.2",
        ),
    ],
)
def test_a_start_that_does_not_fit(start: dict[str, Any], message: str) -> None:
    space = SearchSpace(
        (
            Entry("regularizers.ranksim.gamma", LogUniform(1.0, 3000.0)),
            Entry("regularizers.conr", Choice((None, "default"))),
            Entry("regularizers.conr.beta", LogUniform(0.1, 10.0)),
            Entry("regularizers.conr.tau", Choice((5, 6))),
        ),
        BASE,
    )
    with pytest.raises(SpecError) as caught:
        space.complete(start)
    assert str(caught.value).startswith(message)


def test_a_base_outside_the_range_is_named() -> None:
    with pytest.raises(
        SpecError, match=r"gamma: must lie in the study's uniform \[1.0, 2.0\], the base has 100"
    ):
        make_space(regularizers__ranksim__gamma={"uniform": [1, 2]}).complete({})
    with pytest.raises(
        SpecError, match=r"patience: needs a value in int \[1, 5\]; the base has none"
    ):
        make_space(patience={"int": [1, 5]}).complete({})


def test_a_regularizer_that_the_base_lacks_can_be_searched() -> None:
    space = SearchSpace((Entry("regularizers.moco.tau", LogUniform(0.01, 1.0)),), BASE)
    with pytest.raises(SpecError) as caught:
        space.complete({})
    assert str(caught.value) == (
        "regularizers.moco.tau: needs a value in log_uniform [0.01, 1.0]; the base has none; "
        "search the regularizer too (`regularizers.moco: optional`), or give the start a value"
    )


def test_the_space_finds_a_configuration_again(load: Load) -> None:
    space = (
        "space: {regularizers.ranksim.gamma: {log_uniform: [1, 1000]}, batch_size: {choice: [16, "
        "32]}, "
        "loss: {choice: [l1, {name: huber, beta: 2}]}}, scheduler: none"
    )
    spec = load(study=f"{{{space}, trials: 3}}")
    found = spec.studies["x"].space
    assert found is not None
    for loss, gamma, size in (("l1", 7.5, 32), ({"name": "huber", "beta": 2}, 2.0, 16)):
        point = {"loss": loss, "regularizers.ranksim.gamma": gamma, "batch_size": size}
        config = make_point(spec, "x", 0, point).config.to_dict()
        assert found.locate(config) == point
        assert found.locate({**config, "epochs": 5}) is None
        assert found.locate({**config, "batch_size": 64}) is None
        assert found.locate({**config, "loss": {"name": "huber", "beta": 3.0}}) is None
