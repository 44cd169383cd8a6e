"""Regions of few samples are shown with their number, correlations of two samples not at all."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from dirsweep.report.choice import Choice
from dirsweep.report.layout_tables import layout_table
from dirsweep.report.study_records import study_records
from dirsweep.report.study_tables import study_table
from dirsweep.report.table import Table
from dirsweep.run.reader import Run, open_run
from tests.made_up_run import resize_few_shot, write_run


def run_with(tmp_path: Path, num_few: int) -> Run:
    """Write a run with this many few-shot test samples."""
    write_run(tmp_path, {"s": [({}, [7.0, 7.2]), ({"a": 1}, [6.0, 6.3])]}, resolved=True)
    resize_few_shot(tmp_path, "test", num_few)
    return open_run(tmp_path)


def headings(table: Table) -> list[str]:
    return [column.heading for column in table.columns]


@pytest.mark.parametrize(("num_few", "shown"), [(9, "few (n=9)"), (2, "few (n=2)"), (10, "few")])
def test_few_samples_are_counted(tmp_path: Path, num_few: int, shown: str) -> None:
    table = study_table(run_with(tmp_path, num_few), "s")
    assert f"test MAE {shown}" in headings(table)
    explained = "n: number of samples in the region, where there are fewer than 10"
    assert (explained in [note.text for note in table.notes]) == (num_few < 10)
    assert "test MAE all" in headings(table)
    assert all(shown in text for text in (table.to_latex(), table.to_text()))


@pytest.mark.parametrize(("num_few", "shown"), [(3, True), (2, False), (1, False)])
def test_correlations_of_two_samples_are_not_shown(
    tmp_path: Path, num_few: int, shown: bool
) -> None:
    run = run_with(tmp_path, num_few)
    table = study_table(run, "s", choice=Choice(metrics=("pearson", "mae")))
    assert (f"test pearson few (n={num_few})" in headings(table)) == shown
    assert f"test MAE few (n={num_few})" in headings(table)
    header = next(io.StringIO(study_records(run).to_csv()))
    assert ("test_pearson_few_mean" in header) == shown
    assert "test_mae_few_mean" in header
    layout = layout_table(run, "ranksim/3")
    assert ("pearson_few" in [column.name for column in layout.columns]) == shown
    assert "mse_few" in [column.name for column in layout.columns]
