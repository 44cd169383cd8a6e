"""Permutation tests of main effects: by hand, their level, their power."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import optuna
import pytest

from dirsweep.analysis import chance
from dirsweep.analysis.measurements import Floats


def test_points_change_places_with_their_neighbours_only() -> None:
    found = chance.shuffles(25, 10, 50, seed=0)
    assert found.shape == (50, 25)
    for order in found:
        assert sorted(order[:13]) == list(range(13))
        assert sorted(order[13:]) == list(range(13, 25))
    assert len({tuple(order) for order in found}) == 50
    np.testing.assert_array_equal(chance.shuffles(25, 10, 50, seed=0), found)
    assert any(order[0] > 12 for order in chance.shuffles(25, 25, 50, seed=0))


def test_few_values_are_groups_and_many_are_cut_into_quantiles() -> None:
    np.testing.assert_array_equal(chance.groups_of(np.array([3.0, 1.0, 3.0, 2.0])), [2, 0, 2, 1])
    twelve = chance.groups_of(np.arange(12.0))
    np.testing.assert_array_equal(twelve, [0] * 4 + [1] * 4 + [2] * 4)
    assert np.bincount(chance.groups_of(np.arange(100.0))).tolist() == [20] * 5


def test_a_main_effect_by_hand() -> None:
    """Ranks 1, 2, 3, 4 in groups (1, 2) and (3, 4): between them lie 4 of 5."""
    groups = np.array([0, 0, 1, 1])
    assert chance.main_effects(np.array([10.0, 20.0, 30.0, 99.0]), groups) == pytest.approx(0.8)
    assert chance.main_effects(np.array([1.0, 3.0, 2.0, 4.0]), groups) == pytest.approx(0.2)
    assert chance.main_effects(np.ones(4), groups) == 0.0


def test_p_is_the_share_of_all_orders_with_an_effect_as_strong() -> None:
    """Of 6 points in two groups 2 of 20 splits separate them wholly."""
    orders = np.array(list(permutations(range(6))))
    groups = np.array([0.0, 0, 0, 1, 1, 1])
    (p,) = chance.p_values(np.arange(6.0), [groups], orders)
    assert p == pytest.approx(2 / 20, abs=0.002)


@pytest.mark.slow
def test_the_smallest_of_several_is_corrected() -> None:
    """In 400 studies without any effect about 5 % have a parameter with p <= 0.05."""
    rng = np.random.default_rng(0)
    found = 0
    for number in range(400):
        keys: list[Floats] = [rng.random(20) for _ in range(4)]
        keys.append(rng.integers(0, 2, 20).astype(np.float64))
        orders = chance.shuffles(20, 20, 199, seed=number)
        found += bool((chance.p_values(rng.normal(size=20), keys, orders) <= 0.05).any())
    assert found / 400 == pytest.approx(0.05, abs=0.025)


@pytest.mark.parametrize("num", [5, 8])
def test_few_points_prove_nothing(num: int) -> None:
    rng = np.random.default_rng(num)
    objective = rng.normal(size=num)
    keys = [rng.random(num) for _ in range(3)]
    orders = chance.shuffles(num, num, 999, seed=0)
    assert (chance.p_values(objective, keys, orders) > 0.05).all()


@pytest.mark.slow
def test_a_sampler_that_converges_makes_no_inert_parameter_important() -> None:
    """TPE draws every parameter near the good points, so all of them change as the objective does.

    Shuffled over the whole study, inert parameters would be named in far more than 5 % of them.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    named, found, num_studies = 0, 0, 60
    for seed in range(num_studies):
        study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
        rng = np.random.default_rng(seed)

        def objective(trial: optuna.Trial, rng: np.random.Generator = rng) -> float:
            cause = trial.suggest_float("cause", 0, 1)
            for key in ("a", "b", "c"):
                trial.suggest_float(key, 0, 1)
            return abs(cause - 0.3) + 0.05 * float(rng.normal())

        study.optimize(objective, n_trials=40)
        values = np.array([trial.value for trial in study.trials], dtype=np.float64)
        keys = [
            np.array([trial.params[key] for trial in study.trials])
            for key in ("cause", "a", "b", "c")
        ]
        ps = chance.p_values(values, keys, chance.shuffles(40, 10, 999, seed=seed))
        found += bool(ps[0] <= 0.05)
        named += bool((ps[1:] <= 0.05).any())
    assert named / num_studies <= 0.12
    assert found / num_studies >= 0.5
