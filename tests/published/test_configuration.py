"""Configurations as dotted keys, and the weights of a second stage."""

from __future__ import annotations

import pytest

from dirsweep.published.configuration import flatten, techniques, with_second_stage


def test_flatten_writes_dotted_keys() -> None:
    config = {
        "loss": "l1",
        "regularizers": {"ranksim": {"gamma": 1}, "conr": None, "moco": {}, "x": True},
        "optimizer": {"lr": 0.1},
    }
    assert flatten(config) == {
        "loss.name": "l1",
        "regularizers.ranksim.gamma": 1,
        "regularizers.moco": True,
        "regularizers.x": True,
        "optimizer.lr": 0.1,
    }


def test_techniques_that_are_on() -> None:
    flat = {
        "loss.name": "huber",
        "reweighting.name": "lds",
        "smoothing.name": "none",
        "regularizers.conr.beta": 2,
    }
    assert techniques(flat) == {"reweighting.lds", "regularizers.conr"}
    assert techniques({"loss.name": "focal_r"}) == {"loss.focal_r"}
    assert techniques({}) == frozenset()


@pytest.mark.parametrize(
    ("own", "weights"),
    [
        ({}, {"name": "inv", "clip_low": 5.0, "clip_high": 1000.0}),
        ({"schedule.reweighting": "sqinv"}, {"name": "sqinv"}),
    ],
)
def test_the_weights_of_a_second_stage_are_written_as_those_of_the_trial(
    own: dict[str, object], weights: dict[str, object]
) -> None:
    trial = {"schedule.name": "rrt", "epochs": 90, **own}
    assert with_second_stage(trial) == {
        "schedule.name": "rrt",
        "schedule.first_reweighting": "none",
        "schedule.reweighting": "trial",
        "epochs": 90,
        **{f"reweighting.{key}": value for key, value in weights.items()},
    }


@pytest.mark.parametrize(
    "trial",
    [
        {"schedule.name": "plain"},
        {"schedule.name": "rrt", "reweighting.name": "lds"},
        {"schedule.name": "rrt", "schedule.reweighting": "trial"},
    ],
)
def test_other_trials_stay_as_they_are(trial: dict[str, object]) -> None:
    assert with_second_stage(trial) == trial
