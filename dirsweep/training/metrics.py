"""Metrics over shot regions, in float64; an empty region gives None.

Definitions: RankSim (Gong et al., ICML 2022), Appendix B.1; ConR (Keramati et al., ICLR 2024),
Section 4.1.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dirsweep.domain import LabelBins, is_undefined
from dirsweep.domain.collapse import collapse_penalties, collapsed
from dirsweep.errors import ShapeError

Array = NDArray[np.float64]


def mae(labels: Array, preds: Array) -> float:
    """Return the mean absolute error, label unit."""
    return float(np.abs(preds - labels).mean())


def mse(labels: Array, preds: Array) -> float:
    """Return the mean squared error, label unit squared."""
    return float(np.square(preds - labels).mean())


def rmse(labels: Array, preds: Array) -> float:
    """Return the root mean squared error, label unit."""
    return float(np.sqrt(mse(labels, preds)))


def gm(labels: Array, preds: Array, smallest_error: float = 0.0) -> float:
    """Return the geometric mean of the absolute errors, label unit.

    Args:
        labels: (N,), label unit.
        preds: (N,), label unit.
        smallest_error: smaller absolute errors count as this; with 0 the result is 0 when one
            prediction is exact.
    """
    errors = np.maximum(np.abs(preds - labels), smallest_error)
    with np.errstate(divide="ignore"):
        return float(np.exp(np.log(errors).mean()))


def pearson(labels: Array, preds: Array) -> float | None:
    """Return the linear correlation in [-1, 1].

    It is None where labels or predictions are constant, and for labels (N, K).
    """
    if not _has_correlation(labels, preds):
        return None
    from scipy import stats  # takes most of a second: imported when a trial first needs it

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.NearConstantInputWarning)
        return float(stats.pearsonr(labels, preds).statistic)


def spearman(labels: Array, preds: Array) -> float | None:
    """Return the correlation of the ranks in [-1, 1]; ties share their mean rank.

    It is None where labels or predictions are constant, and for labels (N, K).
    """
    if not _has_correlation(labels, preds):
        return None
    from scipy import stats

    return float(stats.spearmanr(labels, preds).statistic)


def _has_correlation(labels: Array, preds: Array) -> bool:
    if len(labels) < 2 or labels.ndim != 1:
        return False
    return bool(np.ptp(labels) != 0 and np.ptp(preds) != 0)


#: functions of labels and predictions by metric name
METRICS: dict[str, Callable[[Array, Array], float | None]] = {
    "mae": mae,
    "mse": mse,
    "rmse": rmse,
    "gm": gm,
    "pearson": pearson,
    "spearman": spearman,
}


def collapse_penalty(
    labels: NDArray[Any], preds: NDArray[Any], bins: LabelBins, similar_within: float
) -> float:
    r"""Compute the expected value of ConR's collapse penalty over the label range.

    .. math:: P(y) = \frac{1}{N_y} \sum_i |\hat y_i - y_i|
        \quad \text{over } i:\ \hat y_i \simeq y,\ y_i \not\simeq y

    Source: Keramati et al., ICLR 2024, Appendix A.1, Fig. 6(c). Two values are similar when they
    are at most 1 / omega apart (Section 3.2.1); y are the lower ends of the label bins, which are
    the labels themselves where these are whole. The expected value is the mean of P over those y
    with at least one such sample. It is reported per epoch; no trial is chosen by it, so it is not
    among ``METRICS``.

    Args:
        labels: (N,), label unit.
        preds: (N,), label unit.
        bins: of the benchmark.
        similar_within: 1 / omega, label unit.

    Returns:
        Label unit; 0 where nothing collapses.

    Raises:
        ShapeError: labels and predictions are not (N,), or differ in shape.
    """
    _check_shapes(labels, preds)
    if labels.ndim != 1:
        raise ShapeError(f"the collapse penalty is of scalar labels (N,), got {labels.shape}")
    given = labels.astype(np.float64), preds.astype(np.float64)
    penalties = collapse_penalties(collapsed(*given, bins.edges[:-1], similar_within))
    occupied = np.isfinite(penalties)
    return float(penalties[occupied].mean()) if occupied.any() else 0.0


def compute(
    labels: NDArray[Any],
    preds: NDArray[Any],
    bins: LabelBins,
    names: Iterable[str] = tuple(METRICS),
    *,
    bin_labels: NDArray[Any] | None = None,
    smallest_error: float = 0.0,
) -> dict[str, float | None]:
    """Compute every metric over every region.

    Args:
        labels: (N,), or (N, K) for means over N and K without correlations; label unit.
        preds: same shape and unit.
        bins: decide each label's region by its bin's training count.
        names: keys of ``METRICS``.
        bin_labels: (N,) the number by which each label is binned; None: scalar labels themselves.
        smallest_error: see ``gm``.

    Returns:
        ``<metric>_<region>`` -> value; None for a region without samples, and where a correlation
        is not defined.

    Raises:
        ShapeError: labels and predictions differ in shape, or labels (N, K) come without
            ``bin_labels``.
    """
    _check_shapes(labels, preds)
    exact, predicted = labels.astype(np.float64), preds.astype(np.float64)
    regions = bins.region_of(exact if bin_labels is None else bin_labels)
    functions = dict(METRICS)
    functions["gm"] = partial(gm, smallest_error=smallest_error)
    found: dict[str, float | None] = {}
    for name in names:
        for region in bins.reported_regions:
            inside = np.ones(len(exact), bool) if region == "all" else regions == region
            value = functions[name](exact[inside], predicted[inside]) if inside.any() else None
            found[f"{name}_{region}"] = None if is_undefined(value) else value
    return found


def _check_shapes(labels: NDArray[Any], preds: NDArray[Any]) -> None:
    if labels.shape != preds.shape:
        raise ShapeError(f"labels {labels.shape} and predictions {preds.shape} differ in shape")
