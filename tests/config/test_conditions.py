"""When the entries of a search space exist."""

from __future__ import annotations

from typing import Any

import pytest

from dirsweep.config.space import Condition
from tests.config.small_spaces import fixed_sample, make_space


@pytest.mark.parametrize(
    "when",
    [
        "regularizers.conr",
        ["regularizers.conr"],
        {"regularizers.conr": True},
        {"regularizers.conr": "on"},
    ],
)
def test_when_a_regularizer_is_on(when: Any) -> None:
    space = make_space(
        batch_size={"choice": [64, 128], "when": when},
        regularizers__conr={"choice": [None, "default"]},
    )
    assert fixed_sample(space, regularizers__conr=None) == {"regularizers.conr": None}
    assert fixed_sample(space, regularizers__conr="default") == {
        "regularizers.conr": "default",
        "batch_size": 64,
    }


def test_when_a_key_has_one_of_some_values() -> None:
    space = make_space(
        loss__name={"choice": ["l1", "mse", "huber"]},
        batch_size={
            "choice": [64, 128],
            "when": {"loss": ["mse", "huber"], "regularizers.ranksim": True},
        },
        optimizer__lr={"uniform": [1, 2], "when": {"batch_size": 128}},
    )
    assert space.entries[1].when == (
        Condition("loss.name", ("mse", "huber")),
        Condition("regularizers.ranksim", (True,)),
    )
    assert fixed_sample(space, loss__name="l1") == {"loss.name": "l1"}
    assert fixed_sample(space, loss__name="mse") == {"loss.name": "mse", "batch_size": 64}
    assert fixed_sample(space, loss__name="huber", batch_size=128)["optimizer.lr"] == 1.0


def test_when_a_regularizer_is_switched_on_by_its_own_parameter() -> None:
    space = make_space(
        batch_size={"int": [1, 2], "when": "regularizers.conr"},
        regularizers__conr__beta={"int": [1, 2]},
    )
    assert space.keys == ("regularizers.conr.beta", "batch_size")
    assert fixed_sample(space) == {"regularizers.conr.beta": 1, "batch_size": 1}


@pytest.mark.parametrize(
    "off_on", [[None, "default"], [False, True], ["off", "on"], [None, {"beta": 2}]]
)
def test_a_parameter_exists_only_where_its_regularizer_is_on(off_on: list[Any]) -> None:
    # written before the switch it depends on
    space = make_space(
        regularizers__conr__eta={"uniform": [0, 1]}, regularizers__conr={"choice": off_on}
    )
    assert space.keys == ("regularizers.conr", "regularizers.conr.eta")
    assert fixed_sample(space, regularizers__conr=off_on[0]) == {"regularizers.conr": off_on[0]}
    assert fixed_sample(space, regularizers__conr=off_on[1]) == {
        "regularizers.conr": off_on[1],
        "regularizers.conr.eta": 0.0,
    }


def test_a_parameter_exists_only_for_the_choices_that_have_it() -> None:
    space = make_space(
        loss__name={"choice": ["l1", "huber", "focal_r"]}, loss__beta={"uniform": [0.1, 1]}
    )
    assert fixed_sample(space, loss__name="l1") == {"loss.name": "l1"}
    assert fixed_sample(space, loss__name="huber") == {"loss.name": "huber", "loss.beta": 0.1}
    assert fixed_sample(space, loss__name="focal_r") == {"loss.name": "focal_r", "loss.beta": 0.1}
    whole = make_space(
        loss={"choice": ["l1", {"name": "huber", "beta": 3}]}, loss__beta={"uniform": [0.1, 1]}
    )
    assert fixed_sample(whole, loss={"name": "huber", "beta": 3})["loss.beta"] == 0.1
