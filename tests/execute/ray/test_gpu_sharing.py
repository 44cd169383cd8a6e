"""Shares of a GPU by hand, and who is tried again with more room."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from dirsweep.config.trial import TrialSpec
from dirsweep.execute.ray.gpu_sharing import (
    MARGIN,
    Packing,
    measured_memory,
    ran_out_of_gpu_memory,
    share_of,
)
from dirsweep.run.collect import collect
from dirsweep.run.events import Ended, Retried, Started
from dirsweep.run.files import StoredFile
from dirsweep.run.folder import RunPaths, TrialFolder
from dirsweep.run.ledger import read_events
from dirsweep.run.reader import open_run
from dirsweep.run.state import RunState
from dirsweep.run.tables import Outcome
from dirsweep.training.memory import out_of_memory
from tests.flow.driving import Listener, run_here, small_sweep
from tests.policy.test_proposer import _drain, _open, _spec, _train
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
    found = share_of(used, 80 * GIB)
    assert found == pytest.approx(share)
    assert round(1 / found) * used * MARGIN <= 80 * GIB + 1e-6 or found == 1.0


def _oom(trial_id: str = "t") -> Outcome:
    return Outcome(
        trial_id, "failed", out_of_memory(torch.OutOfMemoryError("Tried to allocate 2.00 GiB"))
    )


def test_what_the_trainer_says_of_memory_is_understood() -> None:
    assert ran_out_of_gpu_memory(_oom())
    assert not ran_out_of_gpu_memory(Outcome("t", "failed", out_of_memory(MemoryError())))
    assert not ran_out_of_gpu_memory(Outcome("t", "failed", "ValueError: no"))
    assert not ran_out_of_gpu_memory(Outcome("t", "complete"))


def test_twice_the_room_two_times_at_most() -> None:
    packing = Packing(1 / 6)
    assert packing.more_room(_oom()) == "out of memory with 0.167 of a GPU, tried again with 0.333"
    assert packing.share_of("t") == pytest.approx(1 / 3)
    assert packing.share_of("other") == pytest.approx(1 / 6)
    assert packing.more_room(_oom()) == "out of memory with 0.333 of a GPU, tried again with 1"
    assert packing.more_room(_oom()) is None
    packing = Packing(1 / 33)
    assert [packing.more_room(_oom()) is None for _ in range(3)] == [False, False, True]


def test_more_room_only_where_there_is_some_and_it_helps() -> None:
    assert Packing(1.0).more_room(_oom()) is None
    assert Packing(0.0).more_room(_oom()) is None
    assert Packing(0.25).more_room(Outcome("t", "failed", "ValueError: no")) is None


def test_a_trial_tried_again_is_next_and_the_table_says_why(tmp_path: Path) -> None:
    spec, paths = (
        _spec(tmp_path, {"g": {"grid": {"batch_size": [8, 16]}}}),
        RunPaths(tmp_path / "run"),
    )
    proposer = _open(spec, tmp_path / "run")
    paths.spec.write(spec.to_yaml().encode())
    trial = proposer.next_trial()
    assert trial is not None
    folder = proposer.folder_of(trial.trial_id)
    folder.begin(trial.to_dict())
    folder.finish(_oom(trial.trial_id))
    note = Packing(0.5).more_room(_oom(trial.trial_id))
    assert note is not None
    proposer.try_again(trial.trial_id, note)
    assert proposer.take_notes() == [
        "g: batch_size=8, seed 0: out of memory with 0.5 of a GPU, tried again with 1"
    ]
    assert _drain(proposer, _train)[0].trial_id == trial.trial_id
    assert proposer.finished
    proposer.ledger.close()
    collect(paths)
    rows = open_run(paths.root).trials().to_pylist()
    assert [row["note"] for row in rows] == [
        "out of memory with 0.5 of a GPU, tried again with 1",
        None,
    ]
    assert [row["status"] for row in rows] == ["complete", "complete"]


def test_more_room_is_remembered_by_the_next_driver() -> None:
    """Twice the share in the first session; the next one gives that at once, and takes no smaller
    one.
    """
    first = Packing(0.25)
    note = first.more_room(_oom())
    assert note is not None
    history = [
        Started("t"),
        Retried("t", note, share=first.share_of("t")),
        Retried("u", "for another reason"),
    ]
    for share, expected in ((0.25, 0.5), (1 / 8, 0.5), (1.0, 1.0), (0.0, 0.0)):
        packing = Packing(share)
        packing.recall(RunState.of(history))
        assert (packing.share_of("t"), packing.share_of("u")) == (expected, share)
    packing = Packing(0.25)
    packing.recall(RunState.of(history))
    assert packing.more_room(_oom()) == "out of memory with 0.5 of a GPU, tried again with 1"
    packing = Packing(1 / 16)
    retries = [Retried("t", "", share=1 / 8), Retried("t", "", share=1 / 4)]
    packing.recall(RunState.of(retries))
    assert packing.more_room(_oom()) is None, "it was tried again as often as it may be"
    packing = Packing(1 / 16)
    packing.recall(RunState.of([*retries, Ended("t", "failed")]))
    assert packing.share_of("t") == 1 / 4
    assert packing.more_room(_oom()) is not None, "somebody wants it tried anew"


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
    outcome = done if attempt == 2 else _oom(trial.trial_id)
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
        "inline": False,
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
