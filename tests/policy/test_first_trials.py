"""Trials from whose weights others start: trained once, first, and what follows their ends."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from dirsweep.config.trial import TrialSpec
from dirsweep.policy.first_trials import NO_WEIGHTS
from dirsweep.run.events import Required, Retried
from dirsweep.run.ledger import read_state
from dirsweep.run.reuse import FinishedElsewhere
from dirsweep.run.tables import Outcome
from tests.policy.made_policy import MadePolicy, Result, completed, make_spec

SHARED = {"name": "rrt", "first_stage": "shared", "first_reweighting": "none"}
RRT = {"schedule": SHARED, "reweighting": "inv"}
RRT_LDS = {"schedule": SHARED, "reweighting": {"name": "lds", "base": "inv"}}


def train(policy: MadePolicy, trial: TrialSpec, result: Result = completed) -> Outcome:
    """Let a started trial end; one that is asked to stores its network."""
    folder, outcome = policy.folder(trial.trial_id), result(trial)
    folder.begin(trial.to_dict())
    if trial.keeps_model and outcome.status == "complete":
        folder.paths.model.facts.write_json({})
        folder.paths.model.weights.write(b"weights of " + trial.trial_id.encode())
    folder.finish(outcome)
    policy.ended(outcome)
    return outcome


def train_all(policy: MadePolicy, result: Result = completed) -> list[TrialSpec]:
    done = []
    while (trial := policy.next_trial()) is not None:
        train(policy, trial, result)
        done.append(trial)
    return done


def failed(trial: TrialSpec) -> Outcome:
    return Outcome(trial.trial_id, "failed", "the loss became NaN", fault="point")


def schedules(trials: list[TrialSpec]) -> list[tuple[str, int]]:
    return [(trial.config["schedule"]["name"], trial.seed) for trial in trials]


def test_one_first_trial_for_all_that_start_from_it(tmp_path: Path) -> None:
    spec = make_spec(tmp_path, {"s": {"points": [RRT, RRT_LDS]}}, seeds=[0, 1])
    policy = MadePolicy(spec, tmp_path / "run")
    assert policy.view.counts() == {"waiting": 6}
    done = train_all(policy)
    assert schedules(done) == [
        ("plain", 0),
        ("rrt", 0),
        ("plain", 1),
        ("rrt", 1),
        ("rrt", 0),
        ("rrt", 1),
    ]
    first = {trial.seed: trial for trial in done if trial.keeps_model}
    assert {trial.seed for trial in first.values()} == {0, 1}
    for trial in done:
        assert trial.config["reweighting"]["name"] in (
            ("none",) if trial.keeps_model else ("inv", "lds")
        )
        if not trial.keeps_model:
            assert trial.starts_from == first[trial.seed].trial_id
    assert policy.view.finished
    assert policy.view.counts() == {"complete": 6, "waiting": 0}


def test_it_is_the_trial_of_an_equal_point(tmp_path: Path) -> None:
    studies = {"rrt": {"points": [RRT]}, "plain": {"points": [{"batch_size": 16}, {}]}}
    policy = MadePolicy(make_spec(tmp_path, studies), tmp_path / "run")
    done = train_all(policy)
    assert len(done) == len({trial.trial_id for trial in done}) == 3
    assert schedules(done) == [("plain", 0), ("rrt", 0), ("plain", 0)]
    plain = make_spec(tmp_path, {"plain": {"points": [{}]}})
    alone = MadePolicy(plain, tmp_path / "alone").next_trial()
    assert alone is not None
    assert alone.trial_id == done[0].trial_id == done[1].starts_from


def test_a_trial_waits_for_the_one_from_which_it_starts(tmp_path: Path) -> None:
    spec = make_spec(tmp_path, {"s": {"points": [RRT, {"batch_size": 16}]}})
    policy = MadePolicy(spec, tmp_path / "run")
    first, other = policy.next_trial(), policy.next_trial()
    assert first is not None
    assert other is not None
    assert other.config["batch_size"] == 16
    assert policy.next_trial() is None  # the third waits
    assert not policy.view.finished
    assert policy.view.needed_models == {first.trial_id}
    train(policy, first)
    third = policy.next_trial()
    assert third is not None
    assert third.starts_from == first.trial_id
    assert policy.view.needed_models == {first.trial_id}
    train(policy, third)
    assert policy.view.needed_models == set()


def test_the_log_says_what_starts_from_what(tmp_path: Path) -> None:
    spec = make_spec(tmp_path, {"s": {"points": [RRT, RRT_LDS]}})
    policy = MadePolicy(spec, tmp_path / "run")
    done = train_all(policy)
    first, rrt, lds = (trial.trial_id for trial in done)
    assert [(e.trial_id, e.by) for e in policy.events(Required)] == [(first, rrt), (first, lds)]
    state = read_state(policy.paths.ledger)
    assert state.trials[first].required_by == (rrt, lds)
    assert state.trials[rrt].starts_from == first
    assert list(state.proposed_trials()) == [rrt, lds]
    assert list(state.required_trials()) == [first]
    assert state.name(first) == f"s: first stage of {state.label('s', 0)}, seed 0"
    assert state.trials[first].config["schedule"] == {"name": "plain"}


@pytest.mark.parametrize("num_trained", range(4))
def test_a_resumed_run_trains_what_is_left(tmp_path: Path, num_trained: int) -> None:
    spec = make_spec(tmp_path, {"s": {"points": [RRT, RRT_LDS]}})
    undisturbed = [t.trial_id for t in train_all(MadePolicy(spec, tmp_path / "whole"))]
    policy = MadePolicy(spec, tmp_path / "run")
    done = []
    for _ in range(num_trained):
        trial = policy.next_trial()
        assert trial is not None
        train(policy, trial)
        done.append(trial.trial_id)
    policy.next_trial()  # started, and lost with the driver
    policy.close()
    resumed = MadePolicy(spec, tmp_path / "run")
    counts = resumed.view.counts()
    assert (counts.get("complete", 0), sum(counts.values())) == (num_trained, 3)
    done += [trial.trial_id for trial in train_all(resumed)]
    assert done == undisturbed
    events = resumed.events(Required)
    assert len(events) == len({(e.trial_id, e.by) for e in events}) == 2


def test_its_failure_is_the_failure_of_all_that_start_from_it(tmp_path: Path) -> None:
    spec = make_spec(tmp_path, {"s": {"points": [RRT, RRT_LDS, {"batch_size": 16}]}})
    policy = MadePolicy(spec, tmp_path / "run")
    first = policy.next_trial()
    assert first is not None
    train(policy, first, failed)
    (left,) = train_all(policy)
    assert left.config["batch_size"] == 16
    assert policy.view.finished
    assert policy.view.counts() == {"complete": 1, "failed": 3, "waiting": 0}
    reason = (
        f"the trial from whose weights it starts ({first.trial_id}) failed: the loss became NaN"
    )
    for trial in policy.view.trials.values():
        if trial.spec.starts_from is not None:
            found = policy.folder(trial.trial_id).outcome()
            assert found == trial.outcome
            assert found is not None
            assert (found.error, found.fault, found.attempts) == (reason, "point", 0)
    policy.close()

    again = MadePolicy(spec, tmp_path / "run")
    assert again.view.finished
    again.close()
    retried = MadePolicy(spec, tmp_path / "run", retry=frozenset({"failed"}))
    assert schedules(train_all(retried)) == [("plain", 0), ("rrt", 0), ("rrt", 0)]
    assert retried.view.counts() == {"complete": 4, "waiting": 0}


def test_points_added_to_a_failed_first_trial_fail_at_once(tmp_path: Path) -> None:
    policy = MadePolicy(make_spec(tmp_path, {"s": {"points": [{}]}}), tmp_path / "run")
    train_all(policy, failed)
    policy.close()
    extended = MadePolicy(make_spec(tmp_path, {"s": {"points": [{}, RRT]}}), tmp_path / "run")
    assert extended.next_trial() is None
    assert extended.view.counts() == {"failed": 2, "waiting": 0}


@pytest.mark.parametrize("status", ["stopped", "pruned"])
def test_an_end_before_its_end_is_a_failure_of_the_others(tmp_path: Path, status: Any) -> None:
    policy = MadePolicy(make_spec(tmp_path, {"s": {"points": [RRT]}}), tmp_path / "run")
    first = policy.next_trial()
    assert first is not None
    train(policy, first, lambda trial: Outcome(trial.trial_id, status))
    assert policy.view.finished
    (waiting,) = (t for t in policy.view.trials.values() if t.spec.starts_from is not None)
    assert waiting.outcome is not None
    assert waiting.outcome.error == (
        f"the trial from whose weights it starts ({first.trial_id}) was {status} before its end"
    )
    assert waiting.outcome.fault == "machine"


def test_a_trial_without_stored_weights_is_trained_again(tmp_path: Path) -> None:
    plain = MadePolicy(make_spec(tmp_path, {"s": {"points": [{}]}}), tmp_path / "run")
    (first,) = train_all(plain)  # nobody needed its weights then
    plain.close()
    policy = MadePolicy(make_spec(tmp_path, {"s": {"points": [{}, RRT]}}), tmp_path / "run")
    assert [(e.trial_id, e.note) for e in policy.events(Retried)] == [(first.trial_id, NO_WEIGHTS)]
    again, rrt = train_all(policy)
    assert (again.trial_id, again.keeps_model) == (first.trial_id, True)
    assert rrt.starts_from == first.trial_id
    policy.close()
    # nothing is left to do, and nothing is done for weights that nobody needs any more
    policy.folder(first.trial_id).paths.model.delete()
    assert MadePolicy(
        make_spec(tmp_path, {"s": {"points": [{}, RRT]}}), tmp_path / "run"
    ).view.finished


def test_a_trial_that_runs_when_its_weights_become_needed_is_trained_again_at_most_once(
    tmp_path: Path,
) -> None:
    space = {"schedule.epochs": {"choice": [1, 2, 3]}}
    studies = {
        "plain": {"points": [{}]},
        "search": {"trials": 2, "space": space, "base": {"schedule": SHARED}},
    }
    policy = MadePolicy(make_spec(tmp_path, studies), tmp_path / "run")
    first = policy.next_trial()
    assert first is not None
    assert policy.next_trial() is None  # the search has proposed points, which wait
    assert not first.keeps_model
    train(policy, first)
    again = policy.next_trial()
    assert again is not None
    assert (again.trial_id, again.keeps_model) == (first.trial_id, True)
    train(policy, again, lambda t: completed(t))
    assert [trial.starts_from for trial in train_all(policy)] == [first.trial_id] * 2


def test_a_trial_that_cannot_store_its_weights_is_not_trained_forever(tmp_path: Path) -> None:
    policy = MadePolicy(make_spec(tmp_path, {"s": {"points": [RRT, RRT_LDS]}}), tmp_path / "run")
    first = policy.next_trial()
    assert first is not None
    folder = policy.folder(first.trial_id)
    folder.begin(first.to_dict())
    folder.finish(completed(first))
    policy.ended(completed(first))
    assert policy.view.finished
    errors = {t.outcome.error for t in policy.view.trials.values() if t.spec.starts_from}
    assert errors == {
        f"the trial from whose weights it starts ({first.trial_id}) has stored no weights"
    }


def test_schedulers_do_not_end_what_others_wait_for(tmp_path: Path) -> None:
    studies = {"s": {"points": [{"batch_size": 8}, {}, RRT]}}
    scheduler = {"name": "asha", "grace_epochs": 1, "reduction_factor": 2}
    spec = make_spec(tmp_path, studies, scheduler=scheduler)
    policy = MadePolicy(spec, tmp_path / "run")
    good, first = policy.next_trial(), policy.next_trial()
    assert good is not None
    assert first is not None
    assert policy.observe(good.trial_id, {"epoch": 0, "best_value": 1.0}) is False
    assert policy.observe(first.trial_id, {"epoch": 0, "best_value": 9.0}) is False
    policy.close()

    without = make_spec(tmp_path, {"s": {"points": [{"batch_size": 8}, {}]}}, scheduler=scheduler)
    policy = MadePolicy(without, tmp_path / "without")
    good, first = policy.next_trial(), policy.next_trial()
    assert policy.observe(good.trial_id, {"epoch": 0, "best_value": 1.0}) is False
    assert policy.observe(first.trial_id, {"epoch": 0, "best_value": 9.0}) is True


def test_weights_of_neighbouring_runs_are_used(tmp_path: Path) -> None:
    spec = make_spec(tmp_path, {"s": {"points": [RRT]}})
    other = MadePolicy(spec, tmp_path / "runs" / "other")
    first, rrt = train_all(other)
    other.close()
    shutil.rmtree(tmp_path / "runs" / "other" / "trials" / rrt.trial_id)

    plain = MadePolicy(make_spec(tmp_path, {"s": {"points": [{}]}}), tmp_path / "runs" / "run")
    train_all(plain)
    plain.close()

    class Reusing(MadePolicy):
        def _plan(self) -> None:
            self.records.elsewhere = FinishedElsewhere(tmp_path / "runs" / "run")
            super()._plan()

    policy = Reusing(make_spec(tmp_path, {"s": {"points": [{}, RRT]}}), tmp_path / "runs" / "run")
    assert policy.events(Retried) == []
    weights = policy.folder(first.trial_id).paths.model.weights
    assert weights.read() == b"weights of " + first.trial_id.encode()
    assert [trial.starts_from for trial in train_all(policy)] == [first.trial_id]


def test_budgets_count_the_second_stage_alone(tmp_path: Path) -> None:
    rrt = {**RRT, "schedule": {**SHARED, "epochs": 4}}
    spec = make_spec(tmp_path, {"s": {"points": [rrt]}}, budget={"trials": 1, "wall_hours": 9})
    policy = MadePolicy(spec, tmp_path / "run")
    first = policy.next_trial()
    assert first is not None
    policy.observe(first.trial_id, {"epoch": 0, "epoch_time_s": 60.0})
    assert policy.budget.remaining_s(policy.view.trials[first.trial_id]) == 8 * 60
    train(policy, first)
    assert policy.next_trial() is None  # the limit of one trial
    assert policy.view.exhausted
    (waiting,) = policy.view.queue
    assert policy.view.trials[waiting].config.total_epochs == 4
