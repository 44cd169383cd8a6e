"""One process per trial, and how a worker is told to end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from dirsweep.execute.base import WorkerSettings
from dirsweep.execute.worker import run_trial
from dirsweep.run.folder import RunPaths
from dirsweep.run.locks import claimed
from tests.tiny import tiny_trial

HOLD = """
import sys, time
from dirsweep.run.locks import claimed
from dirsweep.run.folder import RunPaths
with claimed(RunPaths(sys.argv[1]).trial("t")):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


def _holder(root: Path, seconds: float) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(root), str(seconds)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_process_waits_for_the_first(tmp_path: Path) -> None:
    paths = RunPaths(tmp_path).trial("t")
    with _holder(tmp_path, 1.0) as first:
        assert paths.log.is_held()
        assert paths.log.holder() == first.pid
        with claimed(paths):
            assert first.wait(5) == 0, "it was waited for"
            assert paths.log.holder() == os.getpid()
    assert not paths.log.is_held()
    assert paths.log.holder() is None


def test_a_process_that_hangs_is_killed(tmp_path: Path) -> None:
    paths = RunPaths(tmp_path).trial("t")
    with _holder(tmp_path, 600) as first:
        os.kill(first.pid, signal.SIGSTOP)
        with claimed(paths, wait_s=0.3):
            assert first.wait(5) == -signal.SIGKILL
            assert paths.log.holder() == os.getpid()


def test_a_worker_gives_way_to_a_new_driver(tmp_path: Path) -> None:
    run, trial, seen = RunPaths(tmp_path), tiny_trial(epochs=5), []
    run.lock.write(json.dumps({"pid": 1, "since": "then"}).encode())

    def emit(row: dict[str, Any]) -> None:
        seen.append(row["epoch"])
        if row["epoch"] == 1:
            run.lock.write(json.dumps({"pid": 2, "since": "now"}).encode())

    with pytest.raises(SystemExit):
        run_trial(trial, tmp_path, emit, WorkerSettings())
    assert seen == [0, 1]
    assert run.trial(trial.trial_id).checkpoint.exists()
    seen.clear()
    outcome = run_trial(trial, tmp_path, lambda row: seen.append(row["epoch"]), WorkerSettings())
    assert (outcome.status, outcome.attempts, seen) == ("complete", 2, [0, 1, 2, 3, 4])
    assert "resumed after epoch 2" in run.trial(trial.trial_id).log.text()


@pytest.mark.parametrize(("text", "status"), [("", "pruned"), ("asked by somebody\n", "stopped")])
def test_a_stop_file_ends_the_trial_after_its_epoch(tmp_path: Path, text: str, status: str) -> None:
    trial = tiny_trial(epochs=5)
    paths = RunPaths(tmp_path).trial(trial.trial_id)
    outcome = run_trial(
        trial,
        tmp_path,
        lambda row: paths.stop.write(text.encode()) and None if row["epoch"] == 1 else None,
        WorkerSettings(),
    )
    assert (outcome.status, outcome.num_epochs) == (status, 2)
    assert outcome.metrics["val_mae_all"] is not None
    assert "test_mae_all" not in outcome.metrics
    assert not paths.stop.exists()
    assert not paths.checkpoint.exists()


def test_a_request_before_the_trial_begins(tmp_path: Path) -> None:
    trial = tiny_trial()
    paths = RunPaths(tmp_path).trial(trial.trial_id)
    paths.stop.write(b"asked by somebody\n")
    outcome = run_trial(trial, tmp_path, lambda row: None, WorkerSettings())
    assert (outcome.status, outcome.num_epochs, outcome.attempts) == ("stopped", 0, 0)
    paths.outcome.delete()
    # left by a driver that pruned the trial and died: the next one decides again
    paths.stop.create()
    assert run_trial(trial, tmp_path, lambda row: None, WorkerSettings()).status == "complete"


def test_an_ended_trial_is_not_trained_again(tmp_path: Path) -> None:
    trial = tiny_trial()
    first = run_trial(trial, tmp_path, lambda row: None, WorkerSettings())
    began = time.monotonic()
    assert run_trial(trial, tmp_path, lambda row: pytest.fail("trained"), WorkerSettings()) == first
    assert time.monotonic() - began < 1
