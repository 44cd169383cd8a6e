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


def collapse_penalty(labels: NDArray[Any], preds: NDArray[Any], bins: LabelBins) -> float:
    r"""Compute the expected value of ConR's collapse penalty over the label range.

    .. math:: P(y) = \frac{1}{N_y} \sum_i |\hat y_i - y_i|
        \quad \text{over } i:\ \hat y_i \simeq y,\ y_i \not\simeq y

    Source: Keramati et al., ICLR 2024, Appendix A.1, Fig. 6(c). The paper leaves open when two
    values are similar. Here a prediction is similar to y when it lies in y's bin, and a label is
    not similar when it lies more than one bin's width from the prediction. The expected value is
    the mean of P over the bins that received such a prediction. It is reported per epoch; no
    trial is chosen by it, so it is not among ``METRICS``.

    Args:
        labels: (N,), label unit.
        preds: (N,), label unit.
        bins: of the benchmark.

    Returns:
        Label unit; 0 where nothing collapses.

    Raises:
        ShapeError: labels and predictions are not (N,), or differ in shape.
    """
    _check_shapes(labels, preds)
    errors = np.abs(preds.astype(np.float64) - labels.astype(np.float64))
    collapsed = errors > bins.edges[1] - bins.edges[0]
    positions = bins.bin_of(preds)[collapsed]
    counts = np.bincount(positions, minlength=bins.num_bins)
    sums = np.bincount(positions, weights=errors[collapsed], minlength=bins.num_bins)
    occupied = counts > 0
    return float((sums[occupied] / counts[occupied]).mean()) if occupied.any() else 0.0


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
