"""The check for inert keys on the tiny benchmark: dead keys are named, late effects are seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dirsweep.config.varied_keys import varied_keys
from dirsweep.diagnose.inert_keys import Finding, check_sweep
from tests.diagnose.small_sweeps import sweep


def found(folder: Path, studies: dict[str, Any], **base: Any) -> dict[str, Finding]:
    return {finding.varied.key: finding for finding in check_sweep(sweep(folder, studies, **base))}


def verdicts(folder: Path, studies: dict[str, Any], **base: Any) -> dict[str, str]:
    return {key: finding.verdict for key, finding in found(folder, studies, **base).items()}


CONR = {
    "regularizers.conr.alpha": [0.5, 1, 2],
    "regularizers.conr.beta": [1, 4],
    "regularizers.conr.eta": [0.01, 0.1],
    "regularizers.conr.omega": [0.5, 2],
    "regularizers.conr.tau": [0.1, 0.5],
    "regularizers.conr.variant": ["full", "contrastive"],
    "regularizers.conr.pushing_weights": ["inv", "none"],
}
DEAD = {"regularizers.conr.alpha", "regularizers.conr.tau", "regularizers.conr.pushing_weights"}


@pytest.mark.slow
@pytest.mark.parametrize("design", ["one_at_a_time", "space"])
@pytest.mark.parametrize("formulation", ["paper", "released"])
def test_three_keys_of_the_released_conr_are_dead(
    formulation: str, design: str, tmp_path: Path
) -> None:
    study: dict[str, Any] = {"one_at_a_time": CONR}
    if design == "space":
        study = {"trials": 3, "space": {key: {"choice": values} for key, values in CONR.items()}}
    got = found(
        tmp_path,
        {"conr": study},
        regularizers={"conr": {"formulation": formulation}},
        reweighting="sqinv",
    )
    dead = DEAD if formulation == "released" else set()
    assert {key: finding.verdict for key, finding in got.items()} == {
        key: "INERT" if key in dead else "active" for key in CONR
    }
    assert all((got[key].loss, got[key].parameters) == (0, 0) for key in dead)
    assert all(finding.loss and finding.loss > 0 for key, finding in got.items() if key not in dead)


def test_every_value_is_tried_before_a_key_is_called_inert(tmp_path: Path) -> None:
    # counts of the tiny benchmark's bins lie far from the first three values
    got = found(
        tmp_path,
        {"a": {"grid": {"reweighting.clip_high": [500, 900, 100, 1000]}}},
        reweighting="inv",
    )
    finding = got["reweighting.clip_high"]
    assert finding.verdict == "INERT"
    assert sorted(finding.values) == [100, 500, 900, 1000]
    acts = found(
        tmp_path, {"a": {"grid": {"reweighting.clip_high": [500, 900, 6, 1000]}}}, reweighting="inv"
    )
    assert acts["reweighting.clip_high"].values == (6, 1000)
    assert acts["reweighting.clip_high"].verdict == "active"


def test_what_waits_for_an_epoch_is_seen_in_a_shortened_training(tmp_path: Path) -> None:
    keys = {
        "smoothing.start_smooth": [10, 20],
        "smoothing.momentum": [0.5, 0.9],
        "smoothing.formulation": ["paper", "released"],
        "schedule.epochs": [5, 10],
        "schedule.reset_regressor": [False, True],
        "optimizer.milestones": [[20, 25], [10]],
        "optimizer.milestone_factor": [0.1, 0.5],
        "epochs": [30, 60],
    }
    got = found(
        tmp_path,
        {"late": {"one_at_a_time": keys}},
        smoothing={"name": "fds"},
        schedule="rrt",
        optimizer={"lr": 0.01, "milestones": [20]},
    )
    assert {key: finding.verdict for key, finding in got.items()} == dict.fromkeys(keys, "active")
    assert got["smoothing.start_smooth"].note == "epochs shortened to 4"


def test_what_steps_cannot_show_is_not_checked(tmp_path: Path) -> None:
    keys = {"patience": [3, 5], "validate_every": [1, 2], "optimizer.milestones": [[20], [21]]}
    got = found(
        tmp_path, {"late": {"one_at_a_time": keys}}, optimizer={"lr": 0.01, "milestones": [20]}
    )
    assert {finding.verdict for finding in got.values()} == {"not checked"}
    assert "stops trainings early" in got["patience"].note
    assert "the best" in got["validate_every"].note
    assert "are equal once epochs are shortened to 4" in got["optimizer.milestones"].note


@pytest.mark.slow
def test_a_key_is_tried_where_its_part_is_on(tmp_path: Path) -> None:
    space = {
        "loss.name": {"choice": ["l1", "huber"]},
        "loss.beta": "default",
        "regularizers.ranksim": "optional",
        "smoothing.name": {"choice": ["none", "fds"]},
        "smoothing.sigma": "default",
        "optimizer.momentum": {"uniform": [0.5, 0.9], "when": {"loss.name": "huber"}},
    }
    got = verdicts(tmp_path, {"search": {"trials": 4, "space": space}})
    assert set(got) == {
        *space,
        *(
            f"regularizers.ranksim.{key}"
            for key in ("gamma", "lambda", "penalty", "similarity", "sampling", "ties")
        ),
    }
    # features of the tiny network are never equal, so how ties are ranked matters to labels only
    assert {key for key, verdict in got.items() if verdict != "active"} <= {
        "regularizers.ranksim.ties"
    }


def test_points_are_compared_key_by_key(tmp_path: Path) -> None:
    points = [
        {},
        {"loss.name": "huber", "loss.beta": 2},
        {"loss.name": "huber", "loss.beta": 5},
        {"regularizers.conr": "default"},
    ]
    spec = sweep(tmp_path, {"p": {"points": points}})
    keys = {varied.key: varied for varied in varied_keys(spec)}
    assert keys["loss.beta"].settings == ({"loss.beta": 2}, {"loss.beta": 5}, {})
    assert keys["loss.beta"].backgrounds == ({"loss.name": "huber"},)
    assert keys["loss.name"].settings == ({}, {"loss.name": "huber"})
    assert keys["loss.name"].backgrounds == ({},)
    assert {finding.varied.key: finding.verdict for finding in check_sweep(spec)} == dict.fromkeys(
        keys, "active"
    )


def test_studies_that_ask_the_same_are_one_question(tmp_path: Path) -> None:
    grid = {"grid": {"optimizer.lr": [0.01, 0.1]}}
    keys = varied_keys(
        sweep(tmp_path, {"a": grid, "b": grid, "c": {**grid, "base": {"loss": "mse"}}})
    )
    assert [varied.studies for varied in keys] == [("a", "b"), ("c",)]
    fixed = varied_keys(
        sweep(tmp_path, {"a": {"grid": {"optimizer.lr": [0.01], "loss.name": ["l1", "mse"]}}})
    )
    assert [(varied.key, varied.backgrounds) for varied in fixed] == [
        ("loss.name", ({"optimizer.lr": 0.01},))
    ]


def test_a_value_that_cannot_be_trained_is_said(tmp_path: Path) -> None:
    got = found(
        tmp_path, {"a": {"grid": {"optimizer.lr": [0.01, 1e30]}}}, optimizer={"name": "sgd"}
    )
    assert got["optimizer.lr"].verdict == "active"
    assert "1e+30: the training loss" in got["optimizer.lr"].note
    got = found(
        tmp_path, {"a": {"grid": {"optimizer.lr": [1e29, 1e30]}}}, optimizer={"name": "sgd"}
    )
    assert got["optimizer.lr"].verdict == "not checked"
    assert "the training loss" in got["optimizer.lr"].note


def test_a_key_of_choices_is_moved_to_each_of_them(tmp_path: Path) -> None:
    names = ["adam", "adamw", "sgd"]
    studies = {
        # without weight decay, adamw is adam
        "optimizer": {"grid": {"optimizer.name": names}},
        "decay": {"base": {"optimizer.weight_decay": 0.1}, "grid": {"optimizer.name": names}},
        "loss": {"grid": {"loss": ["l1", "mse", {"name": "focal_r", "gamma": 0}]}},
    }
    findings = {
        study: finding
        for finding in check_sweep(sweep(tmp_path, studies))
        for study in finding.varied.studies
    }
    assert {f.verdict for f in findings.values()} == {"active"}
    assert findings["optimizer"].values == ("adam", "adamw", "sgd")
    assert findings["optimizer"].alike == (("adam", "adamw"),)
    assert findings["decay"].alike == ()
    assert findings["loss"].alike == (("l1", {"name": "focal_r", "gamma": 0}),)
