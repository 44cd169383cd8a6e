"""Collapsed predictions, as ConR defines them: similar to a label that the sample is far from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def collapsed(labels: Floats, preds: Floats, values: Floats, similar_within: float) -> Floats:
    r"""Find the errors that count at each value.

    A sample counts at y where its prediction is similar to y and its label is not. Two values are
    similar when they are at most :math:`1 / \omega` apart.

    Source: Keramati et al., ICLR 2024, Appendix A.1, with the similarity of Section 3.2.1.

    Args:
        labels: (S,), label unit.
        preds: (S,), label unit; NaN counts nowhere.
        values: (B,) the values y, label unit.
        similar_within: 1 / omega, label unit.

    Returns:
        (S, B) absolute errors; NaN where a sample does not count.
    """
    # float32 labels such as 3.4 lie beside the decimal number that they stand for
    grace = 2 * float(np.finfo(np.float32).eps) * max(1.0, float(np.abs(values).max()))
    window = similar_within + grace
    counts = (np.abs(preds[:, None] - values) <= window) & (
        np.abs(labels[:, None] - values) > window
    )
    return np.where(counts, np.abs(preds - labels)[:, None], np.nan)


def collapse_penalties(errors: Floats) -> Floats:
    """Average (S, B) errors over the samples: (B,) P(y), NaN where no sample counts."""
    counts = np.isfinite(errors).sum(0)
    sums = np.nansum(errors, axis=0)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
