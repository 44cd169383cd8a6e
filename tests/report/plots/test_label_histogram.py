from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dirsweep.report.plot import EmptyPlotError
from dirsweep.report.plots import label_histogram, per_label_error
from dirsweep.run.folder import RunPaths
from dirsweep.run.reader import open_run
from dirsweep.run.tables import table_metadata
from tests.figure_texts import texts
from tests.made_up_run import write_run


def test_label_histogram(tmp_path: Path) -> None:
    paths = write_run(tmp_path, {"a": [({}, [7.0])], "b": [({}, [7.0])]})
    run = open_run(tmp_path)
    found = label_histogram.numbers(run, "a")
    with pytest.raises(EmptyPlotError):
        label_histogram.numbers(run, "b")
    bins = run.bins()
    assert bins is not None
    np.testing.assert_array_equal(found.counts["training"], bins.train)
    assert found.counts["training"][40] == 300
    # no training label above the age of 86, where exp(-(46.5 / 18)^2) is less than 1 in 600
    assert (found.empty, found.zero_shot) == ([(86.0, 101.0)], [])
    text = texts(label_histogram.draw(found))
    assert "many: 8,272 in 38 bins" in text
    assert "zero" not in text
    said = label_histogram.caption(found)
    assert "Grey spans have no training label and count as few-shot." in said
    assert "zero-shot" not in said
    paths.bins_table.delete()
    with pytest.raises(EmptyPlotError):
        label_histogram.numbers(open_run(tmp_path), "a")


def test_zero_shot_is_what_training_leaves_out_on_purpose(tmp_path: Path) -> None:
    write_run(tmp_path, {"s": [({}, [7.0]), ({"a": 1}, [6.0])]}, num_samples=200)
    bins = open_run(tmp_path).bins()
    assert bins is not None
    regions, train = bins.regions.astype("<U6"), bins.train.copy()
    regions[30:40], train[30:40] = "zero", 0
    left_out = replace(bins, regions=regions, counts=train)
    paths = RunPaths(tmp_path)
    metadata = table_metadata(synthetic=False, objective="mae/all", name="made-up")
    paths.bins_table.write_table(left_out.to_arrow(metadata))
    run = open_run(tmp_path)
    found = label_histogram.numbers(run, "s")
    assert (found.zero_shot, found.empty) == ([(30.0, 40.0)], [(86.0, 101.0)])
    text = texts(label_histogram.draw(found))
    assert "zero: 0 in 10 bins" in text
    for plot in (label_histogram, per_label_error):
        said = plot.caption(plot.numbers(run, "s"))
        assert "Brown spans are zero-shot: the benchmark's settings take these labels out" in said
        assert "Grey spans have no training label and count as few-shot." in said
