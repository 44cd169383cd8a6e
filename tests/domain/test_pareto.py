"""The Pareto front by hand and against its definition."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from dirsweep.domain import non_dominated, pareto_front


def test_the_front_by_hand() -> None:
    values = [(1.0, 9.0), (2.0, 5.0), (2.0, 6.0), (4.0, 4.0), (9.0, 9.0)]
    assert pareto_front(values, ["minimize", "minimize"]) == (0, 1, 3)
    assert pareto_front(values, ["maximize", "maximize"]) == (4,)
    assert pareto_front(values, ["minimize", "maximize"]) == (0,)


def test_equal_points_stay_missing_values_go() -> None:
    values = [(1.0, 2.0), (1.0, 2.0), (None, 0.0), (float("nan"), 0.0)]
    assert pareto_front(values, ["minimize"] * 2) == (0, 1)
    assert pareto_front([], ["minimize"]) == ()
    assert pareto_front([(None, 1.0)], ["minimize"] * 2) == ()


def test_points_beyond_a_constraint_neither_stay_nor_dominate() -> None:
    values = [(0.0, 0.0), (1.0, 2.0), (2.0, 1.0)]
    assert pareto_front(values, ["minimize"] * 2, feasible=[False, True, True]) == (1, 2)


def test_one_objective_keeps_the_best() -> None:
    assert pareto_front([[3.0], [1.0], [2.0]], ["minimize"]) == (1,)


def _dominated(row: NDArray[np.float64], costs: NDArray[np.float64]) -> bool:
    return any((other <= row).all() and (other < row).any() for other in costs)


@pytest.mark.parametrize("num_objectives", [1, 2, 3])
@pytest.mark.parametrize("seed", range(20))
def test_the_front_against_its_definition(seed: int, num_objectives: int) -> None:
    rng = np.random.default_rng(seed)
    costs = rng.integers(0, 6, size=(40, num_objectives)).astype(float)
    expected = [not _dominated(row, costs) for row in costs]
    assert non_dominated(costs).tolist() == expected
    signs = rng.choice([-1.0, 1.0], num_objectives)
    directions = ["minimize" if sign > 0 else "maximize" for sign in signs]
    front = pareto_front((costs * signs).tolist(), directions)  # type: ignore[arg-type]
    assert front == tuple(np.flatnonzero(expected))


def test_the_front_of_no_points_and_of_infinite_costs() -> None:
    assert non_dominated(np.empty((0, 2))).tolist() == []
    assert non_dominated(np.array([[0.0, np.inf], [1.0, np.inf]])).tolist() == [True, False]
    assert non_dominated(np.array([[np.inf, np.inf], [np.inf, np.inf]])).tolist() == [True, True]
