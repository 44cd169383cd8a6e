"""Draws of the test samples and a metric of every trial under each of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: metrics that can be recomputed from predictions; macro metrics are means over label bins
METRICS = ("mae", "mse", "rmse", "gm", "pearson", "spearman", "macro_mae", "macro_mse", "macro_gm")
_PER_SAMPLE = ("mae", "mse", "rmse", "gm")
_CORRELATIONS = ("pearson", "spearman")
#: numbers held at once while ranks are computed anew for each draw
_CHUNK = 1_000_000


def bounds(metric: str) -> tuple[float, float]:
    """Return the range of a metric: errors from 0 up, correlations within [-1, 1]."""
    return (-1.0, 1.0) if metric in _CORRELATIONS else (0.0, np.inf)


def sample_counts(num_samples: int, num_draws: int, rng: np.random.Generator) -> Floats:
    """Draw samples with replacement.

    Args:
        num_samples: number S of samples, and size of each draw.
        num_draws: number R of draws.
        rng: generator.

    Returns:
        (R, S) how often each draw has each sample; every row sums to S.
    """
    drawn = rng.integers(0, num_samples, size=(num_draws, num_samples))
    drawn += np.arange(num_draws)[:, None] * num_samples
    counts = np.bincount(drawn.ravel(), minlength=num_draws * num_samples)
    shaped: Floats = counts.reshape(num_draws, num_samples).astype(np.float64)
    return shaped


def with_smallest_error(labels: Floats, preds: Floats, smallest: float) -> Floats:
    """Return predictions (T, S) whose absolute errors are at least ``smallest``.

    The geometric mean of a benchmark may count an exact prediction as a small error.
    """
    if not smallest:
        return preds
    found: Floats = np.where(np.abs(preds - labels) < smallest, labels + smallest, preds)
    return found


def observed(
    metric: str, labels: Floats, preds: Floats, bins: NDArray[np.int64] | None = None
) -> Floats:
    """Return the (T,) metric of each row of ``preds`` (T, S) on the samples as they are."""
    found: Floats = replicates(metric, labels, preds, np.ones((1, len(labels))), bins)[0]
    return found


def replicates(
    metric: str,
    labels: Floats,
    preds: Floats,
    counts: Floats,
    bins: NDArray[np.int64] | None = None,
) -> Floats:
    r"""Compute a metric of every trial under every draw.

    ``mae``, ``mse``, ``rmse``, ``gm``, ``pearson``, ``spearman``: as the trainer computes them
    (RankSim, Gong et al. 2022, Appendix B.1), repeated samples counted as often as drawn; tied
    ranks share their mean. ``macro_mae``, ``macro_mse``, ``macro_gm``: the metric within each label
    bin, then the mean over the bins that have a sample, so that a rare label weighs as much as a
    frequent one: bMAE and related metrics of Balanced MSE (Ren et al., CVPR 2022), also called
    per-label MAE.

    Args:
        metric: one of ``METRICS``.
        labels: (S,) label unit.
        preds: (T, S) label unit, finite.
        counts: (R, S) how often a draw has a sample.
        bins: (S,) label bins, for macro metrics.

    Returns:
        (R, T); NaN where a correlation is not defined.

    Raises:
        ValueError: no such metric, or a macro metric without bins.
    """
    if metric in _PER_SAMPLE:
        return _finished(metric, *_sums(metric, preds - labels, counts))
    if metric == "pearson":
        return _pearson(labels, preds, counts)
    if metric == "spearman":
        return _spearman_in_chunks(labels, preds, counts)
    base = metric.removeprefix("macro_")
    if base == metric or base not in _PER_SAMPLE:
        raise ValueError(f"no metric '{metric}' (known: {', '.join(METRICS)})")
    if bins is None:
        raise ValueError(f"'{metric}' is a mean over label bins; none are known")
    return _macro(base, preds - labels, counts, bins)


def _sums(metric: str, errors: Floats, counts: Floats) -> tuple[Floats, Floats]:
    """(R, T) weighted sums of what the metric is a mean of, and (R, 1) their weights."""
    weights = counts.sum(axis=1, keepdims=True)
    if metric != "gm":
        return counts @ (np.abs(errors) if metric == "mae" else np.square(errors)).T, weights
    exact = errors == 0
    logs = np.log(np.abs(np.where(exact, 1.0, errors)))
    sums = counts @ logs.T
    if exact.any():  # one exact prediction makes the geometric mean 0
        sums[counts @ exact.T.astype(np.float64) > 0] = -np.inf
    return sums, weights


def _finished(metric: str, sums: Floats, weights: Floats) -> Floats:
    """(R, T) metric from its weighted sums."""
    means: Floats = sums / weights
    if metric == "rmse":
        return np.sqrt(means)
    return np.exp(means) if metric == "gm" else means


def _macro(metric: str, errors: Floats, counts: Floats, bins: NDArray[np.int64]) -> Floats:
    """(R, T) mean over the bins that a draw has samples of."""
    total = np.zeros((len(counts), len(errors)))
    num_bins = np.zeros((len(counts), 1))
    for bin_ in np.unique(bins):
        inside = bins == bin_
        sums, weights = _sums(metric, errors[:, inside], counts[:, inside])
        filled = weights > 0
        safe_weights = np.where(filled, weights, 1.0)
        total += np.where(filled, _finished(metric, sums, safe_weights), 0.0)
        num_bins += filled
    found: Floats = total / num_bins
    return found


def _correlation(xx: Floats, yy: Floats, xy: Floats, scale: Floats | float) -> Floats:
    """Covariance over deviations; NaN where one of the two is constant up to rounding.

    ``scale`` is the size of the numbers, which rounding errors are relative to.
    """
    tiny = 1e-13 * np.square(scale)
    defined = (xx > tiny) & (yy > tiny)
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Floats = np.where(defined, xy / np.sqrt(xx * yy), np.nan)
    return np.clip(found, -1.0, 1.0)


def _pearson(labels: Floats, preds: Floats, counts: Floats) -> Floats:
    # moments about the unweighted mean in units of the deviation: no cancellation, one scale for
    # "constant"
    x = (labels - labels.mean()) / (labels.std() or 1.0)
    y = preds - preds.mean(axis=1, keepdims=True)
    size = y.std(axis=1, keepdims=True)
    y = y / np.where(size > 1e-13 * np.abs(preds).max(axis=1, keepdims=True), size, np.inf)
    weights = counts.sum(axis=1, keepdims=True)
    mean_x, mean_y = (counts @ x)[:, None] / weights, (counts @ y.T) / weights
    xx = (counts @ np.square(x))[:, None] / weights - mean_x**2
    yy = (counts @ np.square(y).T) / weights - mean_y**2
    return _correlation(
        np.broadcast_to(xx, yy.shape), yy, (counts @ (x * y).T) / weights - mean_x * mean_y, 1.0
    )


def _spearman_in_chunks(labels: Floats, preds: Floats, counts: Floats) -> Floats:
    """``_spearman`` of as many draws at once as fit in memory."""
    rows = max(1, _CHUNK // max(1, len(labels)))
    starts = range(0, len(counts), rows)
    parts = [_spearman(labels, preds, counts[start : start + rows]) for start in starts]
    return np.concatenate(parts)


def _spearman(labels: Floats, preds: Floats, counts: Floats) -> Floats:
    num = counts.sum(axis=1)
    middle = (num + 1) / 2
    label_ranks = _ranks(labels, counts) - middle[:, None]
    xx = np.einsum("rs,rs,rs->r", counts, label_ranks, label_ranks) / num
    found = np.empty((len(counts), len(preds)))
    for row, values in enumerate(preds):
        ranks = _ranks(values, counts) - middle[:, None]
        weighted = counts * ranks
        yy = np.einsum("rs,rs->r", weighted, ranks) / num
        xy = np.einsum("rs,rs->r", weighted, label_ranks) / num
        found[:, row] = _correlation(xx, yy, xy, num)
    return found


def _ranks(values: Floats, counts: Floats) -> Floats:
    """(R, S) ranks, from 1, of (S,) values that occur as often as ``counts`` says.

    Ties share their mean rank.
    """
    order = np.argsort(values, kind="stable")
    sorted_values = values[order]
    starts = np.flatnonzero(np.concatenate([[True], sorted_values[1:] != sorted_values[:-1]]))
    sizes = counts[:, order]
    if len(starts) < len(values):
        sizes = np.add.reduceat(sizes, starts, axis=1)
    # a group of n equal values behind m smaller ones has mean rank m + (n + 1) / 2
    mean_ranks = np.cumsum(sizes, axis=1) - (sizes - 1) / 2
    group = np.empty(len(values), dtype=np.int64)
    group[order] = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(values))))
    return mean_ranks[:, group]
