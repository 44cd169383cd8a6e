"""Which stored networks a run keeps: those of points that are, or may become, the best."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dirsweep.config.trial import TrialSpec
from dirsweep.run.tables import Outcome
from tests.policy.made_policy import GAMMA, MANY_FEW, MadePolicy, completed, end, make_spec

GAMMAS = {"s": {"grid": {"regularizers.ranksim.gamma": [1, 50, 20, 60]}}}


def train(policy: MadePolicy, outcome: Outcome | None = None) -> TrialSpec | None:
    """Train the next trial, which stores its network where it is complete."""
    trial = policy.next_trial()
    if trial is None:
        return None
    found = outcome or completed(trial)
    folder = policy.folder(trial.trial_id)
    if found.status == "complete":
        # `begin` would remove it, so it is written as the trial ends
        written = folder.paths.model
        policy.records.has_model = lambda trial_id: _write(policy, trial_id)  # type: ignore[method-assign]
        assert not written.exists()
    end(policy, trial, replace(found, trial_id=trial.trial_id))
    return trial


def _write(policy: MadePolicy, trial_id: str) -> bool:
    model = policy.folder(trial_id).paths.model
    model.facts.write(b"{}")
    model.weights.write(b"weights")
    return True


def stored(policy: MadePolicy) -> list[tuple[float, int]]:
    """Gamma and seed of the trials that have a network."""
    return sorted(
        (trial.spec.config["regularizers"]["ranksim"]["gamma"], trial.spec.seed)
        for trial_id, trial in policy.view.trials.items()
        if policy.folder(trial_id).paths.model.exists()
    )


def test_a_worse_point_loses_its_networks_as_soon_as_a_better_one_is_complete(
    tmp_path: Path,
) -> None:
    policy = MadePolicy(make_spec(tmp_path, GAMMAS, seeds=[0, 1]), tmp_path / "run")
    seen = []
    while train(policy) is not None:
        seen.append(stored(policy))
    assert seen == [
        [(1, 0)],
        [(1, 0), (1, 1)],  # the best so far
        [(1, 0), (1, 1), (50, 0)],  # one seed decides nothing
        [(50, 0), (50, 1)],
        [(20, 0), (50, 0), (50, 1)],
        [(50, 0), (50, 1)],
        [(50, 0), (50, 1), (60, 0)],
        [(50, 0), (50, 1)],
    ]
    folder = policy.folder(policy.view.trials_of("s", 0)[0].trial_id)
    assert not folder.paths.model.facts.exists()


def test_a_trial_of_two_studies_stays_while_one_of_them_needs_it(tmp_path: Path) -> None:
    studies = {
        "one": {"grid": {"regularizers.ranksim.gamma": [1]}},
        "all": {"grid": {"regularizers.ranksim.gamma": [1, 50]}},
    }
    policy = MadePolicy(make_spec(tmp_path, studies), tmp_path / "run")
    while train(policy) is not None:
        pass
    assert stored(policy) == [(1, 0), (50, 0)]


def test_of_equal_points_the_first_is_kept(tmp_path: Path) -> None:
    policy = MadePolicy(make_spec(tmp_path, GAMMAS), tmp_path / "run")
    for _ in range(4):
        train(policy, Outcome("", "complete", metrics={"val_mae_all": 3.0}))
    assert stored(policy) == [(1, 0)]


def test_failures_and_undefined_objectives_do_not_win(tmp_path: Path) -> None:
    policy = MadePolicy(make_spec(tmp_path, GAMMAS), tmp_path / "run")
    train(policy, Outcome("", "complete", metrics={"val_mae_all": None}))
    train(policy, Outcome("", "failed", error="diverged"))
    assert stored(policy) == [(1, 0)], "nothing is better yet"
    train(policy)
    assert stored(policy) == [(20, 0)]


def test_every_point_of_a_front_is_kept(tmp_path: Path) -> None:
    study = {
        "trials": 3,
        "space": GAMMA,
        "objectives": MANY_FEW,
        "start": [{key: gamma} for key in GAMMA for gamma in (1, 10, 100)],
    }
    policy = MadePolicy(make_spec(tmp_path, {"s": study}), tmp_path / "run")
    for many, few in ((1.0, 9.0), (2.0, 8.0), (2.5, 9.5)):
        train(
            policy,
            Outcome(
                "",
                "complete",
                metrics={"val_mae_all": many + few, "val_mae_many": many, "val_mae_few": few},
            ),
        )
    assert stored(policy) == [(1, 0), (10, 0)]


def test_a_feasible_point_beats_a_better_one_that_is_not(tmp_path: Path) -> None:
    study = {
        "trials": 2,
        "space": GAMMA,
        "constraints": [{"metric": "mae", "region": "few", "at_most": 5}],
        "start": [{key: gamma} for key in GAMMA for gamma in (1, 10)],
    }
    policy = MadePolicy(make_spec(tmp_path, {"s": study}), tmp_path / "run")
    for value, few in ((1.0, 9.0), (2.0, 4.0)):
        train(policy, Outcome("", "complete", metrics={"val_mae_all": value, "val_mae_few": few}))
    assert stored(policy) == [(10, 0)]


def test_a_race_keeps_those_that_may_get_further_seeds(tmp_path: Path) -> None:
    studies: dict[str, Any] = {"s": {**GAMMAS["s"], "racing": {"max_seeds": 3}}}
    policy = MadePolicy(make_spec(tmp_path, studies, seeds=[0, 1]), tmp_path / "run")
    values = {1: (9.0, 9.1), 50: (1.0, 1.2), 20: (1.1, 1.15), 60: (5.0, 5.3)}
    for gamma, row in values.items():
        for value in row:
            trial = train(policy, Outcome("", "complete", metrics={"val_mae_all": value}))
            assert trial is not None
            assert trial.config["regularizers"]["ranksim"]["gamma"] == gamma
    assert stored(policy) == [(20, 0), (20, 1), (50, 0), (50, 1)]
    for value in (1.0, 0.1):  # a third seed of 50, then of 20, which becomes the best
        train(policy, Outcome("", "complete", metrics={"val_mae_all": value}))
    assert stored(policy) == [(20, 0), (20, 1), (20, 2)]


def test_a_session_that_was_killed_in_between_leaves_nothing_behind(tmp_path: Path) -> None:
    spec = make_spec(tmp_path, GAMMAS)
    first = MadePolicy(spec, tmp_path / "run")
    for _ in range(2):
        train(first)
    worse, better = (first.view.trials_of("s", index)[0].trial_id for index in (0, 1))
    _write(first, worse)
    first.close()
    again = MadePolicy(spec, tmp_path / "run")
    assert stored(again) == [(50, 0)]
    assert again.models.stored == {better: None}


def test_with_model_none_nothing_is_touched(tmp_path: Path) -> None:
    first = MadePolicy(make_spec(tmp_path, GAMMAS), tmp_path / "run")
    train(first)
    first.close()
    policy = MadePolicy(make_spec(tmp_path, GAMMAS, store={"model": "none"}), tmp_path / "run")
    while (trial := policy.next_trial()) is not None:
        end(policy, trial, completed(trial))
    assert stored(policy) == [(1, 0)]
    assert policy.take_notes() == []


def test_a_network_that_is_too_large_is_named_once(tmp_path: Path) -> None:
    spec = make_spec(tmp_path, GAMMAS, store={"model_limit": 0.5})
    policy = MadePolicy(spec, tmp_path / "run")
    while (trial := policy.next_trial()) is not None:
        end(policy, trial, replace(completed(trial), num_parameters=200_000))
    assert policy.take_notes() == [
        "s: ranksim.gamma=1, seed 0: its network is not stored (200,000 parameters exceed "
        "store.model_limit, 0.5 MiB)"
    ]


@pytest.mark.parametrize("status", ["pruned", "stopped", "failed"])
def test_trials_that_end_early_are_not_named(tmp_path: Path, status: Any) -> None:
    policy = MadePolicy(make_spec(tmp_path, GAMMAS), tmp_path / "run")
    trial = policy.next_trial()
    assert trial is not None
    end(policy, trial, Outcome(trial.trial_id, status, num_parameters=9))
    assert policy.take_notes() == []
