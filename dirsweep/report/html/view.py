"""A table as the templates need it: texts, CSS classes and keys for sorting."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dirsweep.report.number_format import STAR, finite
from dirsweep.report.table import (
    ON_REQUEST,
    SIGNS,
    Cell,
    Column,
    Mark,
    Row,
    Table,
    column_groups,
    worded_notes,
)

#: text of a withheld test result: many test results of one search invite selection on test
WITHHELD = "·"
SYMBOLS = {
    Mark.CHOSEN: STAR,
    Mark.BEST_OF_SECTION: "bold:",
    Mark.BEST_OF_COLUMN: "underlined:",
    **SIGNS,
    Mark.WITHHELD: WITHHELD,
}
_CELL_CLASSES = {
    Mark.BEST_OF_SECTION: "bold",
    Mark.BEST_OF_COLUMN: "top",
    Mark.BETTER: "good",
    Mark.WORSE: "bad",
}


@dataclass(frozen=True)
class CellView:
    """A cell.

    Attributes:
        text: first line.
        small: second line: interval, p-value, published number.
        classes: CSS classes.
        key: the number to sort by; None to sort by the text.
        footnote: letter of the note that belongs to the row.
    """

    text: str
    small: str
    classes: str
    key: float | None
    footnote: str = ""


@dataclass(frozen=True)
class GroupView:
    """A heading over several columns."""

    title: str
    width: int
    classes: str


@dataclass(frozen=True)
class ColumnView:
    """A column's own heading."""

    title: str
    hint: str
    classes: str


@dataclass(frozen=True)
class RowView:
    """A row."""

    cells: list[CellView]
    classes: str


@dataclass(frozen=True)
class TableView:
    """A table.

    Attributes:
        groups: empty where no column belongs to a group.
        has_more: whether some columns are shown on request only.
    """

    heading: str
    groups: list[GroupView]
    columns: list[ColumnView]
    rows: list[RowView]
    notes: list[str]
    synthetic: bool
    collapsed: bool
    has_more: bool


def view(table: Table) -> TableView:
    """Return the table as the templates need it."""
    groups = list(_groups(table)) if any(column.group for column in table.columns) else []
    return TableView(
        heading=table.heading,
        groups=groups,
        columns=[
            ColumnView(column.title, column.hint, _column_classes(column))
            for column in table.columns
        ],
        rows=[_row(table, number) for number in range(len(table.rows))],
        notes=[note.text for note in worded_notes(table, SYMBOLS)],
        synthetic=table.synthetic,
        collapsed=table.collapsed,
        has_more=any(_on_request(column) for column in table.columns),
    )


def _on_request(column: Column) -> bool:
    return column.priority >= ON_REQUEST


def _groups(table: Table) -> Iterator[GroupView]:
    for heading, members in column_groups(table.columns):
        # a heading must not span columns of which only some are shown at first
        for hidden in (False, True):
            width = sum(_on_request(column) == hidden for column in members)
            if width:
                yield GroupView(heading, width, "more" if hidden else "")


def _column_classes(column: Column) -> str:
    classes = ["text"] if column.align == "left" else []
    return " ".join([*classes, "more"] if _on_request(column) else classes)


def _row(table: Table, number: int) -> RowView:
    row = table.rows[number]
    classes = []
    if row.chosen:
        classes.append("best")
    if Mark.PRELIMINARY in row.marks:
        classes.append("dim")
    if table.begins_section(number):
        classes.append("rule")
    cells = [_cell(row, place, column) for place, column in enumerate(table.columns)]
    return RowView(cells, " ".join(classes))


def _cell(row: Row, place: int, column: Column) -> CellView:
    cell = row.cells[place]
    text = WITHHELD if Mark.WITHHELD in cell.marks else cell.text
    if cell.deviation_text:
        text += f" ± {cell.deviation_text}"
    if cell.sign:
        text += f" {cell.sign}"
    if place == 0 and row.chosen:
        text = f"{STAR} {text}"
    published = f"({cell.published})" if cell.published else ""
    classes = [_column_classes(column), *(_CELL_CLASSES.get(mark, "") for mark in cell.marks)]
    return CellView(
        text=text,
        small=f"{cell.detail} {published}".strip(),
        classes=" ".join(sorted(filter(None, classes))),
        key=_key(cell),
        footnote=row.footnote if place == 0 else "",
    )


def _key(cell: Cell) -> float | None:
    if isinstance(cell.value, bool) or not isinstance(cell.value, int | float):
        return None
    return finite(cell.value)
