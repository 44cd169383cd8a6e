"""Search ranges: what they contain, and what is no range."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from dirsweep.config.ranges import Choice, IntUniform, LogUniform, Range, Uniform


@pytest.mark.parametrize(
    ("range_", "value", "inside"),
    [
        (IntUniform(1, 3), 3, True),
        (IntUniform(1, 3), 2.0, False),
        (IntUniform(0, 3), True, False),
        (IntUniform(16, 64, step=16), 48, True),
        (IntUniform(16, 64, step=16), 40, False),
        (IntUniform(5, 65, step=15), 20, True),
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


def test_a_step_leads_from_one_end_to_the_other() -> None:
    range_ = IntUniform(16, 256, step=16)
    drawn = {range_.draw(Random(seed)) for seed in range(300)}
    assert drawn == set(range(16, 257, 16))
    assert (range_.extremes, range_.middle) == ((16, 256), 144)
    assert range_.to_dict() == {"int": [16, 256], "step": 16}
    assert str(range_) == "int [16, 256] in steps of 16"
    with pytest.raises(ValueError, match="16 does not lead from 16 to 250; end at 240 or 256"):
        IntUniform(16, 250, step=16)
    with pytest.raises(ValueError, match="only for int: log_int has none"):
        IntUniform(16, 256, log=True, step=16)
