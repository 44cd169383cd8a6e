"""The inert-key check on the tiny benchmark: what is dead is named, what acts late is seen to
act.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from rich.console import Console

from dirsweep.cli import main
from dirsweep.config.load import load_sweep
from dirsweep.config.sweep import SweepSpec
from dirsweep.config.varied_keys import varied_keys
from dirsweep.diagnose.inert_keys import Checker, Finding, check_sweep, print_check
from dirsweep.driver import prepare
from tests import tiny  # noqa: F401 - registers the tiny benchmark


def write(folder: Path, studies: dict[str, Any], **base: Any) -> Path:
    plain = {
        "name": "s",
        "benchmark": {"name": "tiny"},
        "studies": studies,
        "base": {
            "backbone": "tiny",
            "epochs": 30,
            "batch_size": 32,
            "optimizer": {"lr": 0.01},
            **base,
        },
    }
    file = folder / "s.yaml"
    file.write_text(yaml.safe_dump(plain))
    return file


def sweep(folder: Path, studies: dict[str, Any], **base: Any) -> SweepSpec:
    return load_sweep(write(folder, studies, **base))


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
        key: "INERT" if key in dead else "acts" for key in CONR
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
    assert acts["reweighting.clip_high"].verdict == "acts"


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
    assert {key: finding.verdict for key, finding in got.items()} == dict.fromkeys(keys, "acts")
    assert got["smoothing.start_smooth"].note == "epochs shortened to 4"


def test_what_steps_cannot_show_is_not_checked(tmp_path: Path) -> None:
    keys = {"patience": [3, 5], "validate_every": [1, 2], "optimizer.milestones": [[20], [21]]}
    got = found(
        tmp_path, {"late": {"one_at_a_time": keys}}, optimizer={"lr": 0.01, "milestones": [20]}
    )
    assert {finding.verdict for finding in got.values()} == {"not checked"}
    assert "ends trainings early" in got["patience"].note
    assert "the best" in got["validate_every"].note
    assert "differ only in epochs" in got["optimizer.milestones"].note


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
    assert {key for key, verdict in got.items() if verdict != "acts"} <= {
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
        keys, "acts"
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
    assert got["optimizer.lr"].verdict == "acts"
    assert "1e+30: the training loss" in got["optimizer.lr"].note
    got = found(
        tmp_path, {"a": {"grid": {"optimizer.lr": [1e29, 1e30]}}}, optimizer={"name": "sgd"}
    )
    assert got["optimizer.lr"].verdict == "not checked"
    assert "the training loss" in got["optimizer.lr"].note


def test_the_same_training_twice_is_the_same_to_the_last_bit(tmp_path: Path) -> None:
    spec = sweep(
        tmp_path,
        {"a": {"grid": {"optimizer.lr": [0.01, 0.1]}}},
        regularizers={"ranksim": {}, "conr": {}},
    )
    traces = []
    for _ in range(2):
        checker = Checker(spec, prepare(spec), steps=8)
        torch.manual_seed(
            hash(checker) % 1000
        )  # what an earlier training left behind must not matter
        plain = {**spec.base_config.to_dict(), "epochs": 2}
        traces.append(checker._train(plain, 64))
    assert traces[0].losses == traces[1].losses
    assert len(traces[0].losses) == 2
    assert traces[0].parameters is not None
    assert traces[1].parameters is not None
    assert all(
        torch.equal(tensor, traces[1].parameters[name])
        for name, tensor in traces[0].parameters.items()
    )


def test_prints_what_is_inert_and_returns_one(tmp_path: Path) -> None:
    spec = sweep(
        tmp_path,
        {"dead": {"grid": {"regularizers.conr.tau": [0.1, 0.5], "optimizer.lr": [0.01, 0.1]}}},
        regularizers={"conr": {"formulation": "released"}},
    )
    console = Console(record=True, width=120)
    assert print_check(spec, steps=4, cache=None, console=console) == 1
    text = console.export_text()
    assert "INERT: regularizers.conr.tau (dead): 0.1 -> 0.5 changes nothing" in text
    assert "keys varied: 2, inert: 1, not checked: 0; 4 steps in 4 epochs each, seed 0" in text
    assert "SYNTHETIC" in text


def test_the_command_ends_with_its_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def code(*arguments: str) -> object:
        monkeypatch.setattr("sys.argv", ["dirsweep", "check", *arguments])
        try:
            main()
        except SystemExit as end:
            return end.code
        return 0

    file = write(tmp_path, {"a": {"grid": {"optimizer.lr": [0.01, 0.1]}}})
    assert code(str(file), "--steps", "4") in (0, None)
    assert "keys varied: 1, inert: 0" in capsys.readouterr().out
    assert code(str(file), "--set", "base.optimizer.lr=-1") == 2
    assert "must be > 0" in capsys.readouterr().err
