"""Published tables: list, read, export."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import IO, NamedTuple

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.feather as pa_feather
import pyarrow.parquet as pa_parquet

from dirsweep.errors import StoreError, did_you_mean
from dirsweep.published.cells import SCHEMA, PublishedCell, describe, key_of, read_cells, to_arrow
from dirsweep.published.titles import title_of

SHIPPED = ("ranksim.csv", "conr.csv")
FORMATS = ("csv", "parquet", "arrow")


class PublishedTable(NamedTuple):
    """One published table.

    Attributes:
        paper: ``ranksim``.
        table: its number.
        title: what it shows.
        benchmarks: in the table's order.
        num_cells: number of cells.
    """

    paper: str
    table: int
    title: str
    benchmarks: tuple[str, ...]
    num_cells: int


@cache
def _shipped() -> tuple[PublishedCell, ...]:
    return tuple(row for name in SHIPPED for row in read_cells(Path(__file__).parent / name))


def _rows(extra: Sequence[Path]) -> list[PublishedCell]:
    rows = list(_shipped())
    known = {key_of(row) for row in rows} if extra else set()
    for file in extra:
        for row in read_cells(Path(file)):
            if key_of(row) in known:
                raise StoreError(
                    f"{file}: {describe(row)}: duplicate of a shipped cell or of an earlier file"
                )
            known.add(key_of(row))
            rows.append(row)
    return rows


def _chosen(paper: str | None, table: int | None, extra: Sequence[Path]) -> list[PublishedCell]:
    rows = _rows(extra)
    if paper is not None:
        papers = {row["paper"] for row in rows}
        if paper not in papers:
            raise StoreError(
                f"no published results of paper '{paper}'; {did_you_mean(paper, papers)}"
            )
        rows = [row for row in rows if row["paper"] == paper]
    if table is None:
        return rows
    numbers = sorted({row["table"] for row in rows})
    if table not in numbers:
        raise StoreError(
            f"no published table {table} of {paper or 'any paper'} (known: {_spans(numbers)})"
        )
    return [row for row in rows if row["table"] == table]


def _spans(numbers: Sequence[int]) -> str:
    """``1 to 12, 15`` for sorted whole numbers."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ", ".join(str(low) if low == high else f"{low} to {high}" for low, high in spans)


def cells(extra: Sequence[Path] = ()) -> list[PublishedCell]:
    """Return every published cell, in the order in which the papers print them.

    Args:
        extra: files with further published numbers.

    Raises:
        StoreError: a file of ``extra`` is wrong or repeats a cell.
    """
    return _rows(extra)


def published(
    paper: str | None = None, table: int | None = None, extra: Sequence[Path] = ()
) -> pa.Table:
    """Return published numbers, one row per cell, in the order in which the papers print them.

    Args:
        paper: ``ranksim`` (Gong et al., ICML 2022), ``conr`` (Keramati et al., ICLR 2024) or one of
            ``extra``; None for all.
        table: the table's number; None for all.
        extra: CSV files with further numbers, see ``read_cells``.

    Returns:
        The columns of ``SCHEMA``. Derived rows and cells without a number are left out. A row
        quoted from another work has that work's protocol, as far as it is stated.

    Raises:
        StoreError: a file of ``extra`` is wrong or repeats a cell; there is no such paper or table.
    """
    return to_arrow(_chosen(paper, table, extra))


def parse_name(name: str) -> tuple[str, int | None]:
    """Split a name: ``ranksim/10`` -> ("ranksim", 10); ``ranksim`` -> ("ranksim", None).

    Raises:
        StoreError: the part behind the slash is not a table number.
    """
    paper, slash, number = name.partition("/")
    if not slash:
        return paper, None
    if not (number.isascii() and number.isdigit()):
        raise StoreError(f"'{name}': '{number}' is not a table number; write it as ranksim/10")
    return paper, int(number)


def table_of(name: str, extra: Sequence[Path] = ()) -> tuple[str, int]:
    """Return paper and number of one table: ``ranksim/10`` -> ("ranksim", 10).

    Raises:
        StoreError: the name has no table number; there is no such paper.
    """
    paper, number = parse_name(name)
    if number is not None:
        return paper, number
    published(paper, None, extra)  # refuses an unknown paper
    known = [f"{item.paper}/{item.table}" for item in tables(extra) if item.paper == paper]
    raise StoreError(f"'{name}': no table number; write one of {', '.join(known)}")


def tables(extra: Sequence[Path] = ()) -> list[PublishedTable]:
    """Return every published table, by paper in the order of the files, then by number."""
    grouped: dict[tuple[str, int], list[PublishedCell]] = {}
    for row in _rows(extra):
        grouped.setdefault((row["paper"], row["table"]), []).append(row)
    papers = list(dict.fromkeys(paper for paper, _ in grouped))
    return [
        PublishedTable(
            paper=paper,
            table=table,
            title=title_of(paper, table),
            benchmarks=tuple(dict.fromkeys(row["benchmark"] for row in rows)),
            num_cells=len(rows),
        )
        for (paper, table), rows in sorted(
            grouped.items(), key=lambda item: (papers.index(item[0][0]), item[0][1])
        )
    ]


def export(
    out: Path | IO[bytes],
    *,
    format: str = "csv",
    paper: str | None = None,
    table: int | None = None,
    extra: Sequence[Path] = (),
) -> int:
    """Write published numbers in long form, one line per cell, under the columns of ``SCHEMA``.

    Args:
        out: a file, replaced if there, or an open binary stream.
        format: ``csv``, ``parquet`` or ``arrow`` (Arrow IPC).
        paper: as in ``published``.
        table: as in ``published``.
        extra: as in ``published``.

    Returns:
        The number of cells written.

    Raises:
        StoreError: unknown format, paper or table; ``out`` cannot be written.
    """
    if format not in FORMATS:
        raise StoreError(f"unknown format '{format}'; {did_you_mean(format, FORMATS)}")
    rows = published(paper, table, extra)
    sink = out if hasattr(out, "write") else str(out)
    try:
        if format == "csv":
            pa_csv.write_csv(rows, sink, pa_csv.WriteOptions(quoting_style="needed"))
        elif format == "parquet":
            pa_parquet.write_table(rows, sink)
        else:
            pa_feather.write_feather(rows, sink, compression="uncompressed")
    except OSError as error:
        raise StoreError(
            f"{out}: cannot write published results: {error.strerror or error}"
        ) from error
    return int(rows.num_rows)


__all__ = [
    "FORMATS",
    "SCHEMA",
    "PublishedTable",
    "cells",
    "export",
    "parse_name",
    "published",
    "table_of",
    "tables",
]
