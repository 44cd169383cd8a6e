from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dirsweep.report.plots import collapse_penalty
from dirsweep.run.reader import open_run
from tests.figure_texts import texts
from tests.made_up_run import write_run


def test_collapse_penalty(tmp_path: Path) -> None:
    write_run(tmp_path, {"s": [({}, [7.0, 7.4]), ({"a": 1}, [3.0])]}, num_samples=400)
    run = open_run(tmp_path)
    found = collapse_penalty.numbers(run, "s")
    assert (found.width, [line.label for line in found.lines]) == (1.0, ["base", "a=1"])
    assert [line.chosen for line in found.lines] == [False, True]
    frame = run.predictions().to_pandas()
    frame = frame[frame.split == "test"]
    rows = frame[frame.trial_id == "s-0-0"]
    inside = (rows.prediction >= 40) & (rows.prediction < 45)
    wrong = [
        abs(p - y)
        for p, y in zip(rows.prediction[inside], rows.label[inside], strict=True)
        if abs(p - y) > 1
    ]
    at = int(np.searchsorted(found.edges, 40))
    assert found.lines[0].by_seed[0, at] == pytest.approx(sum(wrong) / len(wrong))
    # by hand from every bin of one year, then the mean over bins
    rows = frame[frame.trial_id == "s-1-0"]
    by_bin: dict[int, list[float]] = {}
    for p, y in zip(rows.prediction, rows.label, strict=True):
        if abs(p - y) > 1:
            by_bin.setdefault(min(max(int(np.floor(p)), 0), 100), []).append(abs(p - y))
    assert found.lines[1].expected == pytest.approx(
        np.mean([np.mean(values) for values in by_bin.values()])
    )
    assert found.lines[1].share == pytest.approx(sum(map(len, by_bin.values())) / 400)
    (gain,) = found.gains
    assert gain.num_common == 1
    assert "E[P(y)] = " in texts(collapse_penalty.draw(found))
    said = collapse_penalty.caption(found)
    assert "their label is more than 1 away" in said
    assert "E[P(y)], the mean of P(y) over the label bins" in said
