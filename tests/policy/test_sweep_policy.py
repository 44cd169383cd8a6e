"""Who is trained next: order, duplicates, seeds, pruning, and taking up a search that was cut
off.
"""

from __future__ import annotations

import heapq
import math
import random
import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState

from dirsweep.config.sweep import SweepSpec
from dirsweep.config.trial import TrialSpec
from dirsweep.errors import StoreError
from dirsweep.run.collect import collect
from dirsweep.run.events import Ended, Proposed, Raced, Retried, Warmed
from dirsweep.run.folder import RunPaths, TrialFolder
from dirsweep.run.ledger import Ledger
from dirsweep.run.records import RunRecords
from dirsweep.run.tables import Outcome
from tests.policy.made_policy import (
    GAMMA,
    MANY_FEW,
    SPACE,
    MadePolicy,
    completed,
    drain,
    loss_of,
    make_spec,
    step,
    two_sided,
)


def test_planned_points_first_then_the_sampler(tmp_path: Path) -> None:
    spec = make_spec(
        tmp_path,
        {"search": {"trials": 3, "space": SPACE}, "grid": {"grid": {"batch_size": [8, 16]}}},
    )
    policy = MadePolicy(spec, tmp_path / "run")
    assert policy.view.num_trials == 5
    done = drain(policy)
    assert [trial.config["batch_size"] for trial in done[:2]] == [8, 16]
    assert len(done) == 5
    assert policy.view.finished
    assert len(policy.overrides("search")) == 3


def test_equal_trials_of_several_studies_are_trained_once(tmp_path: Path) -> None:
    spec = make_spec(
        tmp_path,
        {
            "a": {"grid": {"batch_size": [16, 32]}},
            "b": {"points": [{"batch_size": 32}, {"epochs": 3}]},
        },
    )
    policy = MadePolicy(spec, tmp_path / "run")
    done = drain(policy)
    assert len(done) == len({trial.trial_id for trial in done}) == 3
    shared = next(trial for trial in policy.view.trials.values() if len(trial.points) == 2)
    assert {point.study for point in shared.points} == {"a", "b"}


def test_every_seed_of_a_point_and_one_optuna_trial_per_point(tmp_path: Path) -> None:
    spec = make_spec(tmp_path, {"search": {"trials": 4, "seeds": [0, 1, 2], "space": SPACE}})
    policy = MadePolicy(spec, tmp_path / "run")
    done = drain(policy)
    assert len(done) == 12
    trials = policy.optuna_trials("search")
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 4
    first = [loss_of(trial) for trial in done if trial.config == done[0].config]
    assert trials[0].value == pytest.approx(sum(first) / 3)


SAMPLERS = [
    {"name": "tpe", "n_startup_trials": 3},
    {"name": "random"},
    {"name": "qmc"},
    {"name": "nsga2"},
    {"name": "gp", "n_startup_trials": 3},
    {"name": "cmaes"},
]


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda s: s["name"])
@pytest.mark.parametrize("cut", [1, 5])
def test_a_search_cut_off_goes_on_as_if_it_had_not_been(
    tmp_path: Path, sampler: dict[str, Any], cut: int
) -> None:
    space = {
        "regularizers.ranksim.gamma": {"log_uniform": [1, 1000]},
        "optimizer.lr": {"log_uniform": [1e-4, 1e-1]},
    }
    spec = make_spec(
        tmp_path, {"search": {"trials": 8, "sampler": {**sampler, "seed": 3}, "space": space}}
    )
    whole = MadePolicy(spec, tmp_path / "whole")
    drain(whole)
    first = MadePolicy(spec, tmp_path / "cut")
    drain(first, limit=cut)
    first.close()
    second = MadePolicy(spec, tmp_path / "cut")
    rest = drain(second)
    assert len(rest) == 8 - cut, "finished trials are not run again, and none is lost"
    assert second.overrides("search") == whole.overrides("search")
    states = [trial.state for trial in second.optuna_trials("search")]
    assert states == [TrialState.COMPLETE] * 8


def test_killed_between_proposal_and_end_the_trial_is_taken_up(tmp_path: Path) -> None:
    spec = make_spec(tmp_path, {"search": {"trials": 3, "space": SPACE}})
    first = MadePolicy(spec, tmp_path / "run")
    begun = first.next_trial()
    assert begun is not None
    first.close()
    again = MadePolicy(spec, tmp_path / "run")
    assert again.view.num_trials == 3
    done = drain(again)
    assert done[0] == begun
    assert len(done) == 3
    assert all(t.state is TrialState.COMPLETE for t in again.optuna_trials("search"))


def test_failed_pruned_and_nan_are_told_as_such(tmp_path: Path) -> None:
    spec = make_spec(tmp_path, {"search": {"trials": 4, "space": SPACE}})
    policy = MadePolicy(spec, tmp_path / "run")
    step(policy, lambda t: Outcome(t.trial_id, "failed", "boom"))
    step(policy, lambda t: Outcome(t.trial_id, "pruned", metrics={"val_mae_all": 3.0}))
    step(policy, lambda t: Outcome(t.trial_id, "complete", metrics={"val_mae_all": None}))
    step(policy)
    states = [trial.state for trial in policy.optuna_trials("search")]
    assert states == [TrialState.FAIL, TrialState.PRUNED, TrialState.FAIL, TrialState.COMPLETE]
    assert policy.view.counts()["failed"] == 1


def test_failed_trials_stay_unless_wanted_again(tmp_path: Path) -> None:
    spec = make_spec(tmp_path, {"a": {"grid": {"batch_size": [16, 32]}}})
    first = MadePolicy(spec, tmp_path / "run")
    step(first, lambda t: Outcome(t.trial_id, "failed", "boom"))
    step(first)
    first.close()
    second = MadePolicy(spec, tmp_path / "run")
    assert second.view.finished
    assert drain(second) == []
    second.close()
    third = MadePolicy(spec, tmp_path / "run", retry=frozenset({"failed"}))
    assert len(drain(third)) == 1


def test_a_sweep_can_grow(tmp_path: Path) -> None:
    small = {"g": {"grid": {"batch_size": [16]}}, "search": {"trials": 2, "space": SPACE}}
    first = MadePolicy(make_spec(tmp_path, small), tmp_path / "run")
    before = {trial.trial_id for trial in drain(first)}
    first.close()
    grown = {
        "g": {"grid": {"batch_size": [16, 32]}, "seeds": [0, 1]},
        "search": {"trials": 4, "space": SPACE},
    }
    second = MadePolicy(make_spec(tmp_path, grown), tmp_path / "run")
    new = {trial.trial_id for trial in drain(second)}
    assert not before & new
    assert len(new) == 3 + 2, "a second point, a second seed of both, two proposals more"
    assert len(second.optuna_trials("search")) == 4


def test_start_points_come_first_and_the_sampler_knows_them(tmp_path: Path) -> None:
    start = [{"regularizers.ranksim.gamma": 50.0, "batch_size": 32, "regularizers.conr": False}]
    spec = make_spec(tmp_path, {"search": {"trials": 3, "start": start, "space": SPACE}})
    policy = MadePolicy(spec, tmp_path / "run")
    done = drain(policy)
    assert done[0].config["regularizers"]["ranksim"]["gamma"] == 50.0
    trials = policy.optuna_trials("search")
    assert len(done) == len(trials) == 3, "start points count among the trials"
    assert trials[0].params["regularizers.ranksim.gamma"] == 50.0


def test_conditional_keys_exist_only_when_their_switch_is_on(tmp_path: Path) -> None:
    spec = make_spec(
        tmp_path,
        {"search": {"trials": 20, "sampler": {"name": "random", "seed": 1}, "space": SPACE}},
    )
    policy = MadePolicy(spec, tmp_path / "run")
    drain(policy)
    points = policy.overrides("search")
    assert {point["regularizers.conr"] for point in points} == {True, False}
    assert all(
        ("regularizers.conr.beta" in point) == point["regularizers.conr"] for point in points
    )


def _observe_curve(policy: MadePolicy, trial: TrialSpec, values: list[float]) -> int:
    """Epochs trained until the scheduler ends it."""
    for epoch, value in enumerate(values):
        if policy.observe(trial.trial_id, {"epoch": epoch, "best_value": value}):
            return epoch + 1
    return len(values)


def test_asha_ends_the_worse_and_never_a_planned_point_of_a_study_without_scheduler(
    tmp_path: Path,
) -> None:
    asha = {"name": "asha", "grace_epochs": 2, "reduction_factor": 2}
    spec = make_spec(
        tmp_path,
        {
            "search": {"trials": 4, "space": SPACE},
            "plain": {"points": [{}], "scheduler": "none"},
        },
        scheduler=asha,
    )
    policy = MadePolicy(spec, tmp_path / "run")
    trials = [policy.next_trial() for _ in range(5)]
    lengths = []
    for level, trial in enumerate(trials):
        assert trial is not None
        lengths.append(_observe_curve(policy, trial, [10.0 + level] * 8))
        status = "complete" if lengths[-1] == 8 else "pruned"
        outcome = Outcome(trial.trial_id, status, metrics={"val_mae_all": 10.0 + level})
        folder = policy.folder(trial.trial_id)
        folder.begin(trial.to_dict())
        folder.finish(outcome)
        policy.ended(outcome)
    assert lengths[0] == 8, "the plain study has no scheduler"
    assert lengths[1] == 8, "the best of the search"
    assert lengths[2:] == [2, 2, 2]
    states = [trial.state for trial in policy.optuna_trials("search")]
    assert states.count(TrialState.PRUNED) == 3
    assert policy.optuna_trials("search")[1].intermediate_values == {
        1: 12.0,
        2: 12.0,
    }


def _finished(root: Path, trial: TrialSpec, values: list[float]) -> None:
    """A trial's folder as another run has left it."""
    folder = TrialFolder(RunPaths(root).trial(trial.trial_id))
    folder.begin(trial.to_dict())
    folder.write_epochs(
        [{"epoch": epoch, "best_value": value} for epoch, value in enumerate(values)]
    )
    folder.finish(
        Outcome(
            trial.trial_id, "complete", metrics={"val_mae_all": values[-1]}, num_epochs=len(values)
        )
    )


@pytest.mark.parametrize(
    "study",
    [
        {"grid": {"batch_size": [8, 16, 32, 64, 128, 256]}},
        {
            "trials": 6,
            "space": {"optimizer.lr": {"log_uniform": [1e-4, 1e-1]}},
            "sampler": {"name": "random", "seed": 1},
        },
    ],
    ids=["planned", "proposed"],
)
def test_schedulers_know_what_was_taken_over(tmp_path: Path, study: dict[str, Any]) -> None:
    """Median: five trials at 1.0 are taken over, a sixth at 2.0 is ended; without them nobody could
    judge it.
    """
    median = {"name": "median", "grace_epochs": 1, "min_trials": 5}
    spec, root = make_spec(tmp_path, {"s": study}, scheduler=median), tmp_path / "run"
    trials = drain(MadePolicy(spec, tmp_path / "first"))
    for trial in trials[:5]:
        _finished(root, trial, [1.0] * 5)
    policy = MadePolicy(spec, root, reused_from="first-run")
    last = policy.next_trial()
    assert last is not None
    assert last.trial_id == trials[5].trial_id
    ends = policy.events(Ended)
    assert [(event.trial_id, event.reused_from) for event in ends] == [
        (trial.trial_id, "first-run") for trial in trials[:5]
    ]
    assert policy.observe(last.trial_id, {"epoch": 1, "best_value": 2.0}) is True
    policy.close()
    again = MadePolicy(spec, root, reused_from="first-run")
    assert again.events(Ended) == ends, "noted once"
    assert again.observe(last.trial_id, {"epoch": 1, "best_value": 2.0}) is True, (
        "also by the next driver"
    )
    alone = MadePolicy(spec, tmp_path / "alone")
    first = alone.next_trial()
    assert first is not None
    assert alone.observe(first.trial_id, {"epoch": 1, "best_value": 2.0}) is False


def test_a_trial_begun_here_and_finished_elsewhere_is_noted_as_taken_over(tmp_path: Path) -> None:
    root = tmp_path / "run"
    spec = make_spec(tmp_path, {"s": {"points": [{}, {"batch_size": 16}]}}, budget={"cpu_hours": 1})
    begun = MadePolicy(spec, root)
    trial = begun.next_trial()
    assert trial is not None
    begun.close()
    _finished(root, trial, [1.0])  # copied from a run beside
    again = MadePolicy(spec, root, reused_from="other")
    ends = again.events(Ended)
    assert [(event.trial_id, event.reused_from) for event in ends] == [(trial.trial_id, "other")]
    assert again.budget is not None
    assert trial.trial_id not in again.view.state.begun, "what it took was the other run's"


def test_a_retry_that_is_killed_half_way_is_a_trial_that_was_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "run"
    spec = make_spec(tmp_path, {"s": {"points": [{}]}})
    policy = MadePolicy(spec, root)
    trial = policy.next_trial()
    assert trial is not None
    folder = policy.folder(trial.trial_id)
    folder.begin(trial.to_dict())
    folder.finish(Outcome(trial.trial_id, "failed", error="out of memory"))

    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(policy.ledger, "append", killed)
    with pytest.raises(KeyboardInterrupt):
        policy.retry(Retried(trial.trial_id, "tried again with 1"))
    policy.close()
    with Ledger(RunPaths(root).ledger) as ledger:
        RunRecords(RunPaths(root), ledger).settle()
    assert [done.trial_id for done in drain(MadePolicy(spec, root))] == [trial.trial_id]


def test_sampler_arguments_are_checked(tmp_path: Path) -> None:
    from dirsweep.errors import SpecError

    with pytest.raises(SpecError, match="n_startups"):
        MadePolicy(
            make_spec(
                tmp_path,
                {"s": {"trials": 1, "sampler": {"name": "tpe", "n_startups": 3}, "space": SPACE}},
            ),
            tmp_path / "run",
        )


def test_tpe_finds_the_better_half(tmp_path: Path) -> None:
    spec = make_spec(
        tmp_path, {"s": {"trials": 40, "sampler": {"name": "tpe", "seed": 0}, "space": SPACE}}
    )
    done = drain(MadePolicy(spec, tmp_path / "run"))
    losses = [loss_of(trial) for trial in done]
    assert sum(losses[20:]) < sum(losses[:20]), "what was told is used"


# ---- several objectives, constraints


@pytest.mark.parametrize(
    "sampler",
    ["tpe", "nsga2", "nsga3", "random", "qmc", {"name": "gp", "n_startup_trials": 3}],
    ids=str,
)
def test_several_objectives_are_told_as_such_also_after_a_cut(tmp_path: Path, sampler: Any) -> None:
    study = {
        "trials": 6,
        "seeds": [0, 1],
        "sampler": sampler,
        "space": GAMMA,
        "objectives": MANY_FEW,
    }
    spec = make_spec(tmp_path, {"s": study})
    whole = MadePolicy(spec, tmp_path / "whole")
    drain(whole, two_sided)
    first = MadePolicy(spec, tmp_path / "cut")
    drain(first, two_sided, limit=5)
    first.close()
    second = MadePolicy(spec, tmp_path / "cut")
    drain(second, two_sided)
    assert second.overrides("s") == whole.overrides("s")
    told = second.optuna_trials("s")
    assert [len(trial.values) for trial in told] == [2] * 6
    gamma = math.log10(told[0].params["regularizers.ranksim.gamma"])
    assert told[0].values == pytest.approx([4 + gamma, 9 - gamma + 0.005])
    front = second.searches["s"].sampled.study.best_trials
    assert len(front) == 6, "each gamma is a compromise of its own"


def test_with_several_objectives_what_did_not_finish_is_a_failure(tmp_path: Path) -> None:
    spec = make_spec(tmp_path, {"s": {"trials": 3, "space": GAMMA, "objectives": MANY_FEW}})
    policy = MadePolicy(spec, tmp_path / "run")
    step(policy, lambda t: Outcome(t.trial_id, "stopped", metrics={"val_mae_many": 3.0}))
    step(
        policy,
        lambda t: Outcome(
            t.trial_id, "complete", metrics={"val_mae_all": 1.0, "val_mae_many": 3.0}
        ),
    )
    step(policy, two_sided)
    states = [trial.state for trial in policy.optuna_trials("s")]
    assert states == [TrialState.FAIL, TrialState.FAIL, TrialState.COMPLETE]


def test_a_fixed_constraint_reaches_optuna(tmp_path: Path) -> None:
    study = {
        "trials": 8,
        "space": GAMMA,
        "objectives": ["mae"],
        "constraints": [{"region": "few", "at_most": 7.5}],
    }
    spec = make_spec(tmp_path, {"s": study})
    policy = MadePolicy(spec, tmp_path / "run")
    drain(policy, two_sided)
    policy.close()
    for found in (policy, MadePolicy(spec, tmp_path / "run")):
        trials = found.optuna_trials("s")
        for trial in trials:
            few = 9 - math.log10(trial.params["regularizers.ranksim.gamma"])
            assert trial.constraints == {"mae/few at_most 7.5": pytest.approx(few - 7.5)}
        feasible = [t for t in trials if t.constraints["mae/few at_most 7.5"] <= 0]
        assert found.searches["s"].sampled.study.best_trial.value == min(t.value for t in feasible)


def _with_base(tmp_path: Path, **more: Any) -> SweepSpec:
    constraint = {"metric": "mae", "region": "all", "at_most": {"base_plus": 0.5}}
    study = {
        "trials": 5,
        "seeds": [0, 1],
        "space": GAMMA,
        "objectives": [{"metric": "mae", "region": "few"}],
        "constraints": [constraint],
        "base": {"regularizers.ranksim.gamma": 10},
    }
    return make_spec(tmp_path, {"s": study | more})


def test_a_constraint_from_the_base_waits_for_the_base(tmp_path: Path) -> None:
    policy = MadePolicy(_with_base(tmp_path), tmp_path / "run")
    assert policy.overrides("s") == [{"regularizers.ranksim.gamma": 10}]
    running = [policy.next_trial() for _ in range(4)]
    assert running[0] is not None
    assert running[0].config["regularizers"]["ranksim"]["gamma"] == 10
    for trial in (*running[2:], running[0]):
        assert trial is not None
        policy.ended(two_sided(trial))
        assert {t.state for t in policy.optuna_trials("s")} == {TrialState.RUNNING}
    assert running[1] is not None
    policy.ended(two_sided(running[1]))
    trials = policy.optuna_trials("s")
    assert [t.state for t in trials] == [TrialState.COMPLETE] * 2
    gammas = [math.log10(t.params["regularizers.ranksim.gamma"]) for t in trials]
    for trial, gamma in zip(trials, gammas, strict=True):
        assert list(trial.constraints.values()) == [pytest.approx((5 + gamma) - (5 + 1) - 0.5)]


@pytest.mark.parametrize("cut", [1, 2, 5])
def test_a_constraint_from_the_base_survives_a_cut(tmp_path: Path, cut: int) -> None:
    spec = _with_base(tmp_path)
    whole = MadePolicy(spec, tmp_path / "whole")
    drain(whole, two_sided)
    first = MadePolicy(spec, tmp_path / "cut")
    drain(first, two_sided, limit=cut)
    first.close()
    second = MadePolicy(spec, tmp_path / "cut")
    assert len(drain(second, two_sided)) == 10 - cut
    assert second.overrides("s") == whole.overrides("s")
    assert [t.constraints for t in second.optuna_trials("s")] == [
        t.constraints for t in whole.optuna_trials("s")
    ]


def test_when_the_base_fails_its_constraint_is_passed_over(tmp_path: Path) -> None:
    policy = MadePolicy(_with_base(tmp_path, seeds=[0]), tmp_path / "run")
    step(policy, lambda t: Outcome(t.trial_id, "failed", "boom"))
    drain(policy, two_sided)
    trials = policy.optuna_trials("s")
    assert [t.state for t in trials] == [TrialState.FAIL] + [TrialState.COMPLETE] * 4
    assert all(t.constraints == {} for t in trials)


def test_a_base_outside_the_space_is_trained_but_not_told(tmp_path: Path) -> None:
    policy = MadePolicy(
        _with_base(tmp_path, base={"regularizers.ranksim.gamma": 5000}, seeds=[0]), tmp_path / "run"
    )
    assert len(drain(policy, two_sided)) == 5
    trials = policy.optuna_trials("s")
    assert len(trials) == 4
    limit = 5 + math.log10(5000) + 0.5
    gamma = math.log10(trials[0].params["regularizers.ranksim.gamma"])
    assert list(trials[0].constraints.values()) == [pytest.approx(5 + gamma - limit)]


def test_points_proposed_twice_are_counted_twice_also_after_a_cut(tmp_path: Path) -> None:
    space = {"batch_size": {"choice": [16, 32]}}
    spec = make_spec(tmp_path, {"s": {"trials": 6, "sampler": "random", "space": space}})
    first = MadePolicy(spec, tmp_path / "run")
    assert len(drain(first)) == 2
    first.close()
    second = MadePolicy(spec, tmp_path / "run")
    assert second.view.finished
    assert len(second.overrides("s")) == len(second.optuna_trials("s")) == 6


# ---- the same search whatever the timing


def _simulate(
    policy: MadePolicy, workers: int, duration: Callable[[TrialSpec], float], limit: int = 10_000
) -> list[tuple[float, int]]:
    """Train on that many workers at once; return (time, busy workers) after each event.

    At most ``limit`` trials end.
    """
    now, busy, num_ended = 0.0, list[tuple[float, str, TrialSpec]](), 0
    history = []
    while True:
        while len(busy) < workers and (trial := policy.next_trial()) is not None:
            heapq.heappush(busy, (now + duration(trial), trial.trial_id, trial))
        history.append((now, len(busy)))
        if not busy or num_ended == limit:
            return history
        now, _, trial = heapq.heappop(busy)
        outcome = completed(trial)
        folder = policy.folder(trial.trial_id)
        folder.begin(trial.to_dict())
        row = {"epoch": 0, "best_value": outcome.metrics["val_mae_all"]}
        folder.write_epochs([row])
        policy.observe(trial.trial_id, row)
        folder.finish(outcome)
        policy.ended(outcome)
        num_ended += 1


def _reproducible(tmp_path: Path, sampler: Any, **more: Any) -> SweepSpec:
    space = {
        "regularizers.ranksim.gamma": {"log_uniform": [1, 1000]},
        "optimizer.lr": {"log_uniform": [1e-4, 1e-1]},
    }
    study = {
        "trials": 14,
        "seeds": [0, 1],
        "sampler": sampler,
        "space": space,
        "start": [{"regularizers.ranksim.gamma": 3.0}],
    }
    return make_spec(
        tmp_path,
        {"a": study, "b": {"grid": {"batch_size": [8, 16]}}},
        reproducible=True,
        window=3,
        **more,
    )


REPRODUCIBLE = [
    {"name": "tpe", "n_startup_trials": 3},
    "random",
    "qmc",
    {"name": "nsga2", "population_size": 4},
    {"name": "cmaes"},
]


@pytest.mark.parametrize("sampler", REPRODUCIBLE, ids=str)
def test_the_same_points_in_the_same_order_whatever_the_timing(
    tmp_path: Path, sampler: Any
) -> None:
    spec = _reproducible(tmp_path, sampler)
    found = []
    for attempt in range(4):
        rng = random.Random(attempt)
        policy = MadePolicy(spec, tmp_path / f"run{attempt}")
        _simulate(policy, 1 + attempt, lambda trial, rng=rng: rng.expovariate(1.0))  # type: ignore[misc]
        assert policy.view.finished
        found.append((policy.overrides("a"), [t.values for t in policy.optuna_trials("a")]))
    assert all(points == found[0][0] for points, _ in found)
    assert len(found[0][0]) == 14
    if isinstance(sampler, dict) and sampler["name"] == "tpe":
        free = make_spec(tmp_path, spec.to_dict()["studies"], reproducible=False)
        others = []
        for attempt in range(4):
            rng = random.Random(attempt)
            policy = MadePolicy(free, tmp_path / f"free{attempt}")
            _simulate(policy, 3, lambda trial, rng=rng: rng.expovariate(1.0))  # type: ignore[misc]
            others.append(policy.overrides("a"))
        assert any(points != others[0] for points in others), "without it timing does matter"


@pytest.mark.parametrize("sampler", REPRODUCIBLE[:1] + REPRODUCIBLE[3:], ids=str)
def test_reproducible_also_after_cuts(tmp_path: Path, sampler: Any) -> None:
    spec = _reproducible(tmp_path, sampler)
    whole = MadePolicy(spec, tmp_path / "whole")
    _simulate(whole, 2, lambda trial: 1.0)
    rng = random.Random(5)
    for _ in range(12):
        policy = MadePolicy(spec, tmp_path / "cut")
        _simulate(policy, 3, lambda trial: rng.expovariate(1.0), limit=rng.randint(1, 6))
        policy.close()
    last = MadePolicy(spec, tmp_path / "cut")
    assert last.view.finished
    assert last.overrides("a") == whole.overrides("a")


def test_reproducible_idles_no_more_than_the_window_asks(tmp_path: Path) -> None:
    spec = _reproducible(tmp_path, "random")
    history = _simulate(MadePolicy(spec, tmp_path / "even"), 3, lambda trial: 1.0)
    assert history[-1][0] == pytest.approx(10.0), "28 + 2 trials of one second on three workers"
    rng = random.Random(2)
    history = _simulate(
        MadePolicy(spec, tmp_path / "uneven"), 2, lambda trial: rng.uniform(0.5, 1.5)
    )
    spans = pairwise(history)
    idle = sum((after - before) * (2 - busy) for (before, busy), (after, _) in spans)
    assert idle < 0.05 * 2 * history[-1][0]


# ---- racing


RACE = {
    "grid": {"batch_size": [8, 16, 32, 64]},
    "seeds": [0, 1],
    "racing": {"max_seeds": 6, "confidence": 0.95},
}
#: mean of each point; 8 and 16 are hard to tell apart, 64 fails with seed 3
MEANS = {8: 5.0, 16: 5.02, 32: 9.0, 64: 5.01}


def _noisy(trial: TrialSpec) -> Outcome:
    size = trial.config["batch_size"]
    if size == 64 and trial.seed == 3:
        return Outcome(trial.trial_id, "failed", "boom")
    value = MEANS[size] + random.Random(f"{size} {trial.seed}").gauss(0, 0.2)
    return Outcome(trial.trial_id, "complete", metrics={"val_mae_all": value})


def _seeds_by_size(policy: MadePolicy) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for trial in policy.view.trials.values():
        found.setdefault(trial.spec.config["batch_size"], []).append(trial.spec.seed)
    return found


def test_a_race_adds_seeds_to_what_is_open_only(tmp_path: Path) -> None:
    policy = MadePolicy(make_spec(tmp_path, {"r": RACE}), tmp_path / "run")
    assert policy.view.num_trials == 8
    drain(policy, _noisy)
    assert policy.view.finished
    seeds = _seeds_by_size(policy)
    assert seeds[32] == [0, 1], "clearly worse"
    assert seeds[8] == seeds[16] == [0, 1, 2, 3, 4, 5], "open up to the limit"
    assert seeds[64] == [0, 1, 2, 3], "out of the race once it failed"
    rounds = policy.events(Raced)
    assert [event.num_seeds for event in rounds] == [2, 3, 4, 5, 6]
    assert all(2 not in event.open for event in rounds)
    last = [event for event in policy.events(Proposed) if event.index == 0][-1]
    assert last.seeds == (0, 1, 2, 3, 4, 5)
    assert len(last.trial_ids) == 6


def test_a_race_cut_off_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    spec = make_spec(
        tmp_path,
        {"r": RACE, "s": {"trials": 3, "space": {"batch_size": {"choice": [8, 32]}}, "seeds": [4]}},
    )
    whole = MadePolicy(spec, tmp_path / "whole")
    num = len(drain(whole, _noisy))
    rng, done = random.Random(0), 0
    while done < num:
        policy = MadePolicy(spec, tmp_path / "cut")
        done += len(drain(policy, _noisy, limit=rng.randint(1, 3)))
        policy.close()
    last = MadePolicy(spec, tmp_path / "cut")
    assert last.view.finished
    assert done == num
    assert {i: e.status for i, e in last.view.trials.items()} == {
        i: e.status for i, e in whole.view.trials.items()
    }

    def rounds(policy: MadePolicy) -> list[Any]:
        return [(event.num_seeds, event.best, event.open) for event in policy.events(Raced)]

    assert rounds(last) == rounds(whole)


def test_a_search_races_after_its_last_point(tmp_path: Path) -> None:
    study = {
        "trials": 6,
        "sampler": {"name": "random", "seed": 1},
        "space": {"batch_size": {"choice": [8, 16]}},
        **RACE,
    }
    study.pop("grid")
    policy = MadePolicy(make_spec(tmp_path, {"s": study}), tmp_path / "run")
    done = drain(policy, _noisy)
    assert policy.view.finished
    first = max(number for number, trial in enumerate(done) if trial.seed < 2)
    assert all(trial.seed >= 2 for trial in done[first + 1 :])
    assert len(done) > first + 1
    told = policy.optuna_trials("s")
    assert [t.state for t in told] == [TrialState.COMPLETE] * 6, (
        "told once, with the seeds of the search"
    )


def test_points_beyond_a_constraint_do_not_race(tmp_path: Path) -> None:
    def outcome(trial: TrialSpec) -> Outcome:
        found = _noisy(trial)
        return Outcome(
            **{
                **found.to_dict(),
                "metrics": {**found.metrics, "val_mae_few": trial.config["batch_size"]},
            }
        )

    space = {"batch_size": {"choice": [8, 16]}}
    study = {
        "trials": 4,
        "sampler": {"name": "random", "seed": 1},
        "space": space,
        **RACE,
        "constraints": [{"region": "few", "at_most": 10}],
    }
    study.pop("grid")
    policy = MadePolicy(make_spec(tmp_path, {"s": study}), tmp_path / "run")
    drain(policy, outcome)
    assert _seeds_by_size(policy) == {8: [0, 1], 16: [0, 1]}, (
        "one point is left, with nothing to compare it with"
    )


# ---- warm start


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
    policy = MadePolicy(_with_base(tmp_path, warm_start=[run]), tmp_path / "run")
    trials = [t for t in policy.optuna_trials("s") if t.state is TrialState.COMPLETE]
    assert [list(t.constraints.values()) for t in trials] == [
        [pytest.approx(-0.5)],
        [pytest.approx(math.log10(2) - 0.5)],
    ]
    without = _earlier(tmp_path, "second", {"g": {"grid": {"regularizers.ranksim.gamma": [20.0]}}})
    policy = MadePolicy(_with_base(tmp_path, warm_start=[without]), tmp_path / "other")
    assert "left out: 1 without the base" in policy.take_notes()[0]


def test_a_warm_start_from_what_is_no_run(tmp_path: Path) -> None:
    spec = make_spec(
        tmp_path, {"s": {"trials": 3, "space": GAMMA, "warm_start": [str(tmp_path / "nowhere")]}}
    )
    with pytest.raises(StoreError, match="nowhere: no such folder"):
        MadePolicy(spec, tmp_path / "run")


def test_an_example_is_a_trial_of_the_sweep(tmp_path: Path) -> None:
    search = MadePolicy(
        make_spec(tmp_path, {"s": {"trials": 2, "space": GAMMA, "seeds": [3]}}), tmp_path / "search"
    )
    assert (
        search.example().seed,
        search.example().config["regularizers"],
        len(search.view.trials),
    ) == (3, {}, 0)
    grid = MadePolicy(
        make_spec(tmp_path, {"g": {"grid": {"batch_size": [8, 16]}}}), tmp_path / "grid"
    )
    assert grid.example() == grid.next_trial()
