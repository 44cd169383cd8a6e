"""Published tables with their cells as the papers print them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dirsweep.domain import REGIONS, metric_of
from dirsweep.published import published, table_of, tables
from dirsweep.published.cells import PublishedCell
from dirsweep.published.summaries import summary_rows
from dirsweep.published.titles import title_of
from dirsweep.report.number_format import MISSING
from dirsweep.report.table import Cell, Column, Row, Table


def list_table(extra: Sequence[Path] = ()) -> Table:
    """Return the list of published tables: name, what it shows, benchmarks, number of cells."""
    columns = (
        Column("name", "name", align="left"),
        Column("shows", "shows", align="left"),
        Column("benchmarks", "benchmarks", align="left", priority=2),
        Column("num_cells", "cells", priority=1),
    )
    rows = [
        Row(
            (
                Cell(f"{item.paper}/{item.table}"),
                Cell(item.title),
                Cell(", ".join(item.benchmarks)),
                Cell(str(item.num_cells), item.num_cells),
            )
        )
        for item in tables(extra)
    ]
    return Table("published tables", columns, tuple(rows))


def show_tables(name: str, extra: Sequence[Path] = ()) -> list[Table]:
    """Return a published table, one per benchmark: a row per printed row.

    Args:
        name: ``ranksim/10``.
        extra: files with further published numbers.

    Raises:
        StoreError: no such paper or table, or a paper without a table number.
    """
    paper, number = table_of(name, extra)
    cells: list[PublishedCell] = published(paper, number, extra).to_pylist()
    return [
        _table(name, f"{benchmark} · {title_of(paper, number)}", cells, benchmark)
        for benchmark in dict.fromkeys(cell["benchmark"] for cell in cells)
    ]


def _table(name: str, title: str, every: Sequence[PublishedCell], benchmark: str) -> Table:
    cells = [cell for cell in every if cell["benchmark"] == benchmark]
    keys = _columns(cells)
    printed: dict[tuple[str, str], dict[tuple[str, str], PublishedCell]] = {}
    for cell in cells:
        row = printed.setdefault((cell["section"], cell["row"]), {})
        row[cell["metric"], cell["region"]] = cell
    columns = (
        Column("section", "section", align="left", blank_repeats=True, priority=1),
        Column("row", "row", align="left"),
        *(Column(f"{m}_{region}", region, group=metric_of(m).title) for m, region in keys),
    )
    rows = [
        Row(
            (Cell(section), Cell(label), *(_cell(found.get(key)) for key in keys)),
            section=section,
        )
        for (section, label), found in printed.items()
    ]
    rows += [
        Row(
            (Cell(""), Cell(row.label), *(Cell(row.printed.get(key, MISSING)) for key in keys)),
            section="summary",
        )
        for row in summary_rows(*table_of(name), benchmark)
    ]
    return Table(title, columns, tuple(rows), name=name, split_by_group=True)


def _columns(cells: Sequence[PublishedCell]) -> list[tuple[str, str]]:
    """Return metrics in the paper's order, each with its regions in ours."""
    metrics = list(dict.fromkeys(cell["metric"] for cell in cells))
    found = {(cell["metric"], cell["region"]) for cell in cells}
    return sorted(found, key=lambda key: (metrics.index(key[0]), REGIONS.index(key[1])))


def _cell(cell: PublishedCell | None) -> Cell:
    return Cell(MISSING) if cell is None else Cell(cell["printed"], cell["value"])
