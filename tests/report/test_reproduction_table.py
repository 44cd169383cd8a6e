from __future__ import annotations

from pathlib import Path

import pytest

from dirsweep.analysis.reproduction import verdicts
from dirsweep.report import reproduction_table as module
from dirsweep.report.published_sentences import published_sentence
from dirsweep.report.reproduction_table import reproduction_table
from dirsweep.run.reader import open_run
from tests.layout_run import layout_run
from tests.simulated_run import SimulatedPoint, simulate


def test_published_and_measured(tmp_path: Path) -> None:
    run = layout_run(tmp_path)
    table = reproduction_table(run, "m")
    assert table is not None
    found = verdicts(run, "m")
    assert len(table.rows) == len(found)
    place = next(
        place
        for place, item in enumerate(found)
        if (item.table, item.row, item.metric, item.region) == (2, "VANILLA", "mae", "all")
    )
    row, item = table.rows[place].cells, found[place]
    assert [cell.text for cell in row[:3]] == ["ranksim/2 VANILLA", "MAE, all", "7.77"]
    assert row[2].value == 7.77
    assert row[3].value == pytest.approx(item.measured)
    assert row[3].text == f"{item.measured:.2f}"
    assert row[4].text == f"{item.measured - 7.77:+.2f}"
    assert row[6].text == item.label
    assert table.notes[0].text == published_sentence(found)


def test_long_tables_are_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ROWS", 5)
    table = reproduction_table(layout_run(tmp_path), "m")
    assert table is not None
    assert len(table.rows) == 5
    assert table.notes[1].text.startswith("the first 5 of ")


def test_nothing_published(tmp_path: Path) -> None:
    paths = simulate(tmp_path, {"s": [SimulatedPoint()]}, benchmark="my-faces")
    assert reproduction_table(open_run(paths.root), "s") is None
