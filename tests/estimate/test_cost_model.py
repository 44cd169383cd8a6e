"""Prices by hand."""

from __future__ import annotations

import pytest

from dirsweep.estimate.cost_model import Prices, prices_of, rank_of
from dirsweep.estimate.step_time import Length, Pace

BASE = Pace(start_s=1, step_s=0.1, epoch_s=10, val_s=2)


def test_savings_never_add_up_to_nothing() -> None:
    half = Pace(0, 0, -6, 0)
    prices = Prices(BASE, Length(1), {"a": half, "b": half})
    assert prices.pace(frozenset("a")).epoch_s == 4
    assert prices.pace(frozenset("ab")).epoch_s == 1


def test_a_scale_multiplies_all_but_the_start() -> None:
    timed = {
        frozenset({"backbone big"}): Pace(5, 0.3, 30, 4),
        frozenset({"precision bfloat16"}): Pace(1, 0.05, 5, 1),
        frozenset({"backbone big", "conr"}): Pace(7, 0.6, 60, 4),
        frozenset({"schedule rrt"}): Pace(1, 0.1, 10, 2, later_s=3),
    }
    names = {"backbone big", "precision bfloat16", "conr", "schedule rrt", "loss huber", "loss mse"}
    failed = [(frozenset({"loss huber"}), "why")]
    prices = prices_of(Length(1), [BASE], timed, failed, names)
    assert prices.factors["backbone big"] == Pace(1, pytest.approx(3), 3, 2, 3)
    assert prices.added["conr"] == Pace(*map(pytest.approx, (2, 0.1, 10, 0, 0)))  # type: ignore[arg-type]
    assert prices.untimed == ("loss mse",)
    assert prices.noise is None
    for kind, pace in timed.items():
        assert prices.pace(kind).epoch_s == pytest.approx(pace.epoch_s)
        assert prices.pace(kind).start_s == pytest.approx(pace.start_s)
    whole = prices.pace(frozenset(names))
    assert whole.start_s == pytest.approx(1 + 4 + 2)
    assert whole.epoch_s == pytest.approx((10 + 10) * 3 * 0.5)
    assert whole.val_s == pytest.approx(2 * 2 * 0.5)
    assert whole.later_s == pytest.approx(3 * 3 * 0.5)


def test_ranks_by_hand() -> None:
    kinds = [frozenset("ab"), frozenset("abc"), frozenset("c")]
    assert [rank_of(kinds[:num], "abc") for num in range(4)] == [0, 1, 2, 2]
    assert rank_of([*kinds, frozenset("a")], "abc") == 3
