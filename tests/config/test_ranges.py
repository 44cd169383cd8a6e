"""Search ranges: what they contain, and what is no range."""

from __future__ import annotations

from typing import Any

import pytest

from dirsweep.config.ranges import Choice, IntUniform, LogUniform, Range, Uniform


@pytest.mark.parametrize(
    ("range_", "value", "inside"),
    [
        (IntUniform(1, 3), 3, True),
        (IntUniform(1, 3), 2.0, False),
        (IntUniform(0, 3), True, False),
        (LogUniform(1, 3), 1, True),
        (LogUniform(1, 3), 3.1, False),
        (Uniform(0, 1), "0", False),
        (Choice((1, 2)), 1.0, True),
        (Choice((1, 2)), True, False),
        (Choice((None, {"a": 1})), {"a": 1}, True),
        (Choice((None, "x")), None, True),
        (Choice((False,)), 0, False),
    ],
)
def test_what_lies_in_a_range(range_: Range, value: Any, inside: bool) -> None:
    assert range_.contains(value) is inside
