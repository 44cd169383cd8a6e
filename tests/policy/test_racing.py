"""Races by hand: who gets another seed."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dirsweep.policy.racing import Standing, race, seeds_of_race

LIMITS = {"num_seeds": 2, "max_seeds": 5, "confidence": 0.95}


def test_further_seeds_follow_the_largest() -> None:
    assert seeds_of_race([3, 1], 5) == (3, 1, 4, 5, 6)


def test_the_clearly_worse_leaves_the_close_one_goes_on() -> None:
    values = {0: [5.0, 5.2], 1: [5.1, 5.15], 2: [9.0, 9.25]}
    # point 2 against 0: differences 4 and 4.05, t = 4.025 / (0.0354 / sqrt 2) = 161, 1 degree of
    # freedom: p = 0.002
    # point 1 against 0: differences 0.1 and -0.05: t = 0.33
    assert race(values, **LIMITS) == Standing(2, 0, (1,), wanted=(0, 1))


def test_a_t_of_6_31_decides_with_two_seeds() -> None:
    """The 95 % quantile of Student's t with one degree of freedom is 6.314: mean m, deviation s, t
    = m sqrt(2) / s.
    """
    for mean, decided in ((6.30, False), (6.33, True)):
        d = [mean - 1.0, mean + 1.0]  # deviation sqrt 2, so t = mean
        standing = race({0: [0.0, 0.0], 1: d}, **LIMITS)
        assert (standing.open == ()) is decided


def test_maximize() -> None:
    values = {0: [0.2, 0.21], 1: [0.9, 0.92]}
    assert race(values, **LIMITS, minimize=False).best == 1


def test_who_has_left_does_not_come_back() -> None:
    values = {0: [5.0, 5.2, 99.0], 1: [5.1, 5.15, 99.0], 2: [9.0, 9.25]}
    standing = race(values, **LIMITS)
    assert standing.best == 0
    assert 2 not in standing.open
    assert standing.wanted == (0, 1)


def test_waits_for_trials_that_have_not_ended() -> None:
    values: dict[int, list[float | None]] = {0: [5.0, 5.2, None], 1: [5.1, 5.15, 5.1]}
    assert race(values, **LIMITS) == Standing(2, 0, (1,), wanted=())


def test_failures_and_exact_equals_leave() -> None:
    assert race({0: [5.0, 5.2], 1: [5.0, 5.2], 2: [math.nan, 1.0]}, **LIMITS) == Standing(2, 0)
    assert race({0: [math.nan, 1.0]}, **LIMITS) == Standing(2, None)
    assert race({}, **LIMITS) == Standing(2, None)


def test_ends_at_the_limit() -> None:
    rng = np.random.default_rng(0)
    values = {point: rng.normal(5, 1, 5).tolist() for point in range(4)}
    standing = race(values, **{**LIMITS, "confidence": 0.999})
    assert standing.num_seeds == 5
    assert standing.wanted == ()
    assert set(standing.open) | {standing.best} == {0, 1, 2, 3}


@pytest.mark.parametrize("seed", range(5))
def test_fed_step_by_step_it_ends_as_with_everything_at_once(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = {point: (rng.normal(0, 0.5) + rng.normal(0, 0.4, 5)).tolist() for point in range(8)}
    given: dict[int, list[float | None]] = {point: list(row[:2]) for point, row in truth.items()}
    while (standing := race(given, **LIMITS)).wanted:
        for point in standing.wanted:
            given[point].append(truth[point][len(given[point])])
    assert standing == race(truth, **LIMITS)
    assert sum(map(len, given.values())) < 8 * 5
