"""Functional ANOVA of first order against Optuna's, and by hand."""

from __future__ import annotations

import numpy as np
import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import create_trial
from sklearn.ensemble import RandomForestRegressor

from dirsweep.analysis import fanova


def test_the_shares_in_a_tree_are_those_of_optuna() -> None:
    rng = np.random.default_rng(0)
    values = rng.random((30, 3))
    objective = 2 * values[:, 0] + values[:, 1] * values[:, 2] + 0.1 * rng.normal(size=30)
    own = {"max_depth": 6, "random_state": 0}
    forest = RandomForestRegressor(n_estimators=8, **own).fit(values, objective)
    bounds = np.tile([0.0, 1.0], (3, 1))
    found = np.mean([fanova.tree_shares(tree.tree_, bounds) for tree in forest.estimators_], axis=0)
    kinds = {f"x{number}": FloatDistribution(0, 1) for number in range(3)}
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study()
    for row, value in zip(values, objective, strict=True):
        params = dict(zip(kinds, map(float, row), strict=True))
        study.add_trial(create_trial(value=value, params=params, distributions=kinds))
    evaluator = optuna.importance.FanovaImportanceEvaluator(n_trees=8, max_depth=6, seed=0)
    expected = evaluator.evaluate(study)
    np.testing.assert_allclose(found, [expected[key] for key in kinds], rtol=1e-12)


def test_a_sum_of_two_steps_by_hand() -> None:
    """One step is twice as high as the other, so it explains four fifths of the variance."""
    grid = np.stack(np.meshgrid([0.25, 0.75], [0.25, 0.75], indexing="ij"), axis=-1).reshape(-1, 2)
    values = np.repeat(grid, 50, axis=0)
    objective = 2.0 * (values[:, 0] > 0.5) + (values[:, 1] > 0.5)
    found = fanova.shares(values, objective, np.tile([0.0, 1.0], (2, 1)), seed=0)
    assert found == pytest.approx([0.8, 0.2], abs=1e-9)
    again = fanova.shares(values, objective, np.tile([0.0, 1.0], (2, 1)), seed=0)
    np.testing.assert_array_equal(found, again)


def test_nothing_to_explain() -> None:
    values = np.random.default_rng(0).random((10, 2))
    assert fanova.shares(values, np.ones(10), np.tile([0.0, 1.0], (2, 1)), seed=0) is None
