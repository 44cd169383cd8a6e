"""Label ranges of ``zero_shot`` and ``labels``: checked, sorted and joined."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: lowest label (included) and highest (not), label unit
LabelRange = tuple[float, float]


def range_text(span: Sequence[float]) -> str:
    """Return ``[60, 70]``."""
    return f"[{', '.join(f'{end:g}' for end in span)}]"


def checked_ranges(
    value: Any,
    label_range: LabelRange,
    bin_width: float,
    *,
    of_all: str = "leave some to learn from",
) -> tuple[LabelRange, ...]:
    """Check ranges of whole label bins, so that equal settings are equal values.

    Args:
        value: as a sweep file has it.
        label_range: lowest and highest label of the benchmark, label unit.
        bin_width: of the benchmark's bins, label unit.
        of_all: what is wrong with ranges that cover every label.

    Returns:
        The ranges, sorted, and joined where they touch.

    Raises:
        ValueError: no list of ranges; a range that is empty, lies outside the labels or starts or
            ends inside a bin; ranges that cover every label.
    """
    check_form(value)
    for span in value:
        _check_place(span, label_range)
    joined = _joined([(float(low), float(high)) for low, high in value])
    if joined == (label_range,):
        raise ValueError(f"{range_text(label_range)} is every label; {of_all}")
    for end in (end for span in joined for end in span):
        _check_edge(end, label_range, bin_width)
    return joined


def in_range(labels: NDArray[np.float32], span: LabelRange, highest: float) -> NDArray[np.bool_]:
    """Mark the labels inside a range.

    Args:
        labels: (N,), label unit.
        span: [low, high), or [low, high] where high is the highest label.
        highest: the highest label of the benchmark.

    Returns:
        (N,) bool.
    """
    # as float32, so that 3.1 of a sweep file and 3.1 of the data are one number
    low, high = np.float32(span[0]), np.float32(span[1])
    below = labels <= high if span[1] >= highest else labels < high
    found: NDArray[np.bool_] = (labels >= low) & below
    return found


def check_form(value: Any) -> None:
    """Refuse what is no list of ranges of two numbers, the lower one first.

    Args:
        value: as a sweep file has it.

    Raises:
        ValueError: one line about the first mistake.
    """
    if not isinstance(value, (list, tuple)):
        raise ValueError("expected a list of ranges such as [[0, 10], [60, 70]]")
    if not value:
        raise ValueError("empty: leave it out, or give at least one range such as [[0, 10]]")
    for span in value:
        if not (isinstance(span, (list, tuple)) and len(span) == 2 and all(map(_is_number, span))):
            raise ValueError(
                f"expected ranges of two numbers such as [[0, 10], [60, 70]], got {span}"
            )
        if span[0] >= span[1]:
            raise ValueError(f"{range_text(span)}: low must be below high")


def _check_place(span: Sequence[float], label_range: LabelRange) -> None:
    if not label_range[0] <= span[0] < span[1] <= label_range[1]:
        raise ValueError(f"{range_text(span)} is not within the labels, {range_text(label_range)}")


def _joined(spans: Sequence[LabelRange]) -> tuple[LabelRange, ...]:
    joined: list[LabelRange] = []
    for low, high in sorted(spans):
        if joined and low <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(high, joined[-1][1])
        else:
            joined.append((low, high))
    return tuple(joined)


def _check_edge(end: float, label_range: LabelRange, bin_width: float) -> None:
    """Raise where a range ends inside a bin: some of the bin's labels would stay in training."""
    lowest, highest = label_range
    if end >= highest:
        return
    position = (end - lowest) / bin_width
    if abs(position - round(position)) <= 1e-6:
        return
    below = lowest + bin_width * math.floor(position)
    above = lowest + bin_width * (math.floor(position) + 1)
    raise ValueError(
        f"{end:g} is inside the bin [{below:g}, {above:g}); ranges start and end at bin edges, "
        f"here at {below:g} or {above:g}"
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
