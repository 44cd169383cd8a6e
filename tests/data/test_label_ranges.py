"""Label ranges: sorted, joined, and refused in one line."""

from __future__ import annotations

from typing import Any

import pytest

from dirsweep.data.label_ranges import checked_ranges, range_text

AGES = (0.0, 121.0)


def test_ranges_are_sorted_and_joined_where_they_touch() -> None:
    assert checked_ranges([[60, 70], [0, 10]], AGES, 1.0) == ((0.0, 10.0), (60.0, 70.0))
    assert checked_ranges([[10, 20], [0, 10]], AGES, 1.0) == ((0.0, 20.0),)
    assert checked_ranges([[0, 30], [5, 10]], AGES, 1.0) == ((0.0, 30.0),)
    assert checked_ranges(((100, 121),), AGES, 1.0) == ((100.0, 121.0),)


def test_bin_edges_that_are_no_round_binary_numbers() -> None:
    assert checked_ranges([[0.3, 4.7]], (0.0, 5.0), 0.1) == ((0.3, 4.7),)


def test_the_highest_label_may_lie_inside_the_last_bin() -> None:
    assert checked_ranges([[0.8, 1.0]], (0.0, 1.0), 0.4) == ((0.8, 1.0),)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("twenty", "expected a list of ranges"),
        ([], "empty: leave it out"),
        ([[0, 10, 20]], "expected ranges of two numbers"),
        ([[0, True]], "expected ranges of two numbers"),
        ([[0, float("nan")]], "expected ranges of two numbers"),
        ([[20, 10]], r"\[20, 10\]: low must be below high"),
        ([[100, 130]], r"\[100, 130\] is not within the labels, \[0, 121\]"),
        ([[0, 60], [60, 121]], r"\[0, 121\] is every label; leave some to learn from"),
        ([[0, 10.5]], r"10.5 is inside the bin \[10, 11\); .* here at 10 or 11"),
    ],
)
def test_what_is_refused(value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        checked_ranges(value, AGES, 1.0)
    assert "\n" not in str(caught.value)


def test_range_text() -> None:
    assert range_text((60.0, 70.5)) == "[60, 70.5]"
