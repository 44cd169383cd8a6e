"""Rows of the published tables: what was trained, by whom, on which benchmark."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from dirsweep.domain import plural
from dirsweep.errors import StoreError, did_you_mean
from dirsweep.published.cells import PublishedCell
from dirsweep.published.reader import published, table_of

#: whose numbers a row quotes -> short name of who trained it
QUOTED = {"Yang et al. 2021": "yang", "Gong et al. 2022": "ranksim"}


class PublishedRow(NamedTuple):
    """One row of a published table on one benchmark.

    Attributes:
        paper: ``ranksim``.
        table: its number.
        section: sub-table, empty when there is none.
        row: its label.
        benchmark: that it was trained on.
        config: its techniques and their parameters as JSON; None where none is known.
        batch_size: as stated; None where it is not.
        lr: likewise.
        epochs: likewise.
        seeds: number of runs averaged, likewise.
        quoted_from: whose numbers they are, empty for the paper's own.
    """

    paper: str
    table: int
    section: str
    row: str
    benchmark: str
    config: str | None
    batch_size: int | None
    lr: float | None
    epochs: int | None
    seeds: int | None
    quoted_from: str

    @property
    def trained_by(self) -> str:
        """Who trained it: ``yang``, ``ranksim``, ``conr``."""
        return QUOTED.get(self.quoted_from, self.quoted_from or self.paper)

    @property
    def settings(self) -> dict[str, object]:
        """What its cells state: dotted keys of a trial -> values."""
        stated: dict[str, object] = json.loads(self.config or "{}")
        columns = {
            "batch_size": self.batch_size,
            "optimizer.lr": self.lr,
            "epochs": self.epochs,
        }
        return {**stated, **{key: value for key, value in columns.items() if value is not None}}


def row_of(cell: PublishedCell) -> PublishedRow:
    """Return the row of a cell."""
    return PublishedRow(
        paper=cell["paper"],
        table=cell["table"],
        section=cell["section"],
        row=cell["row"],
        benchmark=cell["benchmark"],
        config=cell["config"],
        batch_size=cell["batch_size"],
        lr=cell["lr"],
        epochs=cell["epochs"],
        seeds=cell["seeds"],
        quoted_from=cell["quoted_from"],
    )


def rows_of(cells: Sequence[PublishedCell]) -> list[PublishedRow]:
    """Return the rows of cells, each once, in their order."""
    return list(dict.fromkeys(row_of(cell) for cell in cells))


@cache
def table_rows(name: str, extra: tuple[Path, ...] = ()) -> tuple[PublishedRow, ...]:
    """Return the rows of a published table in its order.

    Args:
        name: ``ranksim/3``.
        extra: files with further published numbers.

    Raises:
        StoreError: no such paper or table.
    """
    cells: list[PublishedCell] = published(*table_of(name, extra), extra).to_pylist()
    return tuple(rows_of(cells))


def find_row(name: str, row: str, benchmark: str | None = None) -> PublishedRow:
    """Return one row of a published table.

    Args:
        name: ``ranksim/3``.
        row: its label, in upper or lower case.
        benchmark: that it was trained on; None for the first that the table has it for.

    Raises:
        StoreError: no such paper, table, row or benchmark.
    """
    rows = table_rows(name)
    labels = list(dict.fromkeys(item.row for item in rows))
    found = [item for item in rows if item.row.casefold() == row.strip().casefold()]
    if not found:
        raise StoreError(
            f"{name}: no row '{row}' among {plural(len(labels), 'row')}; "
            f"{did_you_mean(row, labels)}"
        )
    fitting = [item for item in found if benchmark in (None, item.benchmark)]
    if not fitting:
        known = list(dict.fromkeys(item.benchmark for item in found))
        raise StoreError(
            f"{name}, {row}: not on benchmark '{benchmark}'; {did_you_mean(str(benchmark), known)}"
        )
    return fitting[0]


__all__ = ["PublishedRow", "find_row", "row_of", "rows_of", "table_rows"]
