r"""The bootstrap itself: numbers in, numbers out, no run and no table in sight.

Seeds and test samples are crossed: every seed of every point predicts the same samples. A draw
    takes the samples anew
with replacement, once for all trials, which keeps points and seeds paired; the seeds are drawn on
top of that:

.. math::
    \theta^*_r = \hat\theta + c\,(\bar M(w_r) - \overline{\bar M}) + t_r\, s / \sqrt K, \qquad
    c^2 = \max(0, V_b - V_e) / V_b

with :math:`M_k(w)` the metric of seed k under the sample counts w, :math:`\bar M` its mean over the
K seeds, s the sample deviation of the K metrics on the whole split, and :math:`t_r` from Student's
distribution with K - 1 degrees of freedom. :math:`V_b` is the variance of :math:`\bar M(w)` over
draws. :math:`V_e`, the part of it that differs from seed to seed, lies in :math:`s^2 / K` already
and would be counted twice (Owen, Annals of Applied Statistics 1, 2007).

With three seeds :math:`s^2` is known badly and Student's tail at 2 degrees of freedom is long. The
points of a study
tell each other how large it is likely to be: a ``Prior`` moderates it as in Smyth, Statistical
    Applications in Genetics
and Molecular Biology 3, 2004. Where points differ in how much their seeds differ, its weight goes
to 0 by itself.

Taking K seeds anew with replacement instead (``hierarchical_draws``, the textbook's way) is too
narrow for the three
or five seeds one has: it spreads by (K - 1)/K of the variance and has normal instead of Student
    tails.
``tests/report/test_resampling.py`` measures both: with 3 seeds nominal 95 % hold about 95 % here,
and below 85 % there.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: metrics that can be recomputed from predictions; those with macro are means over label bins, see
#: ``replicates``
METRICS = ("mae", "mse", "rmse", "gm", "pearson", "spearman", "macro_mae", "macro_mse", "macro_gm")
_PER_SAMPLE = ("mae", "mse", "rmse", "gm")
_CORRELATIONS = ("pearson", "spearman")
#: numbers held at once while ranks are made anew for each draw
_CHUNK = 1_000_000
#: fewer draws than this beyond zero are too few to read a p-value off; Student's tail takes over
_TAIL = 20


def bounds(metric: str) -> tuple[float, float]:
    """The values a metric can take: errors from 0 up, correlations within [-1, 1]."""
    return (-1.0, 1.0) if metric in _CORRELATIONS else (0.0, np.inf)


def sample_counts(num_samples: int, num_resamples: int, rng: np.random.Generator) -> Floats:
    """(R, S) how often each draw has each sample; every row sums to S."""
    drawn = rng.integers(0, num_samples, size=(num_resamples, num_samples))
    drawn += np.arange(num_resamples)[:, None] * num_samples
    counts = np.bincount(drawn.ravel(), minlength=num_resamples * num_samples)
    shaped: Floats = counts.reshape(num_resamples, num_samples).astype(np.float64)
    return shaped


def observed(
    metric: str, labels: Floats, preds: Floats, bins: NDArray[np.int64] | None = None
) -> Floats:
    """(T,) the metric of each row of ``preds`` (T, S) on the samples as they are."""
    found: Floats = replicates(metric, labels, preds, np.ones((1, len(labels))), bins)[0]
    return found


def replicates(
    metric: str,
    labels: Floats,
    preds: Floats,
    counts: Floats,
    bins: NDArray[np.int64] | None = None,
) -> Floats:
    r"""A metric of every trial under every draw.

    ``mae``, ``mse``, ``rmse``, ``gm``, ``pearson``, ``spearman``: as the trainer computes them
    (RankSim, Gong et al. 2022, Appendix B.1), the repeated samples counted as often as drawn; tied
    ranks share their mean. ``macro_mae``, ``macro_mse``, ``macro_gm``: the metric within each label
    bin, then the mean over the bins that have
    a sample, so that a rare label weighs as much as a frequent one: bMAE and its kin of Balanced
        MSE (Ren et al.,
    CVPR 2022), also called per-label MAE.

    Args:
        metric: one of ``METRICS``.
        labels: (S,) label unit.
        preds: (T, S) label unit, finite.
        counts: (R, S) how often a draw has a sample.
        bins: (S,) label bins, for macro metrics.
    Returns: (R, T); NaN where a correlation is not defined. Raises: ValueError: no such metric;
        macro without bins.
    """
    if metric in _PER_SAMPLE:
        return _finished(metric, *_sums(metric, preds - labels, counts))
    if metric == "pearson":
        return _pearson(labels, preds, counts)
    if metric == "spearman":
        rows = max(1, _CHUNK // max(1, len(labels)))
        parts = [
            _spearman(labels, preds, counts[start : start + rows])
            for start in range(0, len(counts), rows)
        ]
        return np.concatenate(parts)
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
    means: Floats = sums / weights
    if metric == "rmse":
        return np.sqrt(means)
    return np.exp(means) if metric == "gm" else means


def _macro(metric: str, errors: Floats, counts: Floats, bins: NDArray[np.int64]) -> Floats:
    total = np.zeros((len(counts), len(errors)))
    num_bins = np.zeros((len(counts), 1))
    for bin_ in np.unique(bins):
        inside = bins == bin_
        sums, weights = _sums(metric, errors[:, inside], counts[:, inside])
        there = weights > 0
        total += np.where(there, _finished(metric, sums, np.where(there, weights, 1.0)), 0.0)
        num_bins += there
    found: Floats = total / num_bins
    return found


def _correlation(xx: Floats, yy: Floats, xy: Floats, scale: Floats | float) -> Floats:
    """Covariance over deviations; NaN where one of the two is constant (up to rounding of numbers
    of size scale).
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
    """(R, S) mean ranks, from 1, of (S,) values that occur as often as ``counts`` says; ties share
    their mean rank.
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
