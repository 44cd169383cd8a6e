"""A reproducible search: the same points in the same order, whatever the timing."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from dirsweep.config.sweep import SweepSpec
from dirsweep.config.trial import TrialSpec
from tests.policy.made_policy import (
    MadePolicy,
    completed,
    make_spec,
)


def _exponential(rng: random.Random, trial: TrialSpec) -> float:
    return rng.expovariate(1.0)


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


@pytest.mark.slow
@pytest.mark.parametrize("sampler", REPRODUCIBLE, ids=str)
def test_the_same_points_in_the_same_order_whatever_the_timing(
    tmp_path: Path, sampler: Any
) -> None:
    spec = _reproducible(tmp_path, sampler)
    found = []
    for attempt in range(4):
        rng = random.Random(attempt)
        policy = MadePolicy(spec, tmp_path / f"run{attempt}")
        _simulate(policy, 1 + attempt, partial(_exponential, rng))
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


@pytest.mark.slow
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
