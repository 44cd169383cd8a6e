from __future__ import annotations

import pytest

from dirsweep.config.trial_keys import check_key, flatten, is_off, is_switch
from dirsweep.errors import SpecError


def test_a_nested_configuration_by_dotted_keys() -> None:
    nested = {"epochs": 2, "optimizer": {"lr": 0.1, "milestones": [1]}, "regularizers": {}}
    assert flatten(nested) == {"epochs": 2, "optimizer.lr": 0.1, "optimizer.milestones": [1]}


def test_the_parts_of_a_key() -> None:
    assert check_key("regularizers.conr.beta") == ("regularizers", "conr", "beta")
    assert check_key("epochs") == ("epochs",)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("epoch", "did you mean 'epochs'"),
        ("epochs.a", "'epochs' has no keys below it"),
        ("optimizer.lrr", "did you mean 'lr'"),
        ("regularizers.rank_sim", "did you mean 'ranksim'"),
    ],
)
def test_a_key_that_no_trial_has(key: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        check_key(key)


def test_only_whole_regularizers_are_switches() -> None:
    assert is_switch("regularizers.conr")
    assert not is_switch("regularizers.conr.beta")
    assert not is_switch("smoothing.name")
    assert [is_off(value) for value in (None, False, "off", "none")] == [True] * 4
    assert [is_off(value) for value in (True, "on", {}, 0)] == [False] * 4
