"""Somebody else's run: resuming it or reusing its trials executes nothing that lies in it."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import pytest
import torch

from dirsweep.cli import main
from dirsweep.run.folder import RunPaths
from tests.flow.driving import begun, check_finished, run_here, tiny_sweep, trial_ids
from tests.flow.test_going_on import Interrupting

TWO = {"p": {"points": [{}, {"batch_size": 16}]}}


class Poison:
    """Creates a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.marker),)


def poisoned(trial_id: str, marker: Path) -> bytes:
    buffer = io.BytesIO()
    torch.save({"trial_id": trial_id, "generators": Poison(marker)}, buffer)
    return buffer.getvalue()


def test_resume_refuses_a_poisoned_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file, root, marker = tiny_sweep(tmp_path, TWO), tmp_path / "run", tmp_path / "marker"
    assert run_here(file, root, Interrupting(trial=0, epoch=1)) == 130
    (trial_id,) = begun(root)
    checkpoint = RunPaths(root).trial(trial_id).checkpoint
    checkpoint.write(poisoned(trial_id, marker))
    capsys.readouterr()
    monkeypatch.setattr("sys.argv", ["dirsweep", "resume", str(root), "--inline"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert f"{checkpoint}: holds objects other than tensors and plain values" in message
    assert "delete it, and the trial starts from its beginning" in message
    assert not marker.exists()
    checkpoint.delete()
    assert run_here(file, root) == 0
    check_finished(root, 2)


def test_reuse_reads_no_checkpoint_of_a_neighbour(tmp_path: Path) -> None:
    file, marker = tiny_sweep(tmp_path, TWO), tmp_path / "marker"
    theirs, ours = tmp_path / "runs" / "theirs", tmp_path / "runs" / "ours"
    assert run_here(file, theirs) == 0
    for trial_id in trial_ids(theirs):
        RunPaths(theirs).trial(trial_id).checkpoint.write(poisoned(trial_id, marker))
    # one that is not complete is trained here, whatever the neighbour has of it
    first = trial_ids(theirs)[0]
    RunPaths(theirs).trial(first).outcome.delete()
    assert run_here(file, ours, reuse=True) == 0
    run = check_finished(ours, 2)
    assert sorted(run.trials()["reused_from"].to_pylist(), key=str) == [None, "theirs"]
    assert not marker.exists()
    assert not any(RunPaths(ours).trial(i).checkpoint.exists() for i in trial_ids(ours))
