"""Every scheduler in a whole run: which trials it ends after which epoch.

The trainer is the real one; only what it predicts on validation is scripted.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import pytest
import torch

from dirsweep.config.scheduler import SchedulerSpec
from dirsweep.run.reader import open_run
from dirsweep.training import loop
from tests.flow.driving import WITH_TINY, command, run_here, tiny_sweep

EPOCHS = 9
#: learning rate, which tells trials apart -> error of each epoch
SHAPES: Mapping[float, list[float]] = {
    0.001: [2.0 - 0.1 * epoch for epoch in range(EPOCHS)],  # steady
    0.002: [3.0] * EPOCHS,  # plateau
    0.003: [4.0] * 5 + [0.5] * 4,  # late bloomer
    0.004: [2.3, 2.2, float("nan")],  # divergence
    0.005: [1.9 - 0.1 * epoch for epoch in range(EPOCHS)],  # slightly better than the first
}
STEADY, PLATEAU, LATE, DIVERGENCE, BETTER = SHAPES
TRAINED = {STEADY: 9, PLATEAU: 9, LATE: 9, DIVERGENCE: 3, BETTER: 9}
#: settings -> epochs of the trials that are ended; a diverged trial fails in its third epoch
ENDED: list[tuple[dict[str, Any], dict[float, int]]] = [
    ({"name": "none"}, {}),
    # rungs at 2, 4 and 8 epochs: the best half is promoted, of three trials the best one
    ({"name": "asha", "grace_epochs": 2, "reduction_factor": 2}, {PLATEAU: 2, LATE: 2}),
    # the grace lets the late bloomer bloom
    ({"name": "asha", "grace_epochs": 6, "reduction_factor": 2}, {PLATEAU: 6}),
    ({"name": "median", "grace_epochs": 1, "min_trials": 1}, {PLATEAU: 1, LATE: 1, DIVERGENCE: 1}),
    # the late bloomer is one of the two that the last trial is compared with
    ({"name": "median", "grace_epochs": 6, "min_trials": 1}, {PLATEAU: 6, BETTER: 6}),
    ({"name": "median", "grace_epochs": 1, "min_trials": 2}, {LATE: 1}),
    # the first four are of the bracket with rungs at 3 and 9, the last of that with a rung at 9
    ({"name": "hyperband", "grace_epochs": 3, "reduction_factor": 3}, {PLATEAU: 3, LATE: 3}),
    ({"name": "patience", "patience": 3}, {PLATEAU: 4, LATE: 4}),
    ({"name": "patience", "patience": 3, "grace_epochs": 6}, {PLATEAU: 6}),
    ({"name": "patience", "patience": 5}, {PLATEAU: 6}),
]


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let validation predictions be wrong by as much as ``SHAPES`` says."""
    validate, error = loop._validate, [0.0]

    def scripted_validation(model: Any, data: Any, plan: Any, state: Any) -> Any:
        error[0] = SHAPES[plan.optimizer.lr][len(state.rows)]
        return validate(model, data, plan, state)

    def predict(model: Any, data: Any, split: Any) -> torch.Tensor:
        return torch.as_tensor(data.labels(split)) + error[0]

    monkeypatch.setattr(loop, "_validate", scripted_validation)
    monkeypatch.setattr(loop, "predict", predict)


def _lengths(root: Path) -> dict[float, tuple[str, int]]:
    """Learning rate -> status and number of epochs."""
    rows = open_run(root).trials().to_pylist()
    return {row["config.optimizer.lr"]: (row["status"], row["num_epochs"]) for row in rows}


def _expected(ended: Mapping[float, int]) -> dict[float, tuple[str, int]]:
    found = dict.fromkeys(SHAPES, ("complete", EPOCHS))
    found[DIVERGENCE] = ("failed", 2)
    return found | {lr: ("pruned", epochs) for lr, epochs in ended.items()}


def _file(folder: Path, scheduler: Mapping[str, Any], **more: Any) -> Path:
    points = [{"optimizer.lr": lr} for lr in SHAPES]
    base = {"epochs": EPOCHS, **more}
    return tiny_sweep(folder, {"s": {"points": points}}, scheduler=dict(scheduler), base=base)


@pytest.mark.slow
@pytest.mark.parametrize(("scheduler", "ended"), ENDED, ids=lambda value: str(value))
@pytest.mark.usefixtures("scripted")
def test_a_plateau_a_late_bloomer_and_a_divergence(
    tmp_path: Path, scheduler: dict[str, Any], ended: dict[float, int]
) -> None:
    assert run_here(_file(tmp_path, scheduler), tmp_path / "run") == int(DIVERGENCE not in ended)
    assert _lengths(tmp_path / "run") == _expected(ended)


def test_every_scheduler_is_tried() -> None:
    assert {settings["name"] for settings, _ in ENDED} == set(
        get_args(SchedulerSpec.model_fields["name"].annotation)
    )


@pytest.mark.usefixtures("scripted")
def test_epochs_without_validation_do_not_count_for_patience(tmp_path: Path) -> None:
    file = _file(tmp_path, {"name": "patience", "patience": 3}, validate_every=2)
    run_here(file, tmp_path / "run")
    assert _lengths(tmp_path / "run")[PLATEAU] == ("pruned", 8)


@pytest.mark.slow
@pytest.mark.usefixtures("scripted")
def test_every_validation_of_an_epoch_counts_for_patience(tmp_path: Path) -> None:
    """Of 7 steps an epoch: 3 validations in the first, 4 in the second."""
    for patience, epochs in ((2, 1), (3, 2), (6, 2), (7, 3)):
        scheduler = {"name": "patience", "patience": patience}
        file = _file(tmp_path, scheduler, validate_every={"steps": 2})
        run_here(file, tmp_path / str(patience))
        assert _lengths(tmp_path / str(patience))[PLATEAU] == ("pruned", epochs)


@pytest.mark.usefixtures("scripted")
def test_a_trial_that_has_trained_every_epoch_is_complete(tmp_path: Path) -> None:
    run_here(_file(tmp_path, {"name": "patience", "patience": 8}), tmp_path / "run")
    assert _lengths(tmp_path / "run")[PLATEAU] == ("complete", EPOCHS)


def test_a_trial_that_does_not_learn_is_ended(tmp_path: Path) -> None:
    """A learning rate of 1e-30 changes no weight in float32."""
    file = tiny_sweep(
        tmp_path,
        {"s": {"points": [{"optimizer.lr": 1e-30}]}},
        scheduler={"name": "patience", "patience": 2, "grace_epochs": 5},
        base={"epochs": 12},
    )
    assert run_here(file, tmp_path / "run") == 0
    assert _lengths(tmp_path / "run") == {1e-30: ("pruned", 5)}


@pytest.mark.slow
def test_a_run_of_which_every_trial_is_pruned_ends_well(tmp_path: Path) -> None:
    file = tiny_sweep(
        tmp_path,
        {"s": {"points": [{"optimizer.lr": 1e-30}]}},
        scheduler={"name": "patience", "patience": 1},
        base={"epochs": 4},
    )
    with command(
        "run", file, "--inline", "--out", tmp_path / "run", folder=tmp_path, start=WITH_TINY
    ) as running:
        assert running.ends() == 0
    assert "no complete trial to report on (1 pruned)" in running.stderr
