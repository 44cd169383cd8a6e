"""The pool of the variance between seeds."""

from __future__ import annotations

import numpy as np
import pytest

from dirsweep.analysis.seed_variance import SeedPool, SeedRow, WeightedPoint, pool_of

Floats = np.ndarray


def rows_of(values: Floats, prefix: str = "t") -> list[SeedRow]:
    """One row per point of (P, K) values."""
    return [
        SeedRow(
            {seed: f"{prefix}-{point}-{seed}" for seed in range(len(row))},
            dict(enumerate(row.tolist())),
        )
        for point, row in enumerate(values)
    ]


def drawn(
    num_points: int, num_seeds: int, rng: np.random.Generator, *, common: float = 0.0
) -> Floats:
    """(P, K) values of variance 9 about the points' means, and what a seed does to all points."""
    means = rng.normal(size=(num_points, 1)) * 100
    shared = common * rng.normal(size=num_seeds)
    return means + shared + 3 * rng.normal(size=(num_points, num_seeds))


def pool(values: Floats) -> SeedPool:
    found = pool_of(rows_of(values))
    assert found is not None
    return found


def own(found: SeedPool, point: int) -> float:
    return found.points[f"t-{point}-0"].own


def test_points_that_agree_count_for_much() -> None:
    found = pool(drawn(60, 4, np.random.default_rng(0)))
    assert found.variance.variance == pytest.approx(9, rel=0.2)
    assert found.variance.df > 10
    assert found.num_points == 60
    assert max(own(found, point) for point in range(60)) < 0.5


def test_what_a_seed_does_to_all_points_is_no_variance_of_theirs() -> None:
    rng = np.random.default_rng(1)
    found = pool(drawn(40, 5, rng, common=30.0))
    assert found.variance.variance == pytest.approx(9, rel=0.25)
    assert 150 < found.common.variance < 3000
    assert found.common.df == 4
    assert pool(drawn(40, 5, rng)).common.variance < 3


def test_points_that_differ_widely_count_for_little() -> None:
    rng = np.random.default_rng(2)
    scales = np.exp(rng.normal(size=(60, 1)))
    assert pool(scales * drawn(60, 4, rng)).variance.df < 4


@pytest.mark.parametrize("scale", [10.0, 30.0])
@pytest.mark.parametrize("num_points", [6, 12, 40])
def test_a_wild_point_changes_nothing_for_the_others(num_points: int, scale: float) -> None:
    """Its variance does not reach the pool, nor, through the seeds' effects, other points."""
    values = drawn(num_points, 4, np.random.default_rng(3))
    without = pool(values[1:])
    values[0] = 500 + scale * np.array([-3.0, 3.0, -3.0, 3.0])
    found = pool(values)
    assert found.variance.variance < 1.7 * without.variance.variance
    assert own(found, 0) > 0.8
    assert np.mean([own(found, point) for point in range(1, num_points)]) < 0.35


def test_few_points_and_single_seeds_give_no_pool() -> None:
    values = drawn(3, 4, np.random.default_rng(4))
    assert pool_of(rows_of(values)) is None
    single = [SeedRow({9: f"s-{point}"}, {9: 1.0}) for point in range(5)]
    assert pool_of([*rows_of(values), *single]) is None
    assert pool_of(rows_of(np.ones((6, 3)))) is None, "seeds that change nothing"
    assert pool_of([]) is None


def test_a_configuration_of_several_studies_counts_once() -> None:
    rows = rows_of(drawn(6, 4, np.random.default_rng(5)))
    twice = pool_of([*rows, *rows[:3]])
    assert twice == pool_of(rows)


def test_points_with_other_seeds_join_the_pool() -> None:
    rng = np.random.default_rng(6)
    rows = rows_of(drawn(10, 3, rng, common=30.0))
    more = [
        SeedRow({seed + 1: f"u-{point}-{seed}" for seed in range(4)}, dict(enumerate(row, 1)))
        for point, row in enumerate(drawn(10, 4, rng, common=30.0).tolist())
    ]
    found = pool_of([*rows, *more])
    assert found is not None
    assert found.num_points == 20


def test_a_contrast_is_a_mixture_of_the_pool_and_itself() -> None:
    found = pool(drawn(20, 3, np.random.default_rng(7)))
    points = [WeightedPoint(1.0, ("t-0-0",)), WeightedPoint(-1.0, ("t-1-0",))]
    values = np.array([1.0, 5.0, 3.0])  # variance 4, expected is about 18
    pooled, alone = found.of_contrast(points, values)
    assert pooled.probability + alone.probability == pytest.approx(1)
    expected = 2 * found.variance.variance
    moderated = (2 * 4 + found.variance.df * expected) / (2 + found.variance.df)
    assert pooled.variance == pytest.approx((moderated / 3, 2 + found.variance.df))
    assert alone.variance == pytest.approx((moderated / 3, 2)), "not smaller than the pool says"
    assert alone.probability < 0.3
    wild_pooled, wild_alone = found.of_contrast(points, 40 * values)
    assert wild_alone.variance == pytest.approx((1600 * 4 / 3, 2))
    assert wild_alone.probability > 0.95 > 0.05 > wild_pooled.probability


def test_a_mean_knows_what_seeds_do_to_all_points_from_few_seeds_only() -> None:
    """However many points there are, K seeds tell what seeds do with K - 1 degrees of freedom."""
    values = drawn(60, 3, np.random.default_rng(8), common=30.0)
    pooled, alone = pool(values).of_mean(["t-0-0"], values[0])
    assert pooled.variance.df == pytest.approx(2, abs=0.2)
    assert alone.variance == pytest.approx((values[0].var(ddof=1) / 3, 2))
    unknown = pool(values).of_mean(["elsewhere"], values[0])
    assert [item.probability for item in unknown] == [1.0]


def test_pools_of_two_runs_are_joined() -> None:
    rng = np.random.default_rng(9)
    one, other = pool(drawn(20, 4, rng)), pool(2 * drawn(30, 4, rng))
    both = one.renamed("0/").joined(other.renamed("1/"))
    assert both.variance.variance == (one.variance.variance + other.variance.variance) / 2
    assert both.variance.df == min(one.variance.df, other.variance.df)
    assert both.points["1/t-3-0"] == other.points["t-3-0"]
