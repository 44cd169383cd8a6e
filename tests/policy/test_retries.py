"""A trial that ran out of memory on a shared GPU is trained again with a larger share."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from dirsweep.policy.retries import ran_out_of_gpu_memory, retry_of, share_of
from dirsweep.run.collect import collect
from dirsweep.run.events import Ended, Event, Retried, Started
from dirsweep.run.reader import open_run
from dirsweep.run.state import RunState
from dirsweep.run.tables import Outcome
from dirsweep.training.memory import out_of_memory
from tests.policy.made_policy import MadePolicy, drain, make_spec


def oom(trial_id: str = "t") -> Outcome:
    """A trial that ended as the trainer says it."""
    error = torch.OutOfMemoryError("Tried to allocate 2.00 GiB")
    return Outcome(trial_id, "failed", out_of_memory(error))


def notes(usual_share: float, *events: Event, num: int = 3) -> list[str]:
    """The notes of a trial that runs out of memory again and again."""
    state, found = RunState.of(events), []
    for _ in range(num):
        retry = retry_of(state, oom(), usual_share)
        if retry is None:
            break
        found.append(retry.note)
        state.apply(retry)
    return found


def test_what_the_trainer_says_of_memory_is_understood() -> None:
    assert ran_out_of_gpu_memory(oom())
    assert not ran_out_of_gpu_memory(Outcome("t", "failed", out_of_memory(MemoryError())))
    assert not ran_out_of_gpu_memory(Outcome("t", "failed", "ValueError: no"))
    assert not ran_out_of_gpu_memory(Outcome("t", "complete"))


def test_twice_the_share_two_times_at_most() -> None:
    assert notes(1 / 6) == [
        "out of memory with 0.167 of a GPU, tried again with 0.333",
        "out of memory with 0.333 of a GPU, tried again with 1",
    ]
    assert len(notes(1 / 33)) == 2
    state = RunState.of([Started("t"), Retried("t", "", 1 / 3)])
    assert share_of(state, "t", 1 / 6) == pytest.approx(1 / 3)
    assert share_of(state, "other", 1 / 6) == pytest.approx(1 / 6)


def test_only_where_a_larger_share_is_possible_and_helps() -> None:
    assert retry_of(RunState(), oom(), 1.0) is None
    assert retry_of(RunState(), oom(), 0.0) is None
    assert retry_of(RunState(), Outcome("t", "failed", "ValueError: no"), 0.25) is None


@pytest.mark.parametrize(("usual", "expected"), [(0.25, 0.5), (1 / 8, 0.5), (1.0, 1.0), (0.0, 0.0)])
def test_the_next_driver_keeps_a_larger_share_and_never_gives_a_smaller_one(
    usual: float, expected: float
) -> None:
    history = [Started("t"), Retried("t", "memory", 0.5), Retried("u", "for another reason")]
    state = RunState.of(history)
    assert (share_of(state, "t", usual), share_of(state, "u", usual)) == (expected, usual)


def test_the_next_driver_counts_the_retries_before_it() -> None:
    once = Retried("t", "memory", 0.5)
    assert notes(0.25, once)[0] == "out of memory with 0.5 of a GPU, tried again with 1"
    twice = [Retried("t", "", 1 / 8), Retried("t", "", 1 / 4)]
    assert notes(1 / 16, *twice) == [], "it was tried again as often as it may be"
    ended = RunState.of([*twice, Ended("t", "failed")])
    assert share_of(ended, "t", 1 / 16) == 1 / 4
    assert retry_of(ended, oom(), 1 / 16) is not None, "somebody wants it tried anew"


def test_a_retried_trial_is_next_and_the_table_says_why(tmp_path: Path) -> None:
    spec = make_spec(tmp_path, {"g": {"grid": {"batch_size": [8, 16]}}})
    policy = MadePolicy(spec, tmp_path / "run")
    policy.paths.spec.write(spec.to_yaml().encode())
    trial = policy.next_trial()
    assert trial is not None
    folder = policy.folder(trial.trial_id)
    folder.begin(trial.to_dict())
    folder.finish(oom(trial.trial_id))
    retry = retry_of(policy.view.state, oom(trial.trial_id), 0.5)
    assert retry is not None
    policy.retry(retry)
    note = "out of memory with 0.5 of a GPU, tried again with 1"
    assert policy.take_notes() == [f"g: batch_size=8, seed 0: {note}"]
    assert drain(policy)[0].trial_id == trial.trial_id
    assert policy.view.finished
    policy.close()
    collect(policy.paths)
    rows = open_run(tmp_path / "run").trials().to_pylist()
    assert [row["note"] for row in rows] == [note, None]
    assert [row["status"] for row in rows] == ["complete", "complete"]
