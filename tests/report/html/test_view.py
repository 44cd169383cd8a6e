from __future__ import annotations

from dataclasses import replace

from dirsweep.report.html.view import WITHHELD, CellView, view
from dirsweep.report.table import Cell, Mark, Row, number_cell
from tests.report import small_table


def test_headings_over_several_columns() -> None:
    found = view(small_table.study())
    assert [(group.title, group.width, group.classes) for group in found.groups] == [
        ("", 1, ""),
        ("val MAE", 1, ""),
        ("test MAE", 2, ""),
        ("test MSE", 1, "more"),
    ]
    assert [column.classes for column in found.columns] == ["text", "", "", "", "more"]
    assert found.has_more


def test_a_heading_does_not_span_columns_of_which_some_are_hidden() -> None:
    table = small_table.study()
    columns = [replace(column, group="m") for column in table.columns[1:]]
    groups = view(replace(table, columns=(table.columns[0], *columns))).groups
    assert [(group.width, group.classes) for group in groups] == [(1, ""), (3, ""), (1, "more")]


def test_cells_of_a_study() -> None:
    base, chosen = view(small_table.study()).rows
    assert base.cells[2] == CellView("7.25 ± 0.12", "[7.00, 7.50]", "", 7.25)
    assert base.cells[3] == CellView("–", "", "", None)
    assert (base.classes, chosen.classes) == ("", "best")
    assert chosen.cells[0].text == "★ lds"


def test_cells_of_a_layout() -> None:
    vanilla, lds, sqinv = view(small_table.layout()).rows
    assert vanilla.cells[1] == CellView("7.02 ± 0.20", "(7.20)", "", 7.02)
    assert (lds.cells[0].text, lds.cells[0].footnote) == ("VANILLA + LDS", "a")
    assert lds.cells[1].footnote == ""
    assert lds.cells[1].classes == "bold top"
    assert sqinv.classes == "rule"


def test_withheld_and_significant_cells() -> None:
    table = small_table.study()
    cells = (
        Cell("x"),
        Cell(marks=frozenset({Mark.WITHHELD})),
        replace(number_cell(1.0, 1), marks=frozenset({Mark.BETTER})),
        replace(number_cell(2.0, 1), marks=frozenset({Mark.WORSE})),
        Cell("yes", True),
    )
    (row,) = view(replace(table, rows=(Row(cells, marks=frozenset({Mark.PRELIMINARY})),))).rows
    assert row.classes == "dim"
    assert row.cells[1].text == WITHHELD
    assert [cell.classes for cell in row.cells[2:4]] == ["good", "bad"]
    assert row.cells[4].key is None, "not a number"


def test_notes_have_the_symbols_of_the_page() -> None:
    assert (
        "bold: best of its section; underlined: best of its column"
        in view(small_table.layout()).notes
    )
