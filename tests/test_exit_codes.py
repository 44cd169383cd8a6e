"""Exit codes by the trials of a run."""

from __future__ import annotations

import pytest

from dirsweep.exit_codes import exit_code


@pytest.mark.parametrize(
    ("counts", "interrupted", "expected"),
    [
        ({"complete": 3, "pruned": 1, "stopped": 1}, False, 0),
        ({}, False, 0),
        ({"complete": 3, "failed": 1}, False, 1),
        ({"complete": 3, "failed": 1}, True, 130),
        ({"complete": 3}, True, 130),
    ],
)
def test_exit_codes(counts: dict[str, int], interrupted: bool, expected: int) -> None:
    assert exit_code(counts, interrupted=interrupted) == expected
