"""Races within a sweep: which points get more seeds."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from optuna.trial import TrialState

from dirsweep.config.trial import TrialSpec
from dirsweep.run.events import Proposed, Raced
from dirsweep.run.tables import Outcome
from tests.policy.made_policy import (
    MadePolicy,
    drain,
    make_spec,
)

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
