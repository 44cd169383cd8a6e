"""Several objectives and constraints of a search."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState

from dirsweep.run.tables import Outcome
from tests.policy.made_policy import (
    GAMMA,
    MANY_FEW,
    MadePolicy,
    drain,
    make_spec,
    spec_with_base,
    step,
    two_sided,
)


@pytest.mark.parametrize(
    "sampler",
    [
        "tpe",
        "nsga2",
        "nsga3",
        "random",
        "qmc",
        pytest.param({"name": "gp", "n_startup_trials": 3}, marks=pytest.mark.slow, id="gp"),
    ],
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


def test_with_several_objectives_a_point_without_one_of_them_is_the_worst(tmp_path: Path) -> None:
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
    stopped, undefined, whole = policy.optuna_trials("s")
    assert stopped.state is TrialState.FAIL
    assert undefined.state is whole.state is TrialState.COMPLETE
    assert undefined.values == whole.values, "the worst values known"


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


def test_a_constraint_from_the_base_waits_for_the_base(tmp_path: Path) -> None:
    policy = MadePolicy(spec_with_base(tmp_path), tmp_path / "run")
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
    spec = spec_with_base(tmp_path)
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
    policy = MadePolicy(spec_with_base(tmp_path, seeds=[0]), tmp_path / "run")
    step(policy, lambda t: Outcome(t.trial_id, "failed", "boom"))
    drain(policy, two_sided)
    trials = policy.optuna_trials("s")
    assert [t.state for t in trials] == [TrialState.FAIL] + [TrialState.COMPLETE] * 4
    assert all(t.constraints == {} for t in trials)


def test_a_base_outside_the_space_is_trained_but_not_told(tmp_path: Path) -> None:
    policy = MadePolicy(
        spec_with_base(tmp_path, base={"regularizers.ranksim.gamma": 5000}, seeds=[0]),
        tmp_path / "run",
    )
    assert len(drain(policy, two_sided)) == 5
    trials = policy.optuna_trials("s")
    assert len(trials) == 4
    limit = 5 + math.log10(5000) + 0.5
    gamma = math.log10(trials[0].params["regularizers.ranksim.gamma"])
    assert list(trials[0].constraints.values()) == [pytest.approx(5 + gamma - limit)]


@pytest.mark.parametrize("sampler", ["random", "tpe", "nsga2"])
def test_no_point_is_proposed_twice_while_there_are_others(tmp_path: Path, sampler: str) -> None:
    space = {"batch_size": {"choice": [8, 16]}, "epochs": {"choice": [1, 2, 3, 4]}}
    spec = make_spec(tmp_path, {"s": {"trials": 8, "sampler": sampler, "space": space}})
    first = MadePolicy(spec, tmp_path / "run")
    drain(first, limit=5)
    first.close()
    second = MadePolicy(spec, tmp_path / "run")
    drain(second)
    assert len({str(overrides) for overrides in second.overrides("s")}) == 8


def test_points_proposed_twice_are_counted_twice_also_after_a_cut(tmp_path: Path) -> None:
    space = {"batch_size": {"choice": [16, 32]}}
    spec = make_spec(tmp_path, {"s": {"trials": 6, "sampler": "random", "space": space}})
    first = MadePolicy(spec, tmp_path / "run")
    assert len(drain(first)) == 2
    first.close()
    second = MadePolicy(spec, tmp_path / "run")
    assert second.view.finished
    assert len(second.overrides("s")) == len(second.optuna_trials("s")) == 6
