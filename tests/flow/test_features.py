"""``store: {features: true}`` through a sweep: every runner keeps them, and runs that take trials
over bring them.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from dirsweep.run.folder import RunPaths
from dirsweep.run.reader import open_run
from tests.flow.driving import Listener, loaded, run_here, small_sweep, tiny_sweep

KEPT = {"store": {"features": True}}
TWO = {"p": {"points": [{}, {"batch_size": 16}]}}


def trials_with_features(root: Path) -> int:
    run = open_run(root)
    return sum(
        run.features(trial_id) is not None for trial_id in run.trials()["trial_id"].to_pylist()
    )


def test_kept_when_asked_for(tmp_path: Path) -> None:
    without, kept = tiny_sweep(tmp_path / "a", TWO), tiny_sweep(tmp_path / "b", TWO, **KEPT)
    assert (loaded(without).store.features, loaded(kept).store.features) == (False, True)
    listener = Listener()
    assert run_here(without, tmp_path / "runs" / "a") == 0
    assert run_here(kept, tmp_path / "runs" / "b", listener) == 0
    assert [trials_with_features(tmp_path / "runs" / name) for name in "ab"] == [0, 2]
    assert not any("features" in text for text in listener.messages)
    ids = [open_run(tmp_path / "runs" / name).trials()["trial_id"].to_pylist() for name in "ab"]
    assert ids[0] == ids[1], "what is kept is no part of what a trial is"


def test_trials_that_ended_without_them_are_named_and_not_trained_again(tmp_path: Path) -> None:
    root = tmp_path / "run"
    assert run_here(tiny_sweep(tmp_path, {"p": {"points": [{}]}}), root) == 0
    later = tiny_sweep(tmp_path, TWO, **KEPT)
    listener = Listener()
    assert run_here(later, root, listener) == 0
    assert len(listener.started) == 1
    assert listener.messages == [
        "1 trial without features: ended before store.features was set; "
        "delete its outcome.json to train a trial again"
    ]
    assert trials_with_features(root) == 1
    for trial_id in open_run(root).trials()["trial_id"].to_pylist():
        paths = RunPaths(root).trial(trial_id)
        if not paths.features.exists():
            paths.outcome.delete()
    assert run_here(later, root) == 0
    assert trials_with_features(root) == 2


@pytest.mark.slow
def test_runs_beside_bring_them(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    assert run_here(tiny_sweep(tmp_path / "a", TWO), runs / "a") == 0
    assert run_here(tiny_sweep(tmp_path / "b", TWO, **KEPT), runs / "b") == 0
    listener = Listener()
    assert run_here(tiny_sweep(tmp_path / "c", TWO), runs / "c", listener, reuse=True) == 0
    assert listener.started == []
    assert trials_with_features(runs / "c") == 2, "of two runs the one that has them"
    one, other = open_run(runs / "b"), open_run(runs / "c")
    for trial_id in one.trials()["trial_id"].to_pylist():
        assert one.features(trial_id).equals(other.features(trial_id))  # type: ignore[union-attr]


def test_runs_beside_that_lack_them_are_not_taken_over_by_who_wants_them(tmp_path: Path) -> None:
    runs, listener = tmp_path / "runs", Listener()
    assert run_here(tiny_sweep(tmp_path / "a", TWO), runs / "a") == 0
    assert run_here(tiny_sweep(tmp_path / "b", TWO, **KEPT), runs / "b", listener, reuse=True) == 0
    assert len(listener.started) == 2
    assert trials_with_features(runs / "b") == 2


@pytest.mark.ray
def test_under_ray(tmp_path: Path) -> None:
    assert (
        run_here(small_sweep(tmp_path, **KEPT), tmp_path / "run", executor="ray", num_cpus=2) == 0
    )
    assert trials_with_features(tmp_path / "run") == 2
