from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from dirsweep.analysis.resampling import (
    METRICS,
    bounds,
    observed,
    replicates,
    sample_counts,
    with_smallest_error,
)
from dirsweep.data.agedb_dir import AgeDBConfig
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


def test_the_smallest_error_moves_nearer_predictions_only() -> None:
    labels, preds = np.array([1.0, 2.0, 3.0]), np.array([[1.0, 2.05, 3.5]])
    assert with_smallest_error(labels, preds, 0.0) is preds
    assert with_smallest_error(labels, preds, 0.1).tolist() == [[1.1, 2.1, 3.5]]
    assert preds.tolist() == [[1.0, 2.05, 3.5]]


@pytest.mark.parametrize("split", ["val", "test", "hit"])
def test_golden_balanced_errors_of_agedb(
    golden_benchmarks: Mapping[str, NDArray[np.generic]], data_dir: Path, split: str
) -> None:
    """Balanced MSE's bMSE and bMAE: means per age, then over ages; overall and by region."""
    benchmark = AgeDBConfig(root=str(data_dir / "agedb-dir")).build(Path())
    labels = benchmark.samples("val" if split == "val" else "test").labels
    preds = golden_benchmarks[f"age_agedb_{'val' if split == 'val' else 'test'}_pred"].copy()
    if split == "hit":
        exact = golden_benchmarks["age_agedb_hit_index"]
        preds[exact] = labels[exact]
    ages, regions = benchmark.bins.bin_of(labels), benchmark.bins.region_of(labels)
    expected = golden_benchmarks[f"age_agedb_{split}_balanced"].tolist()
    for region, row in zip(("all", "many", "median", "few"), expected, strict=True):
        inside = (regions == region) | (region == "all")
        true, predicted = labels[inside].astype(float), preds[inside].astype(float)[None]
        for metric, value in zip(("macro_mse", "macro_mae"), row, strict=True):
            found = observed(metric, true, predicted, ages[inside])[0]
            assert found == pytest.approx(value, rel=1e-4)
