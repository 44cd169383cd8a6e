"""Warm starts: what a search learns from other runs."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState

from dirsweep.errors import StoreError
from dirsweep.policy.warm_start import read_earlier
from dirsweep.run.collect import collect
from dirsweep.run.events import Warmed
from dirsweep.run.external import ExternalResult, write_external
from dirsweep.run.folder import RunPaths
from dirsweep.run.tables import predictions_table
from tests.policy.made_policy import (
    GAMMA,
    MadePolicy,
    drain,
    make_spec,
    spec_with_base,
    two_sided,
)


def _earlier(
    tmp_path: Path, name: str, studies: dict[str, Any], limit: int = 1000, **more: Any
) -> str:
    """A run on the disk."""
    paths = RunPaths(tmp_path / name)
    spec = make_spec(tmp_path, studies, **more)
    policy = MadePolicy(spec, tmp_path / name)
    paths.spec.write(spec.to_yaml().encode())
    drain(policy, two_sided, limit=limit)
    policy.close()
    collect(paths)
    return paths.root


GRID = {"grid": {"regularizers.ranksim.gamma": [2.0, 20.0, 5000.0]}, "seeds": [0, 1]}


def test_a_warm_start_tells_what_another_run_knows(tmp_path: Path) -> None:
    first = _earlier(tmp_path, "first", {"g": GRID, "more": {"points": [{"batch_size": 8}]}})
    spec = make_spec(tmp_path, {"s": {"trials": 3, "space": GAMMA, "warm_start": [first]}})
    policy = MadePolicy(spec, tmp_path / "run")
    note = f"s: 2 points of {first} are known to its sampler (left out: 2 outside the space"
    assert policy.take_notes()[0].startswith(note)
    assert policy.take_notes() == []
    trials = policy.optuna_trials("s")
    assert [t.params for t in trials] == [
        {"regularizers.ranksim.gamma": 2.0},
        {"regularizers.ranksim.gamma": 20.0},
    ]
    assert [t.value for t in trials] == pytest.approx([5 + math.log10(2), 5 + math.log10(20)])
    assert policy.view.num_trials == 3, "known points do not count"
    assert len(drain(policy, two_sided)) == 3
    policy.close()
    shutil.rmtree(first)
    again = MadePolicy(spec, tmp_path / "run")
    assert again.take_notes() == []
    assert [t.params for t in again.optuna_trials("s")[:2]] == [t.params for t in trials]
    assert len(again.optuna_trials("s")) == 5


def test_what_is_left_out_of_a_warm_start(tmp_path: Path) -> None:
    studies = {"g": GRID}
    runs = [
        _earlier(tmp_path, "objective", studies, objective={"metric": "mae", "region": "few"}),
        _earlier(tmp_path, "benchmark", studies, benchmark={"name": "tiny", "noise": 0.5}),
        _earlier(tmp_path, "unfinished", studies, limit=3),
        _earlier(tmp_path, "good", studies),
    ]
    space = {"regularizers.ranksim.gamma": {"log_uniform": [1, 10000]}}
    spec = make_spec(tmp_path, {"s": {"trials": 3, "space": space, "warm_start": runs}})
    policy = MadePolicy(spec, tmp_path / "run")
    warmed = {Path(e.run).name: e for e in policy.events(Warmed)}
    assert warmed["objective"].skipped == {"best epochs chosen by mae/few": 3}
    assert warmed["benchmark"].skipped == {"on another benchmark": 3}
    assert warmed["unfinished"].skipped == {"not complete": 2}
    assert warmed["good"].skipped == {}
    assert [len(event.points) for event in warmed.values()] == [0, 0, 1, 3]
    moved = MadePolicy(spec, tmp_path / "other", fingerprint="other")
    skipped = [e.skipped for e in moved.events(Warmed)]
    assert skipped[3] == {"with other data or by other code": 3}


def test_a_warm_start_brings_its_base_along(tmp_path: Path) -> None:
    run = _earlier(tmp_path, "first", {"g": {"grid": {"regularizers.ranksim.gamma": [10.0, 20.0]}}})
    policy = MadePolicy(spec_with_base(tmp_path, warm_start=[run]), tmp_path / "run")
    trials = [t for t in policy.optuna_trials("s") if t.state is TrialState.COMPLETE]
    assert [list(t.constraints.values()) for t in trials] == [
        [pytest.approx(-0.5)],
        [pytest.approx(math.log10(2) - 0.5)],
    ]
    without = _earlier(tmp_path, "second", {"g": {"grid": {"regularizers.ranksim.gamma": [20.0]}}})
    policy = MadePolicy(spec_with_base(tmp_path, warm_start=[without]), tmp_path / "other")
    assert "left out: 1 without the base" in policy.take_notes()[0]


def test_a_warm_start_from_what_is_no_run(tmp_path: Path) -> None:
    spec = make_spec(
        tmp_path, {"s": {"trials": 3, "space": GAMMA, "warm_start": [str(tmp_path / "nowhere")]}}
    )
    with pytest.raises(StoreError, match="nowhere: no such folder"):
        MadePolicy(spec, tmp_path / "run")


def test_results_of_other_code_are_no_points(tmp_path: Path) -> None:
    study = {"trials": 2, "space": GAMMA}
    root = _earlier(tmp_path, "earlier", {"s": study})
    spec = make_spec(tmp_path, {"s": study})
    before = read_earlier(spec, "s", root, "f")
    result = ExternalResult("x", "x.csv", "test", {"name": "tiny"}, True, {"test_mae_all": 1.0})
    write_external(RunPaths(root), result, predictions_table({}))
    collect(RunPaths(root))
    after = read_earlier(spec, "s", root, "f")
    assert (after.points, after.skipped) == (before.points, before.skipped)
    assert len(after.points) == 2
