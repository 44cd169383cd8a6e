"""What a plan counts as left is what a run trains, and both refuse alike."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from dirsweep.errors import DataError, StoreError
from dirsweep.estimate.plan import print_plan
from dirsweep.estimate.remaining import remaining
from dirsweep.run.folder import RunPaths, TrialFolder
from dirsweep.run.ledger import read_state
from dirsweep.terminal import PlainConsole
from tests.flow.driving import Listener, loaded, run_here, tiny_sweep

STUDIES: dict[str, Any] = {
    "p": {"points": [{}, {"reweighting": "sqinv"}]},
    "q": {"grid": {"batch_size": [32, 16]}},
    "s": {"trials": 3, "space": {"optimizer.lr": {"log_uniform": [1e-3, 1e-1]}}},
}


def planned(file: Path, root: Path) -> list[str]:
    console = PlainConsole(file=io.StringIO(), width=120)
    print_plan(loaded(file), root, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def trained(file: Path, root: Path) -> int:
    listener = Listener()
    assert run_here(file, root, listener) == 0
    return len(listener.started)


def test_new_is_what_a_run_trains(tmp_path: Path) -> None:
    file, root = tiny_sweep(tmp_path, STUDIES), tmp_path / "runs" / "a"
    before = remaining(loaded(file), root)
    # the grid's first point is the base, which the first study trains
    assert before.new == {"p": 2, "q": 1, "s": 3}
    assert (before.finished, before.reused, before.trial_hours) == (0, {}, None)
    assert trained(file, root) == sum(before.new.values())
    after = remaining(loaded(file), root)
    assert after.new == {"p": 0, "q": 0, "s": 0}
    assert (after.finished, after.timed) == (6, 6)
    line = "0 trials of 3 epochs each; 6 finished; 1 of 7 equal other trials"
    assert any(line in found for found in planned(file, root))
    # more seeds and points
    more = tiny_sweep(tmp_path / "more", STUDIES | {"p": {**STUDIES["p"], "seeds": [0, 1]}})
    longer = remaining(loaded(more), root)
    assert longer.new == {"p": 2, "q": 0, "s": 0}
    assert longer.trial_hours is not None
    assert longer.trial_hours > 0
    assert any("(from the 6 trials that ended)" in line for line in planned(more, root))
    # a neighbour reuses all but what its sampler proposes
    other = tmp_path / "runs" / "b"
    beside = remaining(loaded(more), other)
    assert beside.reused == {"a": 3}
    assert beside.new == {"p": 2, "q": 0, "s": 3}
    line = "5 trials of 3 epochs each; 3 reused from other runs (a)"
    assert any(line in found for found in planned(more, other))
    assert not other.exists()


def test_hours_count_the_second_stage(tmp_path: Path) -> None:
    root, first = tmp_path / "run", {"p": {"points": [{}]}}
    assert trained(tiny_sweep(tmp_path, first), root) == 1
    (trial_id,) = read_state(RunPaths(root).ledger).proposed_trials()
    outcome = TrialFolder(RunPaths(root).trial(trial_id)).outcome()
    assert outcome is not None
    assert outcome.num_epochs == 3
    further = {"p": {"points": [{}, {"schedule": {"name": "rrt", "epochs": 6}}]}}
    found = remaining(loaded(tiny_sweep(tmp_path / "more", further)), root)
    assert found.new == {"p": 1}
    assert found.trial_hours == pytest.approx(outcome.wall_time_s * 9 / 3 / 3600)


@pytest.mark.parametrize("key", ["base", "studies"])
def test_what_a_run_refuses_a_plan_refuses_in_the_same_words(tmp_path: Path, key: str) -> None:
    root = tmp_path / "run"
    assert trained(tiny_sweep(tmp_path, {"p": STUDIES["p"]}), root) == 2
    changed = {"base": {"epochs": 2}} if key == "base" else {}
    study = {"p": STUDIES["p"]} if key == "base" else {"p": {"points": [{}]}}
    file = tiny_sweep(tmp_path / "changed", study, **changed)
    with pytest.raises(StoreError) as of_run:
        run_here(file, root)
    with pytest.raises(StoreError) as of_plan:
        planned(file, root)
    assert str(of_plan.value) == str(of_run.value)


def test_absent_data_is_said_after_the_plan(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(
        "name: a\nbenchmark: {name: sts-b-dir, root: nowhere}\nbase: {backbone: sentence}\n"
        "studies: {p: {points: [{}]}}\n"
    )
    console = PlainConsole(file=io.StringIO(), width=120)
    with pytest.raises(DataError, match=r"^sts-b-dir: no folder .*nowhere;"):
        print_plan(loaded(file), tmp_path / "run", console)
    assert isinstance(console.file, io.StringIO)
    assert "1 trial of 90 epochs each" in console.file.getvalue().splitlines()
