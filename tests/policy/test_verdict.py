"""What a point comes to in Optuna's terms, from its trials' outcomes."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState

from dirsweep.config.trial import TrialSpec
from dirsweep.policy.tracked_trial import TrackedTrial, mean_of
from dirsweep.policy.verdict import Judge, Verdict
from dirsweep.run.tables import Outcome
from tests.policy.made_policy import GAMMA, MANY_FEW, make_spec

LIMIT = [{"metric": "mae", "region": "few", "at_most": {"base_plus": 0.5}}]


def ended(value: float, status: Any = "complete", *, few: float | None = 2.0) -> TrackedTrial:
    trial = TrackedTrial(TrialSpec("t", 0, {}, {}))
    metrics = {"val_mae_all": value, "val_mae_many": value, "val_mae_few": few}
    rows = [{"epoch": epoch, "best_value": value + 1 - epoch} for epoch in range(2)]
    trial.end_earlier(Outcome("t", status, metrics=metrics), rows)
    return trial


def judge(tmp_path: Path, **study: Any) -> Judge:
    return Judge(make_spec(tmp_path, {"s": {"trials": 3, "space": GAMMA, **study}}), "s")


def test_the_mean_over_seeds_and_by_epoch(tmp_path: Path) -> None:
    verdict = judge(tmp_path).verdict([ended(4.0), ended(6.0)], [])
    assert verdict == Verdict(TrialState.COMPLETE, (5.0,), {0: 6.0, 1: 5.0})


def test_one_trial_decides_for_its_point(tmp_path: Path) -> None:
    found = judge(tmp_path)
    assert found.verdict([ended(4.0), TrackedTrial(TrialSpec("u", 1, {}, {}))], []) is None
    for status, state in (("pruned", "PRUNED"), ("stopped", "PRUNED"), ("failed", "FAIL")):
        verdict = found.verdict([ended(4.0), ended(6.0, status)], [])
        assert verdict is not None
        assert verdict.state is TrialState[state]
    several = judge(tmp_path, objectives=MANY_FEW).verdict([ended(4.0, "pruned")], [])
    assert several == Verdict(TrialState.FAIL), "Optuna has no PRUNED with several objectives"


def test_a_constraint_relative_to_the_base_waits_for_it(tmp_path: Path) -> None:
    found = judge(tmp_path, constraints=LIMIT)
    waiting = TrackedTrial(TrialSpec("base", 0, {}, {}))
    assert found.verdict([ended(4.0, few=3.0)], [waiting]) is None
    verdict = found.verdict([ended(4.0, few=3.0)], [ended(9.0, few=2.0)])
    assert verdict is not None
    assert verdict.constraints == {"mae/few at_most base +0.5": pytest.approx(0.5)}
    assert not verdict.feasible
    failed = found.verdict([ended(4.0, few=3.0)], [ended(9.0, "failed")])
    assert failed is not None
    assert (failed.constraints, failed.feasible) == ({}, True)


def test_without_a_metric_that_is_looked_at_it_fails(tmp_path: Path) -> None:
    found = judge(tmp_path, objectives=MANY_FEW)
    missing = found.verdict([ended(4.0, few=None)], [])
    assert missing is not None
    assert (missing.state, missing.own_fault) == (TrialState.FAIL, True)
    nan = Verdict(TrialState.COMPLETE, (math.nan,))
    assert nan.checked() == Verdict(TrialState.FAIL, own_fault=True)


def test_what_a_trial_counts_for() -> None:
    trial = TrackedTrial(TrialSpec("t", 0, {}, {}))
    assert (trial.status, trial.value("val_mae_all")) == ("waiting", None)
    trial.start(0.0)
    assert (trial.status, trial.ended) == ("running", False)
    assert trial.note_objective({"epoch": 0, "best_value": 3.0})
    assert not trial.note_objective({"epoch": 0, "best_value": 2.0}), "the first report counts"
    assert not trial.note_objective({"epoch": 1, "lr": 0.1}), "not validated"
    assert trial.note_objective({"epoch": 2, "best_value": None, "best_epoch": 2})
    assert trial.best_by_epoch == {0: 3.0, 2: pytest.approx(math.nan, nan_ok=True)}
    assert trial.unimproved is None, "one validation an epoch"
    assert trial.note_objective({"epoch": 3, "best_value": 3.0, "unimproved": 5})
    assert trial.unimproved == 5
    trial.end(Outcome("t", "complete", metrics={"val_mae_all": 3.0}))
    assert trial.value("val_mae_all") == 3.0
    assert mean_of([trial]) == {"val_mae_all": 3.0}
    assert math.isnan(ended(3.0, "failed").value("val_mae_all") or 0.0)
    trial.restart()
    assert (trial.status, trial.best_by_epoch, trial.unimproved) == ("waiting", {}, None)


def test_a_failure_is_the_points_own_or_the_machines(tmp_path: Path) -> None:
    found = judge(tmp_path, constraints=LIMIT)
    diverged, crashed = ended(4.0, "failed"), ended(4.0, "failed")
    assert diverged.outcome is not None
    diverged.outcome = replace(diverged.outcome, fault="point")
    base = [ended(4.0)]
    for trials in ([ended(4.0), diverged], [crashed, diverged]):
        verdict = found.verdict(trials, base)
        assert verdict is not None
        assert (verdict.state, verdict.own_fault) == (TrialState.FAIL, True)
        assert verdict.constraints == {"mae/few at_most base +0.5": math.inf}
        assert not verdict.feasible
    of_machine = found.verdict([ended(4.0), crashed], base)
    assert of_machine is not None
    assert (of_machine.state, of_machine.own_fault) == (TrialState.FAIL, False)


def test_an_undefined_constraint_is_broken(tmp_path: Path) -> None:
    limit = [{"metric": "spearman", "at_least": 0.5}]
    verdict = judge(tmp_path, constraints=limit).verdict([ended(4.0)], [])
    assert verdict is not None
    assert (verdict.state, verdict.values) == (TrialState.COMPLETE, (4.0,))
    assert verdict.constraints == {"spearman/all at_least 0.5": math.inf}


def test_a_trial_that_was_stopped_before_it_began_says_nothing(tmp_path: Path) -> None:
    trial = TrackedTrial(TrialSpec("t", 0, {}, {}))
    trial.end(Outcome("t", "stopped", attempts=0))
    assert judge(tmp_path).verdict([trial], []) == Verdict(TrialState.FAIL)
