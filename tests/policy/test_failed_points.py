"""What samplers learn from points that fail, and that a search rebuilt from the log knows the same.

Every point with a learning rate above 1 diverges: two thirds of the range 1e-3 to 1e6.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import FrozenTrial, TrialState

from dirsweep.config.trial import TrialSpec
from dirsweep.errors import SpecError
from dirsweep.policy import search as search_policy
from dirsweep.run.tables import Outcome
from tests.policy.made_policy import MANY_FEW, MadePolicy, drain, make_spec

SPACE = {
    "optimizer.lr": {"log_uniform": [1e-3, 1e6]},
    "optimizer.weight_decay": {"log_uniform": [1e-6, 1e-2]},
}
SAMPLERS: dict[str, dict[str, Any]] = {
    "tpe": {"name": "tpe"},
    "gp": {"name": "gp"},
    "cmaes": {"name": "cmaes"},
    "nsga2": {"name": "nsga2", "population_size": 8},
    "nsga3": {"name": "nsga3", "population_size": 8},
    "random": {"name": "random"},
    "qmc": {"name": "qmc"},
}
#: samplers that leave the region within 45 points; before, they proposed 14 to 17 of the last 20
#: points in it. (NSGA mates the points that did not fail, with or without the others.)
LEARNING = ["tpe", "gp", "cmaes"]
GOALS: dict[str, dict[str, Any]] = {
    "one objective": {},
    "two objectives": {"objectives": MANY_FEW},
    "constrained": {"constraints": [{"metric": "mae", "region": "few", "at_most": 5.5}]},
}


def combinations() -> list[Any]:
    found = []
    for sampler in SAMPLERS:
        for goal in GOALS:
            if sampler != "cmaes" or goal == "one objective":
                marks = [pytest.mark.slow] if sampler == "gp" else []
                found.append(pytest.param(sampler, goal, id=f"{sampler}, {goal}", marks=marks))
    return found


def lr_of(trial: TrialSpec) -> float:
    return float(trial.config["optimizer"]["lr"])


def result(trial: TrialSpec, fault: Any = "point") -> Outcome:
    """Best at a learning rate of 0.03; above 1 the trial fails."""
    lr = lr_of(trial)
    if lr > 1:
        return Outcome(trial.trial_id, "failed", error="the loss became NaN", fault=fault)
    distance = abs(math.log10(lr / 0.03))
    metrics = {"val_mae_all": 4 + distance, "val_mae_many": 3 + distance, "val_mae_few": 5 + lr}
    return Outcome(trial.trial_id, "complete", metrics=metrics, best_epoch=0, num_epochs=1)


def search(tmp_path: Path, sampler: str, goal: str, trials: int, seed: int = 0) -> Any:
    study = {
        "trials": trials,
        "space": SPACE,
        "sampler": {**SAMPLERS[sampler], "seed": seed},
        **GOALS[goal],
    }
    return make_spec(tmp_path, {"s": study})


@pytest.mark.slow
@pytest.mark.parametrize(("sampler", "goal"), combinations())
def test_the_last_points_avoid_what_diverges(tmp_path: Path, sampler: str, goal: str) -> None:
    policy = MadePolicy(search(tmp_path, sampler, goal, 45), tmp_path / "run")
    failed = [lr_of(trial) > 1 for trial in drain(policy, result)]
    assert sum(failed[:10]) >= 3
    if sampler in LEARNING:
        assert sum(failed[-20:]) <= 6
    if not sampler.startswith("nsga"):
        assert len(failed) == 45, "no point is proposed again, as QMC did after a first failure"
    told = policy.optuna_trials("s")
    assert all(trial.state is not TrialState.FAIL for trial in told)
    assert all(math.isfinite(value) for trial in told for value in trial.values or ())


@pytest.mark.parametrize("sampler", list(SAMPLERS))
def test_a_failure_of_the_machine_is_no_news(tmp_path: Path, sampler: str) -> None:
    policy = MadePolicy(search(tmp_path, sampler, "one objective", 6), tmp_path / "run")
    drain(policy, lambda trial: result(trial, "machine"))
    for trial in policy.optuna_trials("s"):
        failed = trial.params["optimizer.lr"] > 1
        assert trial.state is (TrialState.FAIL if failed else TrialState.COMPLETE)


def test_failed_points_have_the_worst_values_known(tmp_path: Path) -> None:
    policy = MadePolicy(search(tmp_path, "nsga2", "constrained", 30), tmp_path / "run")
    drain(policy, result)
    told = policy.optuna_trials("s")
    failed = [trial for trial in told if trial.params["optimizer.lr"] > 1]
    others = [trial for trial in told if trial.params["optimizer.lr"] <= 1]
    (name,) = others[0].constraints
    worst = max(trial.value or 0.0 for trial in others)
    violation = max(trial.constraints[name] for trial in others)
    assert {trial.value for trial in failed} == {worst}
    assert {trial.constraints[name] for trial in failed} == {violation if violation > 0 else 1.0}


def state_of(trial: FrozenTrial) -> Any:
    return (trial.state, trial.values, trial.params, trial.intermediate_values, trial.constraints)


def mixed(trial: TrialSpec) -> Outcome:
    """By weight decay: failures of the machine, prunings and undefined objectives beside."""
    kind = int(-math.log10(trial.config["optimizer"]["weight_decay"]) * 10) % 5
    metrics = {"val_mae_all": 4.0, "val_mae_many": 3.0, "val_mae_few": None}
    if kind == 0:
        return Outcome(trial.trial_id, "failed", error="out of memory", fault="machine")
    if kind == 1:
        return Outcome(trial.trial_id, "complete", metrics=metrics, num_epochs=1)
    if kind == 2:
        return Outcome(trial.trial_id, "pruned", metrics={"val_mae_all": 9.0}, num_epochs=1)
    return result(trial)


@pytest.mark.slow
@pytest.mark.parametrize(("sampler", "goal"), combinations())
@pytest.mark.parametrize("cut", [3, 11])
def test_a_search_rebuilt_from_the_log_knows_the_same(
    tmp_path: Path, sampler: str, goal: str, cut: int
) -> None:
    spec = search(tmp_path, sampler, goal, 16, seed=cut)
    whole = MadePolicy(spec, tmp_path / "whole")
    drain(whole, mixed)
    begun = MadePolicy(spec, tmp_path / "cut")
    drain(begun, mixed, limit=cut)
    begun.close()
    resumed = MadePolicy(spec, tmp_path / "cut")
    drain(resumed, mixed)
    assert resumed.overrides("s") == whole.overrides("s")
    assert [state_of(trial) for trial in resumed.optuna_trials("s")] == [
        state_of(trial) for trial in whole.optuna_trials("s")
    ]


@pytest.mark.parametrize("sampler", ["tpe", "qmc", "nsga2", "cmaes"])
def test_a_proposal_that_is_no_valid_configuration_is_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sampler: str
) -> None:
    made = search_policy.make_point

    def make_point(spec: Any, study: str, index: int, overrides: Any) -> Any:
        if overrides["optimizer.lr"] > 10:
            raise SpecError("too large")
        return made(spec, study, index, overrides)

    monkeypatch.setattr(search_policy, "make_point", make_point)
    spec = search(tmp_path, sampler, "one objective", 12)
    whole = MadePolicy(spec, tmp_path / "whole")
    assert all(lr_of(trial) <= 10 for trial in drain(whole, result))
    assert len(whole.overrides("s")) == 12
    begun = MadePolicy(spec, tmp_path / "cut")
    drain(begun, result, limit=5)
    begun.close()
    resumed = MadePolicy(spec, tmp_path / "cut")
    drain(resumed, result)
    assert resumed.overrides("s") == whole.overrides("s")


def test_a_space_without_any_valid_configuration_ends_the_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> Any:
        raise SpecError("parts exclude each other")

    policy = MadePolicy(search(tmp_path, "random", "one objective", 3), tmp_path / "run")
    monkeypatch.setattr(search_policy, "make_point", refuse)
    with pytest.raises(SpecError, match="parts exclude each other"):
        policy.next_trial()


def test_an_undefined_objective_is_said(tmp_path: Path) -> None:
    policy = MadePolicy(search(tmp_path, "random", "two objectives", 1), tmp_path / "run")
    metrics = {"val_mae_all": 4.0, "val_mae_many": 3.0, "val_mae_few": None}
    drain(policy, lambda trial: Outcome(trial.trial_id, "complete", metrics=metrics))
    (note,) = policy.take_notes()
    assert note.endswith(
        ", seed 0: mae/few is undefined in every epoch (constant predictions, for example); it "
        "counts as the worst result"
    )


def test_qmc_draws_keys_that_exist_in_some_points_only_anew(tmp_path: Path) -> None:
    space = {
        "regularizers.conr": {"choice": [False, True]},
        "regularizers.conr.beta": {"uniform": [0, 5]},
    }
    study = {"trials": 20, "space": space, "sampler": {"name": "qmc", "seed": 2}}
    policy = MadePolicy(make_spec(tmp_path, {"s": study}), tmp_path / "run")
    drain(policy)
    betas = [point.get("regularizers.conr.beta") for point in policy.overrides("s")]
    assert len({beta for beta in betas if beta is not None}) > 3


@pytest.mark.parametrize("bad", ["pruned", "the base failed"])
def test_every_point_that_gp_knows_has_the_same_constraints(tmp_path: Path, bad: str) -> None:
    """Else Optuna ends the search: the number of constraints must be the same for all trials."""
    limit: Any = {"base_plus": 0.5} if bad == "the base failed" else 5.5
    study = {
        "trials": 14,
        "space": {"optimizer.lr": {"log_uniform": [1e-3, 10]}},
        "start": [{"optimizer.lr": 9.0}],
        "base": {"optimizer.lr": 9.0},
        "sampler": {"name": "gp", "seed": 0},
        "constraints": [{"metric": "mae", "region": "few", "at_most": limit}],
    }

    def ended(trial: TrialSpec) -> Outcome:
        outcome = result(trial)
        if bad == "pruned" and lr_of(trial) < 0.1:
            row = {"epoch": 0, "best_value": outcome.metrics["val_mae_all"]}
            policy.observe(trial.trial_id, row)
            return replace(outcome, status="pruned")
        return outcome

    policy = MadePolicy(make_spec(tmp_path, {"s": study}), tmp_path / "run")
    assert len(drain(policy, ended)) == 14
    counts = {len(t.constraints) for t in policy.optuna_trials("s") if t.state.name == "COMPLETE"}
    assert counts == ({0} if bad == "the base failed" else {1})
    policy.close()
