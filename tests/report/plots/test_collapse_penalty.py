from __future__ import annotations

from pathlib import Path
from typing import Any

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
    ages = np.arange(101.0)

    def by_definition(of: Any) -> dict[float, list[float]]:
        return {
            y: [
                abs(p - label)
                for p, label in zip(of.prediction, of.label, strict=True)
                if abs(p - y) <= 1 and abs(label - y) > 1
            ]
            for y in ages
        }

    counted = by_definition(rows)
    at = int(np.searchsorted(found.edges, 40))
    in_bin = [np.mean(counted[y]) for y in ages[40:45] if counted[y]]
    assert found.lines[0].by_seed[0, at] == pytest.approx(np.mean(in_bin))
    rows = frame[frame.trial_id == "s-1-0"]
    counted = by_definition(rows)
    assert found.lines[1].expected == pytest.approx(
        np.mean([np.mean(errors) for errors in counted.values() if errors])
    )
    share = [
        any(abs(p - y) <= 1 and abs(label - y) > 1 for y in ages)
        for p, label in zip(rows.prediction, rows.label, strict=True)
    ]
    assert found.lines[1].share == pytest.approx(np.mean(share))
    (gain,) = found.gains
    assert gain.num_common == 1
    assert "E[P(y)] = " in texts(collapse_penalty.draw(found))
    said = collapse_penalty.caption(found)
    assert "predicted within 1 of y although their label is farther from it" in said
    assert "E[P(y)], the mean of P(y) over the label bins" in said
