"""Effects, intervals, differences and p-values as text."""

from __future__ import annotations

import math
from collections.abc import Sequence

from dirsweep.analysis.differences import Difference
from dirsweep.analysis.intervals import Interval
from dirsweep.analysis.multiple_testing import ALPHA
from dirsweep.domain import metric_title, plural
from dirsweep.report.number_format import signed


def digits(low: float, high: float) -> int:
    """Return the decimals in which an interval is printed.

    Its half width has two significant digits, its ends four at most.
    """
    half, largest = (high - low) / 2, max(abs(low), abs(high))
    if not math.isfinite(half) or largest == 0:
        return 2
    most = 3 - math.floor(math.log10(largest))
    wanted = most if half <= 0 else 1 - math.floor(math.log10(half))
    return min(6, max(0, min(most, wanted)))


def p_words(p: float | None) -> str:
    """Return ``p = 0.03``, ``p = 0.052`` near the limit, ``p < 0.001``, ``no p-value``."""
    if p is None:
        return "no p-value"
    if p < 0.001:
        return "p < 0.001"
    if p >= 0.0095 and round(p, 2) != ALPHA:
        return f"p = {p:.2f}"
    # two decimals of 0.0502 would look like a significant p-value
    rounded = math.ceil(p * 1000) if p >= ALPHA else math.floor(p * 1000)
    return f"p = {rounded / 1000:.3f}"


def tested_words(item: Difference) -> str:
    """Return ``p = 0.004 (corrected: 0.05)``, and ``p = 0.004`` where it is the only comparison."""
    if item.p is None or item.num_comparisons < 2:
        return p_words(item.p)
    corrected = p_words(item.p_corrected).removeprefix("p ").removeprefix("= ")
    return f"{p_words(item.p)} (corrected: {corrected})"


def family_words(members: Sequence[Difference]) -> str:
    """Say what the p-values of differences are corrected over; empty where nothing is corrected."""
    families = _families(members)
    return f"Corrected for {families}." if families else ""


def how_tested(items: Sequence[Difference]) -> str:
    """Say how to read p-values that are printed as ``tested_words`` does."""
    if all(item.p is None for item in items):
        return "no p-values from one seed"
    families = _families(items)
    brackets = f"; in brackets: corrected (Holm) for {families}" if families else ""
    return f"p-values of one comparison{brackets}"


def _families(items: Sequence[Difference]) -> str:
    """What p-values are corrected over; empty where each is of the only comparison."""
    families = dict.fromkeys(
        f"{plural(item.num_comparisons, 'comparison')} ({item.family})"
        for item in items
        if item.p is not None and item.num_comparisons > 1
    )
    return " and ".join(families)


def with_interval(item: Interval) -> str:
    """Return ``7.12 [6.80, 7.44]``; the mean and a remark where there is no interval."""
    if item.low is None or item.high is None:
        return f"{item.mean:.4g} (no interval)"
    places = digits(item.low, item.high)
    remark = " over samples only" if item.basis == "samples" else ""
    return f"{item.mean:.{places}f} [{item.low:.{places}f}, {item.high:.{places}f}]{remark}"


def signed_difference(item: Difference) -> str:
    """Return ``+0.41 [+0.12, +0.70], 5 seeds, p = 0.01``; the difference must have an interval.

    The p-value is that of ``tested_words``.
    """
    assert item.low is not None
    assert item.high is not None
    places = digits(item.low, item.high)
    ends = f"[{signed(item.low, places)}, {signed(item.high, places)}]"
    tested = f"{plural(item.num_seeds, 'seed')}, {tested_words(item)}"
    return f"{signed(item.difference, places)} {ends}, {tested}"


def difference_in_words(item: Difference) -> str:
    """Return ``lowers few-shot MAE by 0.41 [0.12, 0.70], 5 seeds, p = 0.01``.

    The difference must have an interval; the p-value is that of ``tested_words``.
    """
    assert item.low is not None
    assert item.high is not None
    raised = item.difference >= 0
    low, high = (item.low, item.high) if raised else (-item.high, -item.low)
    places = digits(low, high)
    verb = "raises" if raised else "lowers"
    return (
        f"{verb} {metric_title(item.metric, item.region)} by {abs(item.difference):.{places}f} "
        f"[{low:.{places}f}, {high:.{places}f}], {plural(item.num_seeds, 'seed')}, "
        f"{tested_words(item)}"
    )
