"""E[P(y)] by epoch: curves of the base and the best over their seeds; absent for runs that did not
record it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dirsweep.report.plot import EmptyPlotError
from dirsweep.report.plots import collapse_over_training
from dirsweep.run.collect import collect
from dirsweep.run.folder import RunPaths, TrialFolder
from dirsweep.run.reader import open_run
from tests.figure_texts import texts
from tests.made_up_run import write_run

COLUMN = collapse_over_training.COLUMN
VALUES = {
    "s-0-0": [9.0, 7.0, 6.0, 5.0],
    "s-0-1": [11.0, 7.5, 6.0, 6.0],
    "s-1-0": [8.0, None, 4.0, 3.0],
}


def record(paths: RunPaths, values: dict[str, list[float | None]]) -> None:
    for trial_id, found in values.items():
        folder = TrialFolder(paths.trial(trial_id))
        rows = [
            row | ({} if value is None else {COLUMN: value})
            for row, value in zip(folder.read_epochs(), found, strict=True)
        ]
        folder.write_epochs(rows)
    collect(paths)


def test_base_and_best(tmp_path: Path) -> None:
    studies = {"s": [({}, [7.0, 7.2]), ({"a": 1}, [6.0]), ({"a": 2}, [6.5])]}
    paths = write_run(tmp_path, studies, synthetic=True)  # type: ignore[arg-type]
    with pytest.raises(EmptyPlotError):
        collapse_over_training.numbers(open_run(tmp_path), "s")
    record(paths, VALUES)
    found = collapse_over_training.numbers(open_run(tmp_path), "s")
    base, best = found.curves
    assert [(c.label, c.rank, c.num_seeds, c.chosen) for c in found.curves] == [
        ("base", 1, 2, 3.0),
        ("a=1", 0, 1, 3.0),
    ]
    np.testing.assert_array_equal(base.mean, [10.0, 7.25, 6.0, 5.5])
    np.testing.assert_array_equal(base.low, [9.0, 7.0, 6.0, 5.0])
    np.testing.assert_array_equal(base.high, [11.0, 7.5, 6.0, 6.0])
    np.testing.assert_array_equal(best.epochs, [0, 2, 3])
    np.testing.assert_array_equal(best.mean, [8.0, 4.0, 3.0])
    text = texts(collapse_over_training.PLOT.figure(open_run(tmp_path), "s"))
    assert "expected collapse penalty E[P(y)]" in text
    assert "★ a=1" in text
    assert "SYNTHETIC DATA" in text
    said = collapse_over_training.caption(found)
    assert "P(y) is the mean absolute error of the samples that are predicted as y" in said
    assert "its band the range of the seeds" in said
    assert "Shown are the baseline and the best point by validation, ★ (2 of 3 points;" in said


def test_the_first_point_of_a_search_is_no_base(tmp_path: Path) -> None:
    paths = write_run(tmp_path, {"s": [({"a": 3}, [7.0, 7.2]), ({"a": 1}, [6.0])]}, searches=["s"])
    record(paths, VALUES)
    found = collapse_over_training.numbers(open_run(tmp_path), "s")
    assert [(curve.label, curve.rank) for curve in found.curves] == [("a=1", 0)]


def test_one_epoch_is_no_curve(tmp_path: Path) -> None:
    paths = write_run(tmp_path, {"s": [({}, [7.0])]}, num_epochs=1)
    record(paths, {"s-0-0": [3.0]})
    with pytest.raises(EmptyPlotError):
        collapse_over_training.numbers(open_run(tmp_path), "s")
