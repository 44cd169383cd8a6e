"""Tables as CSV, in full precision."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from dirsweep.report.number_format import MISSING
from dirsweep.report.table import Cell, CellValue, Column, Table

#: how a text begins that spreadsheets take for a formula
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def comma_separated(table: Table) -> str:
    """Return the table as CSV, one line per row; texts that look like formulas get a quote.

    A column of measurements becomes three: ``<name>_mean``, ``<name>_sd`` (empty for one seed) and
    ``<name>_n``, and a fourth, ``<name>_published``, where the table has published numbers.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    published = [_has_published(table, place) for place in range(len(table.columns))]
    header: list[str] = []
    for column, with_published in zip(table.columns, published, strict=True):
        header += _names(column, with_published)
    writer.writerow(header)
    for row in table.rows:
        line: list[object] = []
        for column, cell, with_published in zip(table.columns, row.cells, published, strict=True):
            line += _values(column, cell, with_published)
        writer.writerow(line)
    return text.getvalue()


def _has_published(table: Table, place: int) -> bool:
    return any(row.cells[place].published for row in table.rows)


def _names(column: Column, with_published: bool) -> list[str]:
    if not column.measured:
        return [column.name]
    names = [f"{column.name}_{what}" for what in ("mean", "sd", "n")]
    return [*names, f"{column.name}_published"] if with_published else names


def _values(column: Column, cell: Cell, with_published: bool) -> Iterator[object]:
    yield _value(cell)
    if column.measured:
        yield cell.deviation
        yield cell.num_seeds
        if with_published:
            yield cell.published


def _value(cell: Cell) -> CellValue:
    """Return what a CSV file holds for a cell."""
    if isinstance(cell.value, bool):
        return str(cell.value).lower()
    if cell.value is None:
        return None if cell.text == MISSING else _no_formula(cell.text)
    return _no_formula(cell.value) if isinstance(cell.value, str) else cell.value


def _no_formula(text: str) -> str:
    """Return a text that spreadsheets do not run: a quote before ``=1+1``."""
    try:
        float(text)
    except ValueError:
        return f"'{text}" if text.startswith(_FORMULA) else text
    return text
