"""Metrics over shot regions, in float64. An empty region is None, never a crash and never a made-up
number.

Definitions: RankSim (Gong et al., ICML 2022), Appendix B.1; ConR (Keramati et al., ICLR 2024),
    Section 4.1.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dirsweep.domain import LabelBins
from dirsweep.errors import ShapeError

Array = NDArray[np.float64]


def mae(labels: Array, preds: Array) -> float:
    """Mean absolute error, label unit."""
    return float(np.abs(preds - labels).mean())


def mse(labels: Array, preds: Array) -> float:
    """Mean squared error, label unit squared."""
    return float(np.square(preds - labels).mean())


def rmse(labels: Array, preds: Array) -> float:
    """Root mean squared error, label unit."""
    return float(np.sqrt(mse(labels, preds)))


def gm(labels: Array, preds: Array) -> float:
    """Geometric mean of the absolute errors, label unit; 0 when one prediction is exact."""
    with np.errstate(divide="ignore"):
        return float(np.exp(np.log(np.abs(preds - labels)).mean()))


def pearson(labels: Array, preds: Array) -> float | None:
    """Linear correlation in [-1, 1]; None where labels or predictions are constant, or have K
    dimensions.
    """
    if len(labels) < 2 or labels.ndim != 1 or np.ptp(labels) == 0 or np.ptp(preds) == 0:
        return None
    from scipy import stats  # most of a second, which a trial need not wait for before it begins

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.NearConstantInputWarning)
        return float(stats.pearsonr(labels, preds).statistic)


def spearman(labels: Array, preds: Array) -> float | None:
    """Correlation of the ranks (ties share their mean rank) in [-1, 1]; None where one side is
    constant, or (N, K).
    """
    if len(labels) < 2 or labels.ndim != 1 or np.ptp(labels) == 0 or np.ptp(preds) == 0:
        return None
    from scipy import stats

    return float(stats.spearmanr(labels, preds).statistic)


METRICS: dict[str, Callable[[Array, Array], float | None]] = {
    "mae": mae,
    "mse": mse,
    "rmse": rmse,
    "gm": gm,
    "pearson": pearson,
    "spearman": spearman,
}


def collapse_penalty(labels: NDArray[Any], preds: NDArray[Any], bins: LabelBins) -> float:
    r"""The expected value of ConR's collapse penalty over the label range, label unit; 0 where
    nothing collapses.

    .. math:: P(y) = \frac{1}{N_y} \sum_i |\hat y_i - y_i| \quad \text{over } i:\ \hat y_i \simeq y,\ y_i \not\simeq y

    Source: Keramati et al., ICLR 2024, Appendix A.1, Fig. 6(c). The paper leaves open when two
        values are similar; here
    a prediction is similar to y when it lies in y's bin, and a label is not when it lies more than
    one bin's width from the prediction. The expected value is the mean of P over the bins that
    received such a prediction. It watches a training, per epoch; no trial is chosen by it, so it is
    none of ``METRICS``.

    Args:
        labels, preds: (N,), label unit.
        bins: of the benchmark.
    Raises: ShapeError: they are not (N,), or differ in shape.
    """
    if labels.shape != preds.shape:
        raise ShapeError(f"labels {labels.shape} and predictions {preds.shape} differ in shape")
    errors = np.abs(preds.astype(np.float64) - labels.astype(np.float64))
    collapsed = errors > bins.edges[1] - bins.edges[0]
    places = bins.bin_of(preds)[collapsed]
    counts = np.bincount(places, minlength=bins.num_bins)
    sums = np.bincount(places, weights=errors[collapsed], minlength=bins.num_bins)
    there = counts > 0
    return float((sums[there] / counts[there]).mean()) if there.any() else 0.0


def compute(
    labels: NDArray[Any],
    preds: NDArray[Any],
    bins: LabelBins,
    names: Iterable[str] = tuple(METRICS),
    *,
    counted: NDArray[Any] | None = None,
) -> dict[str, float | None]:
    """Every metric over every region, named ``<metric>_<region>``.

    Args:
        labels, preds: (N,), label unit; (N, K) give the mean over N and K, and have no correlation.
        bins: decides each label's region by its bin's training count.
        names: keys of ``METRICS``.
        counted: (N,) what bins and regions go by; None for scalar labels, which are it themselves.
    Returns: None for a region without samples, or where a correlation is not defined.
    Raises: ShapeError: labels and preds differ in shape, or K-dimensional labels come without
        ``counted``.
    """
    if labels.shape != preds.shape:
        raise ShapeError(f"labels {labels.shape} and predictions {preds.shape} differ in shape")
    exact, guessed = labels.astype(np.float64), preds.astype(np.float64)
    shots = bins.region_of(exact if counted is None else counted)
    inside = {
        region: np.ones(len(exact), bool) if region == "all" else shots == region
        for region in bins.reported_regions
    }
    return {
        f"{name}_{region}": METRICS[name](exact[mask], guessed[mask]) if mask.any() else None
        for name in names
        for region, mask in inside.items()
    }
