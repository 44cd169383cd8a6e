"""Cost models by hand."""

from __future__ import annotations

from dataclasses import astuple

import pytest

from dirsweep.estimate.cost_model import CostModel, Timings, fit_cost_model, num_independent
from dirsweep.estimate.durations import Durations, TrialLength

BASE = Durations(start_s=1, step_s=0.1, epoch_s=10, val_s=2)


def test_savings_never_add_up_to_nothing() -> None:
    half = Durations(0, 0, -6, 0)
    model = CostModel(BASE, TrialLength(1), {"a": half, "b": half})
    assert model.durations(frozenset("a")).epoch_s == 4
    assert model.durations(frozenset("ab")).epoch_s == 1


def test_a_scale_multiplies_all_but_the_start() -> None:
    timed = {
        frozenset({"backbone big"}): Durations(5, 0.3, 30, 4),
        frozenset({"precision bfloat16"}): Durations(1, 0.05, 5, 1),
        frozenset({"backbone big", "conr"}): Durations(7, 0.6, 60, 4),
        frozenset({"schedule rrt"}): Durations(1, 0.1, 10, 2, later_s=3),
    }
    names = {"backbone big", "precision bfloat16", "conr", "schedule rrt", "loss huber", "loss mse"}
    failed = [(frozenset({"loss huber"}), "why")]
    model = fit_cost_model(TrialLength(1), Timings([BASE], timed, failed), names)
    assert model.factors["backbone big"] == Durations(1, pytest.approx(3), 3, 2, 3)
    assert astuple(model.added["conr"]) == pytest.approx((2, 0.1, 10, 0, 0))
    assert model.untimed == ("loss mse",)
    assert model.noise is None
    for kind, durations in timed.items():
        assert model.durations(kind).epoch_s == pytest.approx(durations.epoch_s)
        assert model.durations(kind).start_s == pytest.approx(durations.start_s)
    whole = model.durations(frozenset(names))
    assert whole.start_s == pytest.approx(1 + 4 + 2)
    assert whole.epoch_s == pytest.approx((10 + 10) * 3 * 0.5)
    assert whole.val_s == pytest.approx(2 * 2 * 0.5)
    assert whole.later_s == pytest.approx(3 * 3 * 0.5)


def test_ranks_by_hand() -> None:
    kinds = [frozenset("ab"), frozenset("abc"), frozenset("c")]
    assert [num_independent(kinds[:num], "abc") for num in range(4)] == [0, 1, 2, 2]
    assert num_independent([*kinds, frozenset("a")], "abc") == 3
