from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from dirsweep.analysis.resampling import sample_counts
from dirsweep.analysis.uncertainty import (
    Alternative,
    Variance,
    hierarchical_draws,
    uncertainty,
    uncertainty_of_two,
)


def test_seeds_alone_give_students_interval() -> None:
    values = np.array([1.0, 2.0, 4.0, 5.0])
    found = uncertainty(values, None, num_samples=0, rng=np.random.default_rng(0))
    assert found is not None
    half = stats.t.ppf(0.975, 3) * values.std(ddof=1) / 2
    assert (found.low, found.high) == pytest.approx((3 - half, 3 + half), abs=0.05)
    assert found.df == 3
    assert found.p == pytest.approx(stats.ttest_1samp(values, 0).pvalue, abs=0.002)
    assert uncertainty(values[:1], None, num_samples=0, rng=np.random.default_rng(0)) is None
    limited = uncertainty(
        values, None, num_samples=0, rng=np.random.default_rng(0), limits=(2.5, 3.5)
    )
    assert limited is not None
    assert (limited.low, limited.high) == (2.5, 3.5)


def test_samples_alone_give_the_percentiles_of_the_draws() -> None:
    rng = np.random.default_rng(0)
    draws = 7 + rng.normal(size=(4000, 1))
    found = uncertainty(np.array([7.0]), draws, num_samples=100, rng=rng)
    assert found is not None
    assert (found.low, found.high) == pytest.approx(
        np.quantile(draws - draws.mean() + 7, [0.025, 0.975]), abs=1e-9
    )
    assert uncertainty(np.array([7.0]), draws[:1], num_samples=100, rng=rng) is None
    assert uncertainty(np.array([7.0]), draws * np.nan, num_samples=100, rng=rng) is None


def test_nothing_differs() -> None:
    found = uncertainty(
        np.zeros(3), np.zeros((50, 3)), num_samples=10, rng=np.random.default_rng(0)
    )
    assert found is not None
    assert (found.low, found.high, found.p) == (0, 0, 1)
    always = uncertainty(
        np.full(3, 2.0), np.full((50, 3), 2.0), num_samples=10, rng=np.random.default_rng(0)
    )
    assert always is not None
    assert (always.low, always.high, always.p) == (2, 2, 0)


def errors_of(
    num_seeds: int,
    num_samples: int,
    seed: float,
    sample: float,
    both: float,
    rng: np.random.Generator,
):
    """(K, S) errors about 5: what a seed does, what a sample does, and what a seed does to a
    sample.
    """
    return (
        5
        + seed * rng.normal(size=(num_seeds, 1))
        + sample * rng.normal(size=num_samples)
        + both * rng.normal(size=(num_seeds, num_samples))
    )


@pytest.mark.parametrize(
    ("num_seeds", "seed", "sample", "both"),
    [(3, 0.2, 1.0, 0.5), (5, 0.2, 1.0, 0.5), (3, 0.0, 0.2, 1.0)],
)
def test_nominal_95_percent_hold(num_seeds: int, seed: float, sample: float, both: float) -> None:
    rng = np.random.default_rng(1)
    hits = textbook = 0
    for _ in range(400):
        errors = errors_of(num_seeds, 80, seed, sample, both, rng)
        draws = sample_counts(80, 250, rng) @ errors.T / 80
        found = uncertainty(errors.mean(axis=1), draws, num_samples=80, rng=rng)
        assert found is not None
        hits += found.low <= 5 <= found.high
        low, high = np.quantile(hierarchical_draws(draws, rng), [0.025, 0.975])
        textbook += low <= 5 <= high
    assert 0.92 <= hits / 400 <= 0.985
    if num_seeds == 3 and seed:
        assert textbook / 400 < 0.93 < hits / 400


def test_the_textbooks_draws_are_too_narrow_for_three_seeds() -> None:
    rng = np.random.default_rng(2)
    hits = 0
    for _ in range(400):
        errors = errors_of(3, 100, 0.3, 0.1, 0.1, rng)
        draws = sample_counts(100, 200, rng) @ errors.T / 100
        low, high = np.quantile(hierarchical_draws(draws, rng), [0.025, 0.975])
        hits += low <= 5 <= high
    assert hits / 400 < 0.85


def test_two_groups_of_seeds() -> None:
    rng = np.random.default_rng(3)
    one, other = np.array([5.0, 6.0, 7.0]), np.array([1.0, 2.0, 3.0, 4.0])
    found = uncertainty_of_two((one, other), None, num_samples=0, rng=rng)
    assert found is not None
    welch = stats.ttest_ind(one, other, equal_var=False)
    assert found.error == pytest.approx(np.sqrt(1 / 3 + other.var(ddof=1) / 4))
    assert found.df == pytest.approx(welch.df)
    assert found.p == pytest.approx(welch.pvalue, abs=0.01)
    assert uncertainty_of_two((one, other[:1]), None, num_samples=0, rng=rng) is None
    draws = one + rng.normal(size=(500, 1)), other + rng.normal(size=(500, 1))
    sampled = uncertainty_of_two(
        (one, other[:1]), (draws[0], draws[1][:, :1]), num_samples=50, rng=rng
    )
    assert sampled is not None
    assert sampled.low < 5 < sampled.high
    undefined = (draws[0] * np.nan, draws[1])
    assert uncertainty_of_two((one, other), undefined, num_samples=50, rng=rng) is None


def test_alternatives_are_mixed_in_proportion() -> None:
    values, rng = np.array([1.0, 2.0, 4.0, 5.0]), np.random.default_rng(0)
    pooled, alone = Variance(0.04, 20.0), Variance(1.0, 3.0)
    alternatives = [Alternative(0.75, pooled), Alternative(0.25, alone)]
    found = uncertainty(values, None, num_samples=0, rng=rng, seeds=alternatives)
    assert found is not None

    def beyond(half: float) -> float:
        """Share of the mixture further than ``half`` from its middle."""
        return float(
            0.75 * 2 * stats.t.sf(half / np.sqrt(0.04), 20) + 0.25 * 2 * stats.t.sf(half / 1.0, 3)
        )

    assert beyond((found.high - found.low) / 2) == pytest.approx(0.05, abs=0.005)
    assert found.p == pytest.approx(beyond(3.0), rel=0.1)
    assert (found.error, found.df) == pytest.approx((0.2, 20)), "those of the likely alternative"
