"""Numbers as text: decimals, durations, signs."""

from __future__ import annotations

import math
from collections.abc import Sequence

#: marks the point that validation chose
STAR = "★"
#: mark results that a test separates from the baseline's
BETTER, WORSE = "▲", "▼"
#: marks the best result of all sections
DIAMOND = "◆"
#: text of a missing value
MISSING = "–"


def decimals(values: Sequence[float]) -> int:
    """Return the decimals that give a column about three significant figures.

    Args:
        values: the column's values, in its unit.

    Returns:
        1 to 4, by the largest magnitude.
    """
    largest = max((abs(value) for value in values), default=0.0)
    for limit, places in ((100.0, 1), (2.0, 2), (0.02, 3)):
        if largest >= limit:
            return places
    return 4 if largest > 0 else 2


def figure(value: float) -> str:
    """Return a single result, with three decimals or, where it is small, more."""
    return f"{value:.{max(3, decimals([value]))}f}"


def duration(seconds: float | None) -> str:
    """Return ``4.2 s``, ``3 min 05 s``, ``2 h 10 min`` or ``3 d 4 h``."""
    if seconds is None:
        return MISSING
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{int(seconds) // 60} min {int(seconds) % 60:02d} s"
    if seconds < 86400:
        return f"{int(seconds) // 3600} h {int(seconds) % 3600 // 60:02d} min"
    return f"{int(seconds) // 86400} d {int(seconds) % 86400 // 3600} h"


def signed(value: float, places: int) -> str:
    """Return ``+0.12`` or ``-0.12``; ``0.00`` where rounding leaves nothing."""
    text = f"{value:+.{places}f}"
    return text if float(text) else text[1:]


def finite(value: float | None) -> float | None:
    """Return the value with seven significant figures, None if it is not finite."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.7g}")
