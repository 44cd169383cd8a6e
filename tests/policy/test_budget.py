"""Budgets, with a clock that is told what time it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dirsweep.config.resources import BudgetSpec, MoneySpec
from dirsweep.config.sweep import SweepSpec
from dirsweep.config.trial import TrialSpec
from dirsweep.policy.budget import Budget, Usage
from dirsweep.policy.sweep_view import SweepView
from dirsweep.policy.tracked_trial import TrackedTrial
from dirsweep.run.events import Ended, Proposed, SessionStarted, Started
from dirsweep.run.state import RunState
from dirsweep.run.tables import Outcome
from tests.flow.driving import Listener, check_sound, run_here, tiny_sweep
from tests.policy.made_policy import MadePolicy, make_spec

HOUR = 3600.0


class Clock:
    """Seconds."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def _sweep(tmp_path: Path, budget: dict[str, Any], **more: Any) -> SweepSpec:
    studies = {"g": {"grid": {"batch_size": [8, 16, 32, 64]}}}
    return make_spec(
        tmp_path, studies, budget=budget, base={"backbone": "tiny", "epochs": 10}, **more
    )


def _end(policy: MadePolicy, trial: TrialSpec, seconds: float) -> None:
    folder = policy.folder(trial.trial_id)
    folder.begin(trial.to_dict())
    outcome = Outcome(
        trial.trial_id, "complete", metrics={"val_mae_all": 1.0}, num_epochs=10, wall_time_s=seconds
    )
    folder.finish(outcome)
    policy.ended(outcome)


def _one_by_one(policy: MadePolicy, clock: Clock, seconds: float) -> int:
    done = 0
    while (trial := policy.next_trial()) is not None:
        clock.now += seconds
        _end(policy, trial, seconds)
        done += 1
    return done


def test_so_many_trials_and_no_more_also_in_the_next_session(tmp_path: Path, clock: Clock) -> None:
    spec = _sweep(tmp_path, {"trials": 2})
    for expected in (2, 0):
        policy = MadePolicy(spec, tmp_path / "run", clock=clock)
        assert _one_by_one(policy, clock, 1.0) == expected
        assert policy.view.exhausted
        assert not policy.view.finished
        assert policy.take_notes() == ["budget used up: 2 of 2 trials; 2 trials are left"]
        policy.close()
    policy = MadePolicy(_sweep(tmp_path, {"trials": 9}), tmp_path / "run", clock=clock)
    assert _one_by_one(policy, clock, 1.0) == 2
    assert policy.view.finished
    assert not policy.view.exhausted


@pytest.mark.parametrize(
    ("budget", "cpu", "expected"),
    [
        ({"cpu_hours": 2.7}, 1, 2),  # a third would end at 3, and 2.7 with its grace are 2.97
        ({"cpu_hours": 2.8}, 1, 3),  # 3 lie within the grace of 2.8, which is 3.08
        ({"cpu_hours": 4.1}, 2, 2),
        ({"wall_hours": 1.5}, 1, 1),
        ({"money": {"limit": 1.0, "cpu_hour": 0.25}}, 2, 2),
        ({"gpu_hours": 1.0}, 1, 4),  # no GPU is used
    ],
)
def test_no_trial_begins_that_could_not_be_finished(
    tmp_path: Path, clock: Clock, budget: dict[str, Any], cpu: int, expected: int
) -> None:
    policy = MadePolicy(
        _sweep(tmp_path, budget, resources={"cpu": cpu}), tmp_path / "run", clock=clock
    )
    assert _one_by_one(policy, clock, HOUR) == expected
    assert policy.view.exhausted is (expected < 4)
    if policy.view.exhausted:
        name = next(iter(budget)).replace("_", " ")
        (note,) = policy.take_notes()
        assert name in note
        left = "1 trial is left" if expected == 3 else f"{4 - expected} trials are left"
        assert note.endswith(left)


def _rows(policy: MadePolicy, trial: TrialSpec, epochs: int, seconds: float) -> None:
    for epoch in range(epochs):
        policy.observe(trial.trial_id, {"epoch": epoch, "best_value": 1.0, "epoch_time_s": seconds})


def test_at_the_limit_what_is_nearly_done_is_finished(tmp_path: Path, clock: Clock) -> None:
    policy = MadePolicy(_sweep(tmp_path, {"cpu_hours": 2.0}), tmp_path / "run", clock=clock)
    near, far = policy.next_trial(), policy.next_trial()
    assert near is not None
    assert far is not None
    clock.now += HOUR
    _rows(policy, near, 9, 400.0)
    _rows(policy, far, 2, 1800.0)
    policy.check_budget()
    assert policy.view.exhausted
    assert not policy.view.stopping, "400 of 720 seconds of grace are enough for one of them"
    assert policy.take_notes() == [
        "budget used up: 2 of 2 cpu hours; 2 trials are left, 2 are running, 1 of them nearly done"
    ]
    assert policy.next_trial() is None
    policy.check_budget()
    assert policy.take_notes() == []
    clock.now += 400
    _end(policy, near, HOUR + 400)
    policy.check_budget()
    assert policy.view.stopping, "the other one is interrupted and keeps its checkpoint"


def test_the_grace_is_shared_by_those_who_run(tmp_path: Path, clock: Clock) -> None:
    for budget, kept in (
        ({"cpu_hours": 2.0}, 1),
        ({"wall_hours": 1.0}, 0),
        ({"wall_hours": 0.999}, 0),
    ):
        policy = MadePolicy(_sweep(tmp_path, budget), tmp_path / str(budget), clock=clock)
        running = [policy.next_trial(), policy.next_trial()]
        clock.now += HOUR
        for trial in running:
            assert trial is not None
            _rows(policy, trial, 9, 400.0)
        assert policy.budget is not None
        assert len(policy.budget.nearly_done()) == kept
        policy.close()


def test_what_was_done_before_counts(tmp_path: Path, clock: Clock) -> None:
    spec = _sweep(tmp_path, {"cpu_hours": 1.0})
    first = MadePolicy(spec, tmp_path / "run", clock=clock)
    trial = first.next_trial()
    assert trial is not None
    folder = first.folder(trial.trial_id)
    folder.begin(trial.to_dict())
    folder.write_epochs([{"epoch": epoch, "epoch_time_s": 600.0} for epoch in range(5)])
    first.close()
    second = MadePolicy(spec, tmp_path / "run", clock=clock)
    assert second.budget is not None
    (usage,) = second.budget.usages()
    assert usage.used == pytest.approx(50 / 60)
    assert second.budget.remaining_s(second.view.trials[trial.trial_id]) == 3000
    assert second.next_trial() is None, "another 50 minutes are too much"
    assert second.view.exhausted


def test_what_another_run_trained_costs_nothing(tmp_path: Path, clock: Clock) -> None:
    spec = _sweep(tmp_path, {"cpu_hours": 1.0})
    probe = MadePolicy(spec, tmp_path / "probe", clock=clock)
    trial = probe.next_trial()
    assert trial is not None
    folder = MadePolicy(spec, tmp_path / "run", clock=clock).folder(trial.trial_id)
    folder.begin(trial.to_dict())
    folder.finish(
        Outcome(trial.trial_id, "complete", metrics={"val_mae_all": 1.0}, wall_time_s=10 * HOUR)
    )
    policy = MadePolicy(spec, tmp_path / "run", clock=clock)
    assert policy.budget is not None
    assert [usage.used for usage in policy.budget.usages()] == [0.0]


def test_wall_time_is_that_of_the_sessions() -> None:
    def at(minute: int) -> str:
        return f"2026-01-01T00:{minute:02}:00+00:00"

    history = [
        SessionStarted(at(0)),
        Started("a", at(1)),
        Ended("a", "complete", time=at(10)),
        SessionStarted(at(30)),
        Started("b", at(31)),
    ]
    assert RunState.of(history).wall_time_s == (10 + 1) * 60
    assert RunState().wall_time_s == 0.0


def test_a_second_stage_counts_for_the_time_that_a_trial_needs(
    tmp_path: Path, clock: Clock
) -> None:
    rrt = {"schedule": {"name": "rrt", "epochs": 4}}
    spec = make_spec(
        tmp_path,
        {"p": {"points": [rrt]}},
        budget={"cpu_hours": 100.0},
        base={"backbone": "tiny", "epochs": 10},
    )
    policy = MadePolicy(spec, tmp_path / "run", clock=clock)
    trial = policy.next_trial()
    assert trial is not None
    assert policy.budget is not None
    policy.observe(trial.trial_id, {"epoch": 8, "epoch_time_s": 60.0})
    assert policy.budget.remaining_s(policy.view.trials[trial.trial_id]) == (14 - 9) * 60
    policy.observe(trial.trial_id, {"epoch": 10, "epoch_time_s": 20.0})
    assert policy.budget.remaining_s(policy.view.trials[trial.trial_id]) == (14 - 11) * 20


def test_money_is_the_price_of_what_a_trial_holds(tmp_path: Path, clock: Clock) -> None:
    limits = BudgetSpec(money=MoneySpec(limit=10, cpu_hour=0.05, gpu_hour=2.0), gpu_hours=4.0)
    sweep = _sweep(tmp_path, limits.to_dict(), resources={"cpu": 4})
    state = RunState.of([Proposed("g", 0, {}, (0,), ("t",)), Started("t")])
    view = SweepView(sweep, state, fingerprint="f")
    budget = Budget(limits, view, clock)
    budget.gpu = 0.5
    view.trials["t"] = TrackedTrial(TrialSpec("t", 0, {"epochs": 10}, {}))
    view.queue.append("t")
    view.start("t", clock())
    clock.now += 2 * HOUR
    gpu, money = budget.usages()
    assert gpu == Usage("gpu_hours", 1.0, 4.0, 0.5 / HOUR)
    assert money.used == pytest.approx(2 * (4 * 0.05 + 0.5 * 2.0))
    assert str(money) == "2.4 of 10 money"


def test_a_run_ends_with_its_budget_and_goes_on_with_a_larger_one(tmp_path: Path) -> None:
    listener = Listener()
    sweep = tiny_sweep(tmp_path, budget={"trials": 1})
    assert run_here(sweep, tmp_path / "run", listener) == 0
    assert [status for _, status, _ in listener.ended] == ["complete"]
    assert listener.messages[-2:] == [
        "budget used up: 1 of 1 trial; 2 trials are left",
        "finished trials are kept; unfinished ones resume from their checkpoints once the "
        "budget is raised",
    ]
    listener = Listener()
    sweep = tiny_sweep(tmp_path, budget={"cpu_hours": 1e-7}, base={"epochs": 400})
    assert run_here(sweep, tmp_path / "cut", listener) == 0
    assert listener.ended == []
    assert "1e-07 cpu hours" in listener.messages[-2]
    check_sound(tmp_path / "cut")
    sweep = tiny_sweep(tmp_path, budget={"trials": 5})
    assert run_here(sweep, tmp_path / "run", Listener()) == 0
    assert set(check_sound(tmp_path / "run").trials()["status"].to_pylist()) == {"complete"}
