from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from dirsweep.analysis.resampling import (
    METRICS,
    Prior,
    bounds,
    hierarchical_draws,
    holm,
    observed,
    prior_of,
    replicates,
    sample_counts,
    uncertainty,
    uncertainty_of_two,
)
from dirsweep.training import metrics


def some(num_samples: int = 23, num_trials: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels with ties, predictions with ties, bins."""
    rng = np.random.default_rng(5)
    labels = rng.integers(0, 8, num_samples).astype(float)
    preds = np.round(labels + rng.normal(size=(num_trials, num_samples)) * 2, 1) + 0.03
    return labels, preds, labels.astype(np.int64) // 2


def plain(metric: str, labels: np.ndarray, preds: np.ndarray, bins: np.ndarray) -> float:
    """The trainer's own metric; of macro ones a loop over bins."""
    base = metric.removeprefix("macro_")
    if base == metric:
        found = metrics.METRICS[metric](labels, preds)
        return np.nan if found is None else found
    return float(
        np.mean(
            [metrics.METRICS[base](labels[bins == b], preds[bins == b]) for b in sorted(set(bins))]
        )
    )


@pytest.mark.parametrize("metric", METRICS)
def test_each_draw_is_the_metric_of_the_repeated_samples(metric: str) -> None:
    labels, preds, bins = some()
    counts = sample_counts(len(labels), 40, np.random.default_rng(1))
    found = replicates(metric, labels, preds, counts, bins)
    assert found.shape == (40, 3)
    for draw, row in enumerate(counts.astype(int)):
        again = np.repeat(np.arange(len(labels)), row)
        for trial in range(3):
            expected = plain(metric, labels[again], preds[trial, again], bins[again])
            assert found[draw, trial] == pytest.approx(expected, abs=1e-12)
    exact = [plain(metric, labels, row, bins) for row in preds]
    assert observed(metric, labels, preds, bins).tolist() == pytest.approx(exact, abs=1e-12)


def test_many_draws_are_made_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    labels, preds, _ = some()
    counts = sample_counts(len(labels), 50, np.random.default_rng(1))
    whole = replicates("spearman", labels, preds, counts)
    monkeypatch.setattr("dirsweep.analysis.resampling._CHUNK", 100)
    assert np.array_equal(replicates("spearman", labels, preds, counts), whole)


def test_draws_that_are_not_defined() -> None:
    labels, constant = np.array([1.0, 2.0, 3.0]), np.full((1, 3), 7.3)
    for metric in ("pearson", "spearman"):
        assert np.isnan(observed(metric, labels, constant)).all()
        # one sample drawn three times has no correlation either
        assert np.isnan(
            replicates(metric, labels, constant + labels, np.array([[3.0, 0, 0]]))
        ).all()
    exact = np.array([[1.0, 2.5, 3.5]])
    assert observed("gm", labels, exact)[0] == 0
    assert replicates("gm", labels, exact, np.array([[0.0, 2, 1]]))[0, 0] == pytest.approx(0.5)
    with pytest.raises(ValueError, match="no metric 'maee'"):
        observed("maee", labels, exact)
    with pytest.raises(ValueError, match="no metric 'macro_pearson'"):
        observed("macro_pearson", labels, exact)
    with pytest.raises(ValueError, match="mean over label bins; none are known"):
        observed("macro_mae", labels, exact)
    assert bounds("pearson") == (-1, 1)
    assert bounds("mae") == (0, np.inf)


def test_counts() -> None:
    counts = sample_counts(7, 500, np.random.default_rng(0))
    assert (counts.sum(axis=1) == 7).all()
    assert counts.mean() == 1
    assert counts.var() == pytest.approx(6 / 7, abs=0.1)
    assert np.array_equal(counts, sample_counts(7, 500, np.random.default_rng(0)))


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


def test_a_prior_from_groups_that_agree() -> None:
    rng = np.random.default_rng(4)
    variances = [float(rng.normal(size=4).var(ddof=1)) * 9 for _ in range(60)]
    found = prior_of(variances, [3] * 60)
    assert found is not None
    assert found.variance == pytest.approx(9, rel=0.2)
    assert found.df > 20
    assert Prior(9.0, 3.0).moderated(3.0, 1.0) == (7.5, 4.0)


def test_a_prior_from_groups_that_do_not() -> None:
    rng = np.random.default_rng(4)
    # true variances follow a scaled inverse chi-square with 4 degrees of freedom: that is what a
    # prior of 4 says
    scales = 9 * 4 / rng.chisquare(4, size=400)
    found = prior_of([float(rng.normal(size=6).var(ddof=1)) * scale for scale in scales], [5] * 400)
    assert found is not None
    assert found.df == pytest.approx(4, rel=0.35)
    assert found.variance == pytest.approx(9, rel=0.25)
    assert prior_of([1.0, 2.0], [2, 2]) is None
    assert prior_of([1.0, 2.0, 0.0], [2, 2, 2]) is None
    capped = prior_of([1.0, 1.1, 1.2], [2, 2, 2], most=1.5)
    assert capped is not None
    assert capped.df == 1.5
    # three groups of two degrees of freedom never weigh more than two groups' worth
    alike = prior_of([1.0, 1.1, 1.2], [2, 2, 2])
    assert alike is not None
    assert alike.df == 4
    assert alike.variance == pytest.approx(1.1)


def test_holm() -> None:
    assert holm([]) == []
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.5]) == pytest.approx([1.0, 1.0])
    assert holm([0.2]) == [0.2]
