from __future__ import annotations

import numpy as np
import pytest

from dirsweep.analysis.compared_points import ComparedPoints
from dirsweep.analysis.label_errors import Gain
from dirsweep.analysis.summaries import PointSummary
from dirsweep.report.figure_notes import gain_note, points_note, seeds_note, spans_note


def point(index: int) -> PointSummary:
    return PointSummary(
        study="s",
        index=index,
        label=f"p{index}",
        overrides={},
        config={},
        trial_ids={0: f"t{index}"},
        statuses={"complete": 1},
        metrics={},
        num_seeds=1,
        preliminary=False,
        wall_time_s=None,
        errors={},
        notes={},
    )


def compared(*indices: int, best: int, base_is_best: bool, named: bool = False) -> ComparedPoints:
    return ComparedPoints([point(index) for index in indices], best, base_is_best, named, 5)


@pytest.mark.parametrize(
    ("points", "said"),
    [
        (
            compared(0, 2, best=2, base_is_best=False),
            "Shown are the baseline and the best point by validation, ★ (2 of 5 points; "
            "`--points A,B` draws others).",
        ),
        (
            compared(0, 2, best=0, base_is_best=True),
            "The baseline is the best point by validation, ★; beside it stands the next best one "
            "(2 of 5 points; `--points A,B` draws others).",
        ),
        (
            compared(2, best=2, base_is_best=False),
            "Shown is the best point by validation, ★ (1 of 5 points; `--points A,B` draws "
            "others).",
        ),
        (
            compared(0, 1, best=1, base_is_best=False, named=True),
            "The points are those named by `--points`; ★ is the best by validation.",
        ),
        (
            compared(0, 1, best=2, base_is_best=False, named=True),
            "The points are those named by `--points`.",
        ),
    ],
)
def test_which_points_are_compared(points: ComparedPoints, said: str) -> None:
    assert points_note(points) == said


def test_gains_seeds_and_spans() -> None:
    gain = Gain(np.zeros(2), 2, all_seeds=True)
    said = gain_note("the error", ["base", "lds"], [gain])
    assert said == (
        "The gain is the error of base minus that of lds: a green bar is better than base, an "
        "orange one worse."
    )
    two = gain_note("P(y)", ["base", "lds", "fds"], [gain, Gain(np.zeros(2), 1, all_seeds=False)])
    assert "P(y) of base minus that of each other point" in two
    assert two.endswith("Gains are over the 1 or 2 common seeds.")
    assert gain_note("the error", ["base"], []) == ""
    assert seeds_note([1, 1], "range") == ""
    assert seeds_note([1, 3], "range") == (
        "A line is the mean over seeds, its band the range of the seeds."
    )
    assert spans_note([], []) == ""
    assert "zero-shot" not in spans_note([], [(0.0, 1.0)])
    assert "few-shot" not in spans_note([(0.0, 1.0)], [])
