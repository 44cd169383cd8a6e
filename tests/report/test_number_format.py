from __future__ import annotations

import math

from dirsweep.report.number_format import (
    decimals,
    duration,
    finite,
    signed,
)


def test_decimals_give_three_figures() -> None:
    assert [decimals([v]) for v in (120.0, 7.1, 0.84, 0.003, 0.0)] == [1, 2, 3, 4, 2]
    assert decimals([]) == 2
    assert decimals([0.003, -120.0]) == 1, "the largest magnitude counts"


def test_durations() -> None:
    assert [duration(s) for s in (None, 4.25, 59.4, 185, 7800, 273600)] == [
        "–",
        "4.2 s",
        "59 s",
        "3 min 05 s",
        "2 h 10 min",
        "3 d 4 h",
    ]


def test_signs() -> None:
    values = (0.126, -0.126, 0.004, -0.004, 0.0)
    assert [signed(v, 2) for v in values] == ["+0.13", "-0.13", "0.00", "0.00", "0.00"]


def test_finite() -> None:
    assert finite(1 / 3) == 0.3333333
    assert [finite(value) for value in (None, math.nan, math.inf)] == [None, None, None]
