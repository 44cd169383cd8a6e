"""Each scheduler's rule by hand, and successive halving and the median against Optuna's pruners."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import optuna
import pytest

from dirsweep.config.scheduler import SchedulerSpec
from dirsweep.policy.schedulers import Curve, bracket_of, num_unimproved, wants_end


def scheduler(name: str, **more: Any) -> SchedulerSpec:
    return SchedulerSpec.model_validate({"name": name, **more})


def curve(*costs: float, complete: bool = False, bracket: int = 0) -> Curve:
    """One validation per epoch."""
    return Curve(dict(enumerate(costs, start=1)), complete, bracket)


# ---- by hand


def test_asha_keeps_the_best_third_at_each_rung_and_judges_nowhere_else() -> None:
    asha = scheduler("asha", grace_epochs=2, reduction_factor=3)
    others = [curve(9, level, level, level, level, level) for level in (1.0, 2.0, 3.0, 4.0, 5.0)]
    assert not wants_end(asha, curve(0.0), others), "before the first rung"
    assert not wants_end(asha, curve(9, 1.5), others), "second of six"
    assert wants_end(asha, curve(9, 2.5), others)
    assert not wants_end(asha, curve(9, 2.5, 2.5), others), "between two rungs"
    assert wants_end(asha, curve(9, 1.5, 1.5, 1.5, 1.5, 3.5), others), "the rung at 6"


def test_a_rung_between_validations_is_judged_at_the_next_one() -> None:
    asha = scheduler("asha", grace_epochs=3, reduction_factor=2)
    better = Curve({2: 5.0, 4: 1.0})
    assert not wants_end(asha, Curve({2: 9.0}), [better])
    assert wants_end(asha, Curve({2: 1.0, 4: 2.0}), [better])


def test_hyperband_compares_within_a_bracket_from_the_brackets_first_rung_on() -> None:
    hyperband = scheduler("hyperband", grace_epochs=1, reduction_factor=3)
    others = [curve(1, 1, 1, bracket=0)] * 3
    assert wants_end(hyperband, curve(2, bracket=0), others)
    assert not wants_end(hyperband, curve(2, bracket=1), others), "its first rung is at 3"
    assert not wants_end(hyperband, curve(2, 2, 2, bracket=1), others), "alone in its bracket"
    assert wants_end(hyperband, curve(2, 2, 2, bracket=1), [curve(1, 1, 1, bracket=1)])


def test_hyperband_deals_brackets_in_its_shares() -> None:
    hyperband = scheduler("hyperband", grace_epochs=1, reduction_factor=3)
    dealt = Counter(bracket_of(hyperband, 9, f"s/{index}/0") for index in range(3000))
    shares = {0: 9 / 17, 1: 5 / 17, 2: 3 / 17}
    assert {bracket: number / 3000 for bracket, number in dealt.items()} == pytest.approx(
        shares, abs=0.03
    )
    late = scheduler("hyperband", grace_epochs=20)
    assert bracket_of(late, 9, "s/0/0") == 0, "fewer epochs than the grace"


def test_median_compares_the_best_so_far_with_complete_trials() -> None:
    rule = scheduler("median", grace_epochs=2, min_trials=3)
    others = [curve(9, level, complete=True) for level in (1.0, 2.0, 3.0)]
    assert not wants_end(rule, curve(9), others), "grace"
    assert wants_end(rule, curve(9, 2.1), others)
    assert not wants_end(rule, curve(9, 2.0), others)
    assert not wants_end(rule, curve(1, 2.1), others), "its best epoch counts"
    assert not wants_end(rule, curve(9, 9), others[:2]), "too few complete trials"
    assert not wants_end(rule, curve(9, 9, 9), others), "none of which was trained as far"


@pytest.mark.parametrize("grace", [1, 6])
def test_patience_ends_a_plateau_after_the_grace(grace: int) -> None:
    rule = scheduler("patience", patience=3, grace_epochs=grace)
    costs = [5.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0]
    ends = [n for n in range(1, 8) if wants_end(rule, curve(*costs[:n]), [])]
    assert ends[0] == max(5, grace)


def test_patience_counts_every_validation_where_an_epoch_has_several() -> None:
    rule = scheduler("patience", patience=3)
    assert not wants_end(rule, Curve({1: 5.0, 2: 5.0}, unimproved=2), [])
    assert wants_end(rule, Curve({1: 5.0, 2: 5.0}, unimproved=3), [])
    assert wants_end(rule, Curve({1: 5.0}, unimproved=3), [])


def test_patience_starts_anew_with_an_improvement_and_with_a_stage() -> None:
    assert num_unimproved(curve(5, 5, 5, 4).costs) == 0
    assert num_unimproved(curve(5, 5, 5).costs) == 2
    assert num_unimproved(curve(5, 4, 7, 7).costs) == 1, "a second stage that begins at 7"


@pytest.mark.parametrize("name", ["asha", "hyperband", "median", "patience"])
def test_an_undefined_objective_is_the_worst_there_is(name: str) -> None:
    more = {"median": {"min_trials": 1}, "patience": {"patience": 2}}.get(name, {})
    rule = scheduler(name, **more)
    undefined = curve(*[math.inf] * 3)
    others = [curve(9, 9, 9, complete=True)]
    assert wants_end(rule, undefined, others)
    if name in ("asha", "hyperband"):
        assert wants_end(rule, curve(math.inf), []), "also where nothing else is known"
    assert not wants_end(rule, curve(9, 8, 7), [Curve(undefined.costs, complete=True)])


# ---- against Optuna


def _optuna(pruner: optuna.pruners.BasePruner, curves: list[list[float]]) -> list[int]:
    """The number of epochs after which Optuna ends each trial, trained one after another."""
    study, lengths = optuna.create_study(pruner=pruner), []
    for costs in curves:
        trial = study.ask()
        for epoch, cost in enumerate(costs, start=1):
            trial.report(cost, epoch)
            if trial.should_prune():
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                break
        else:
            study.tell(trial, costs[-1])
        lengths.append(epoch)
    return lengths


def _ours(spec: SchedulerSpec, curves: list[list[float]]) -> list[int]:
    known: list[Curve] = []
    for costs in curves:
        trained = Curve()
        for epoch, cost in enumerate(costs, start=1):
            trained.costs[epoch] = cost
            if wants_end(spec, trained, known):
                break
        else:
            trained.complete = True
        known.append(trained)
    return [max(found.costs) for found in known]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("factor", [2, 3])
def test_as_optunas_pruners_do(seed: int, factor: int) -> None:
    steps = np.random.default_rng(seed).uniform(0, 1, (30, 12))
    curves = np.minimum.accumulate(steps + np.linspace(1, 0, 12), axis=1).tolist()
    asha = optuna.pruners.SuccessiveHalvingPruner(min_resource=2, reduction_factor=factor)
    ours = scheduler("asha", grace_epochs=2, reduction_factor=factor)
    assert _ours(ours, curves) == _optuna(asha, curves)
    median = optuna.pruners.MedianPruner(n_startup_trials=3, n_warmup_steps=4)
    assert _ours(scheduler("median", grace_epochs=4, min_trials=3), curves) == _optuna(
        median, curves
    )
