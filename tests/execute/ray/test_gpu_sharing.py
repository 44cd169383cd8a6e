"""Shares of a GPU by hand, and who is tried again with more room."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from dirsweep.config.trial import TrialSpec
from dirsweep.execute.ray.gpu_sharing import MARGIN, fitting_share, measured_memory
from dirsweep.run.events import Retried
from dirsweep.run.files import StoredFile
from dirsweep.run.folder import RunPaths, TrialFolder
from dirsweep.run.ledger import read_events
from dirsweep.run.reader import open_run
from dirsweep.run.tables import Outcome
from dirsweep.training.memory import out_of_memory
from tests.flow.driving import Listener, run_here, small_sweep
from tests.tiny import tiny_trial

GIB = 1024.0


@pytest.mark.parametrize(
    ("used", "share"),
    [
        (2 * GIB, 1 / 33),  # 80 / 2.4 = 33.3
        (10 * GIB, 1 / 6),  # 80 / 12 = 6.7
        (80 * GIB / (4 * MARGIN), 1 / 4),  # exactly four fit
        (30 * GIB, 1 / 2),
        (34 * GIB, 1.0),  # two would need 81.6
        (79 * GIB, 1.0),
        (0.0, 1.0),
    ],
)
def test_as_many_share_a_gpu_as_fit(used: float, share: float) -> None:
    found = fitting_share(used, 80 * GIB)
    assert found == pytest.approx(share)
    assert round(1 / found) * used * MARGIN <= 80 * GIB + 1e-6 or found == 1.0


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_nothing_is_measured() -> None:
    assert measured_memory(tiny_trial().to_dict()) is None


def fails_once(trial: TrialSpec, emit: Any, *, folder: TrialFolder, **_: Any) -> Outcome:
    """In the trainer's place: out of memory the first time."""
    tried = StoredFile(folder.paths.storage, f"{folder.paths.folder.key}/tried")
    attempt = 2 if tried.exists() else 1
    folder.begin({**trial.to_dict(), "attempt": attempt})
    tried.create()
    done = Outcome(
        trial.trial_id, "complete", metrics={"val_mae_all": 1.0}, num_epochs=1, attempts=2
    )
    outcome = (
        done
        if attempt == 2
        else Outcome(
            trial.trial_id,
            "failed",
            out_of_memory(torch.OutOfMemoryError("Tried to allocate 2.00 GiB")),
        )
    )
    folder.finish(outcome)
    return outcome


@pytest.mark.ray
@pytest.mark.slow
def test_under_ray_a_trial_out_of_memory_gets_more_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_OVERRIDE_RESOURCES", '{"GPU": 1}')  # there is none; Ray only counts
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]), prepend=":")
    sweep = small_sweep(
        tmp_path, {"g": {"grid": {"batch_size": [8, 16]}}}, resources={"cpu": 1, "gpu": 0.25}
    )
    options = {
        "executor": "ray",
        "num_cpus": 2,
        "work": "tests.execute.ray.test_gpu_sharing:fails_once",
    }
    listener = Listener()
    assert run_here(sweep, tmp_path / "run", listener, **options) == 0
    note = "out of memory with 0.25 of a GPU, tried again with 0.5"
    assert sorted(listener.messages) == [
        f"g: batch_size={size}, seed 0: {note}" for size in (16, 8)
    ]
    rows = open_run(tmp_path / "run").trials().to_pylist()
    assert [(row["status"], row["attempts"], row["note"]) for row in rows] == [
        ("complete", 2, note)
    ] * 2
    events = read_events(RunPaths(tmp_path / "run").ledger)
    assert [event.share for event in events if isinstance(event, Retried)] == [0.5, 0.5]
