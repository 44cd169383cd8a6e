"""Notes below a study's table."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from dirsweep.report.study_notes import _starts


def notes(*started: dict[int, str]) -> list[str]:
    points = [
        SimpleNamespace(label=f"p{number}", started_from=found)
        for number, found in enumerate(started)
    ]
    rows: Any = SimpleNamespace(points=points, name=str.upper)
    return [note.text for note in _starts(rows)]


REST = (
    " from the stored weights of other trials (trials.arrow: started_from); epochs and times are "
    "those after that"
)


def test_points_that_start_from_other_trials_are_named() -> None:
    assert notes({}, {}) == []
    assert notes({}, {0: "ab12"}) == ["P1 starts" + REST]
    assert notes({0: "ab12"}, {0: "ab12"}, {}) == ["2 points start" + REST]
    assert notes({0: "ab12"}) == ["every point starts" + REST]
