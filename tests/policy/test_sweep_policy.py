"""Order of trials, equal trials, seeds, and searches that were interrupted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState

from dirsweep.run.tables import Outcome
from tests.policy.made_policy import (
    GAMMA,
    SPACE,
    MadePolicy,
    drain,
    loss_of,
    make_spec,
    step,
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
    pytest.param({"name": "gp", "n_startup_trials": 3}, marks=pytest.mark.slow, id="gp"),
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
    assert states == [TrialState.FAIL, TrialState.PRUNED, TrialState.PRUNED, TrialState.COMPLETE]
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
