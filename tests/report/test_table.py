from __future__ import annotations

import pytest

from dirsweep.report.table import (
    Cell,
    Column,
    Mark,
    Note,
    Table,
    column_groups,
    number_cell,
    worded_notes,
)
from tests.report import small_table


def test_a_number_has_its_decimals() -> None:
    cell = number_cell(7.123, 2, deviation=0.456, num_seeds=3, interval=(6.5, 7.75))
    assert (cell.text, cell.value, cell.deviation_text) == ("7.12", 7.123, "0.46")
    assert cell.detail == "[6.50, 7.75]"
    assert number_cell(7.123, 2, interval=(None, 7.75)).interval is None
    assert number_cell(None, 2) == Cell("–")


def test_signed_intervals_and_remarks() -> None:
    cell = Cell("+0.10", 0.1, interval=(-0.1, 0.3), remark="p = 0.03", places=1, signed=True)
    assert cell.detail == "[-0.1, +0.3] p = 0.03"


def test_headings() -> None:
    column = Column("pearson_all", "all", group="pearson", unit="%", direction="maximize")
    assert column.group_heading == "pearson (%) ↑"
    assert column.heading == "pearson (%) ↑ all"
    assert Column("t", "time per\ntrial").heading == "time per trial"


def test_neighbours_share_a_group() -> None:
    groups = column_groups(small_table.study().columns)
    assert [(title, len(members)) for title, members in groups] == [
        ("", 1),
        ("val MAE", 1),
        ("test MAE", 2),
        ("test MSE", 1),
    ]
    apart = [Column("a", "a"), Column("b", "b")]
    assert [len(members) for _, members in column_groups(apart)] == [1, 1]


def test_sections() -> None:
    table = small_table.layout()
    assert table.sections() == ["VANILLA", "SQINV"]
    assert [table.begins_section(number) for number in range(3)] == [False, False, True]


def test_columns_by_name() -> None:
    table = small_table.study()
    assert [cell.value for cell in table.column("test_mae_all")] == [7.25, 6.75]
    with pytest.raises(KeyError, match="test_mae_zero"):
        table.column("test_mae_zero")


def test_explanations_of_marks_share_a_line() -> None:
    symbols = {Mark.BEST_OF_SECTION: "bold:", Mark.BEST_OF_COLUMN: "★:"}
    assert [note.text for note in worded_notes(small_table.layout(), symbols)] == [
        "3 of 4 rows have results",
        "bold: best of its section; ★: best of its column",
        "a: differs in epochs, see `dirsweep plan`",
    ]


def test_a_notebook_shows_html() -> None:
    table = Table("t", (Column("a", "a"),), (), (Note("n"),))
    assert table._repr_html_() == table.to_html()
    assert str(table) == table.to_text()
