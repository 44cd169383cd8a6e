"""Corrections of p-values for their number."""

from __future__ import annotations

from collections.abc import Sequence

#: significance level: two points are separable when the corrected p-value is below
ALPHA = 0.05


def holm(ps: Sequence[float]) -> list[float]:
    """Correct p-values for their number.

    Source: Holm, Scandinavian Journal of Statistics 6, 1979.

    Args:
        ps: uncorrected p-values.

    Returns:
        The corrected p-values, in the given order.
    """
    order = sorted(range(len(ps)), key=lambda i: ps[i])
    corrected = [0.0] * len(ps)
    largest = 0.0
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, (len(ps) - rank) * ps[i]))
        corrected[i] = largest
    return corrected
