"""The Pareto front against its definition, point by point."""

from __future__ import annotations

import numpy as np
import pytest

from dirsweep.policy.pareto import pareto_front


def test_by_hand() -> None:
    values = [(1.0, 9.0), (2.0, 5.0), (2.0, 6.0), (4.0, 4.0), (9.0, 9.0)]
    assert pareto_front(values, ["minimize", "minimize"]) == (0, 1, 3)
    assert pareto_front(values, ["maximize", "maximize"]) == (4,)
    assert pareto_front(values, ["minimize", "maximize"]) == (0,)


def test_equal_points_stay_missing_values_go() -> None:
    assert pareto_front(
        [(1.0, 2.0), (1.0, 2.0), (None, 0.0), (float("nan"), 0.0)], ["minimize"] * 2
    ) == (0, 1)
    assert pareto_front([], ["minimize"]) == ()


def test_points_beyond_a_constraint_neither_stay_nor_dominate() -> None:
    values = [(0.0, 0.0), (1.0, 2.0), (2.0, 1.0)]
    assert pareto_front(values, ["minimize"] * 2, feasible=[False, True, True]) == (1, 2)


def test_one_objective_keeps_the_best() -> None:
    assert pareto_front([[3.0], [1.0], [2.0]], ["minimize"]) == (1,)


@pytest.mark.parametrize("seed", range(3))
def test_against_the_definition(seed: int) -> None:
    values = np.random.default_rng(seed).integers(0, 6, size=(60, 3)).astype(float)
    directions = ["minimize", "maximize", "minimize"]
    costs = values * np.array([1, -1, 1])

    def dominated(i: int) -> bool:
        return any(
            all(costs[j][k] <= costs[i][k] for k in range(3))
            and any(costs[j][k] < costs[i][k] for k in range(3))
            for j in range(len(costs))
        )

    assert pareto_front(values.tolist(), directions) == tuple(
        i for i in range(60) if not dominated(i)
    )
