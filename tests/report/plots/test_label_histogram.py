from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dirsweep.report.plot import EmptyPlotError
from dirsweep.report.plots import label_histogram
from dirsweep.run.reader import open_run
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
    np.testing.assert_array_equal(np.flatnonzero(found.zero_shot), np.arange(86, 101))
    text = texts(label_histogram.draw(found))
    assert "many: 8,272 in 38 bins" in text
    assert "zero-shot" in text
    paths.bins_table.delete()
    with pytest.raises(EmptyPlotError):
        label_histogram.numbers(open_run(tmp_path), "a")
