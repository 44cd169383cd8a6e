"""What a worker under Ray reports."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from dirsweep.errors import StoreError
from dirsweep.execute.base import WorkerSettings
from dirsweep.execute.ray import trainable
from dirsweep.execute.ray.trainable import TRAINER, TrialConfig, train_in_worker
from dirsweep.run.folder import RunPaths, TrialFolder
from tests.tiny import tiny_trial

Report = Callable[[bool], list[dict[str, Any]]]


@pytest.fixture
def train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Report:
    """Train a trial of four epochs as a worker does; return what it reports."""
    reports: list[dict[str, Any]] = []
    monkeypatch.setattr(trainable.tune, "report", reports.append)
    monkeypatch.setattr(trainable, "_die_with_raylet", lambda process, parent: None)
    monkeypatch.setattr(trainable, "REPORT_EVERY_S", 1000.0)

    def run(every_epoch: bool) -> list[dict[str, Any]]:
        config = TrialConfig(
            trial=json.dumps(tiny_trial(epochs=4).to_dict()),
            root=str(tmp_path),
            work=TRAINER,
            gpu=0.0,
            settings=json.dumps(asdict(WorkerSettings())),
            every_epoch=every_epoch,
        )
        train_in_worker(config)
        return reports

    return run


def test_every_epoch_is_reported_where_decisions_depend_on_it(
    train: Report, tmp_path: Path
) -> None:
    *epochs, last = train(True)
    rows = [json.loads(report["row"]) for report in epochs]
    assert [row["epoch"] for row in rows] == [0, 1, 2, 3]
    assert last == {"ended": True, "done": True}
    stored = TrialFolder(RunPaths(tmp_path).trial("t0")).read_epochs()
    assert [row["val_mae_all"] for row in rows] == [row["val_mae_all"] for row in stored]


def test_a_folder_that_cannot_be_written_stops_the_run(
    train: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: Any, **more: Any) -> None:
        raise StoreError("no space left")

    monkeypatch.setattr("dirsweep.execute.worker.run_trial", full)
    assert train(True) == [{"broken": "no space left", "done": True}]
