"""Published tables for a terminal, cell texts as the papers print them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.table import Table

from dirsweep.domain import REGIONS, metric_of
from dirsweep.errors import StoreError
from dirsweep.published import parse_name, published, tables
from dirsweep.published.titles import title_of
from dirsweep.report.tables import NOTHING


def list_table(extra: Sequence[Path] = ()) -> Table:
    """Every published table: its name, what it shows, benchmarks, number of cells."""
    table = Table("name", "shows", "benchmarks", box=box.SIMPLE_HEAD)
    table.add_column("cells", justify="right")
    for item in tables(extra):
        name = f"{item.paper}/{item.table}"
        table.add_row(name, item.title, ", ".join(item.benchmarks), str(item.num_cells))
    return table


def show_tables(name: str, width: int = 80, extra: Sequence[Path] = ()) -> list[Table]:
    """A row per printed row, a column per metric and region.

    Args:
        name: ``ranksim/10``.
        width: columns of the terminal; where all metrics do not fit side by side each gets a table
            of its own.
    Returns: one table per benchmark, or per benchmark and metric.
    Raises: StoreError: no such paper or table, or a paper without a table number.
    """
    paper, number = parse_name(name)
    if number is None:
        published(paper, None, extra)  # says so if there is no such paper
        known = [f"{item.paper}/{item.table}" for item in tables(extra) if item.paper == paper]
        raise StoreError(f"'{name}': which table? (known: {', '.join(known)})")
    rows = published(paper, number, extra).to_pylist()
    found = []
    for benchmark in dict.fromkeys(row["benchmark"] for row in rows):
        cells = [row for row in rows if row["benchmark"] == benchmark]
        metrics = list(dict.fromkeys(row["metric"] for row in cells))
        labels = sum(max(len(row[key]) for row in cells) for key in ("section", "row"))
        together = labels + 9 * len({(row["metric"], row["region"]) for row in cells}) + 6 <= width
        for chosen in [metrics] if together else [[metric] for metric in metrics]:
            title = f"{name} · {benchmark} · {title_of(paper, number)}"
            found.append(_table(title, [row for row in cells if row["metric"] in chosen], chosen))
    return found


def _table(title: str, cells: Sequence[dict[str, str]], metrics: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("section")
    table.add_column("row")
    columns = sorted(
        {(row["metric"], row["region"]) for row in cells},
        key=lambda column: (metrics.index(column[0]), REGIONS.index(column[1])),
    )
    for metric, region in columns:
        table.add_column(f"{metric_of(metric).title}\n{region}", justify="right", no_wrap=True)
    texts: dict[tuple[str, str], dict[tuple[str, str], str]] = {}
    for row in cells:
        texts.setdefault((row["section"], row["row"]), {})[row["metric"], row["region"]] = row[
            "printed"
        ]
    above = None
    for (section, label), printed in texts.items():
        table.add_row(
            "" if section == above else section, label, *(printed.get(c, NOTHING) for c in columns)
        )
        above = section
    return table
