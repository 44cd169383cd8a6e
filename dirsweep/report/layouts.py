"""The layout of a published table with one's own numbers in it: its rows, sections and columns.

A row takes the point whose configuration is the row's (``published.matching``), equal in every
parameter it states. Where a table has only one row for a combination of techniques, a point with
the same techniques and other parameters may stand in; ``differs`` says so. Of several points that
fit, the one with the fewest keys that differ, then the best on validation. Points of a search that
were not chosen have no test figures to show.

A table of times takes the seconds of an epoch; they are never the paper's own device's, which
``differs`` says.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from dirsweep.analysis.epoch_times import (
    EPOCH_TIMES,
    MEASURED_ON,
    MEDIAN,
    PER_WHAT,
    device_of,
    epoch_seconds,
)
from dirsweep.analysis.measurements import complete_trials, configs_of, points_of
from dirsweep.analysis.reproduction import STANDS_FOR, backbone_differences, benchmark_differences
from dirsweep.analysis.selection import points_with_test_figures
from dirsweep.analysis.summaries import PointSummary, Spread, objective_column
from dirsweep.domain import REGIONS, MetricColumn, metric_of
from dirsweep.errors import StoreError
from dirsweep.published import parse_name, published, tables
from dirsweep.published.matching import (
    config_differences,
    flatten,
    protocol_differences,
    techniques,
)
from dirsweep.published.titles import title_of
from dirsweep.report.tables import STAR
from dirsweep.run.reader import Run

#: of a run with --preview
PREVIEW = "a preview: a few points, one seed, few epochs; it shows that everything works, not what a method can do"


@dataclass(frozen=True)
class Cell:
    """One number of the table.

    Attributes:
        value: mean over seeds, in the table's unit; None where nothing was run.
        deviation: sample deviation over seeds; None for one seed.
        num_seeds: behind the value.
        places: decimals, as the paper prints the column.
        published: the paper's number as printed, without brackets; empty where it has none for this
            benchmark.
        best_in_section, best_in_column: whether no measured number of the section (of the column)
            is better as printed.
    """

    value: float | None
    deviation: float | None
    num_seeds: int
    places: int
    published: str
    best_in_section: bool = False
    best_in_column: bool = False

    @property
    def text(self) -> str:
        """The value with the paper's decimals; empty where nothing was run."""
        return "" if self.value is None else f"{self.value:.{self.places}f}"


@dataclass(frozen=True)
class Row:
    """One row of the table.

    Attributes:
        section: sub-table, empty when there is none.
        label: as printed.
        cells: one per column.
        study, point, point_label: what stands here; None where nothing was run.
        differs: keys on which it departs from what the paper states.
        trial_ids: behind the numbers.
    """

    section: str
    label: str
    cells: tuple[Cell, ...]
    study: str | None
    point: int | None
    point_label: str
    differs: tuple[str, ...]
    trial_ids: tuple[str, ...]

    @property
    def filled(self) -> bool:
        """Whether it has a number."""
        return any(cell.value is not None for cell in self.cells)


@dataclass(frozen=True)
class Layout:
    """A filled table.

    Attributes:
        name: ``ranksim/2``.
        title: what the table shows, and for which run.
        benchmark: of our own numbers; published_benchmark: of the paper's.
        columns: (metric, region, unit).
        rows: in the paper's order.
        notes: lines below the table.
        synthetic: whether our own numbers come from a made-up benchmark.
    """

    name: str
    title: str
    benchmark: str
    published_benchmark: str
    columns: tuple[tuple[str, str, str], ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    synthetic: bool

    @property
    def num_filled(self) -> int:
        """Rows with at least one number."""
        return sum(row.filled for row in self.rows)

    def marks(self) -> dict[tuple[str, ...], str]:
        """What a row departs in -> its mark: a, b, c ...; none when all filled rows depart in the
        same.
        """
        found = list(dict.fromkeys(row.differs for row in self.rows if row.filled))
        if len(found) < 2:
            return {}
        letters = iter("abcdefghijklmnopqrstuvwxyz" * len(found))
        return {differs: next(letters) for differs in found if differs}


def fill(run: Run, name: str, *, extra: Sequence[Path] = ()) -> Layout:
    """A published table's layout with the run's test figures.

    Args:
        name: ``ranksim/2``, or of a table in ``extra``.
        extra: files with further published numbers.

    Raises: StoreError: no complete trial; no such paper or table.
    """
    run.require_finished()
    paper, number = parse_name(name)
    if number is None:
        published(paper, None, extra)  # says so if there is no such paper
        known = [f"{item.paper}/{item.table}" for item in tables(extra) if item.paper == paper]
        raise StoreError(f"'{name}': which table? (known: {', '.join(known)})")
    every = published(paper, number, extra).to_pylist()
    benchmark = _benchmark(run)
    ours = STANDS_FOR.get(benchmark, benchmark)
    there = list(dict.fromkeys(cell["benchmark"] for cell in every))
    theirs = ours if ours in there else there[0]
    cells = [cell for cell in every if cell["benchmark"] == theirs]
    columns = _columns(cells)
    taken = _taken(run, cells, theirs)
    rows = _marked(
        [
            _row(run, key, group, columns, taken.get(key), theirs == ours)
            for key, group in _grouped(cells).items()
        ],
        columns,
    )
    layout = Layout(
        name=name,
        title=f"{title_of(paper, number)} · {run.name}",
        benchmark=benchmark,
        published_benchmark=theirs,
        columns=columns,
        rows=rows,
        notes=(),
        synthetic=run.synthetic,
    )
    preview = [PREVIEW] if run.spec.get("preview") else []
    return replace(layout, notes=(*preview, *_notes(layout), *_notes_on_times(run, layout, paper)))


def _benchmark(run: Run) -> str:
    value = run.spec.get("benchmark")
    return str(value.get("name") if isinstance(value, Mapping) else value)


def _columns(cells: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, str, str], ...]:
    """(metric, region, unit): metrics in the paper's order, regions in ours."""
    metrics = list(dict.fromkeys(cell["metric"] for cell in cells))
    found = {(cell["metric"], cell["region"], cell["unit"]) for cell in cells}
    return tuple(
        sorted(found, key=lambda column: (metrics.index(column[0]), REGIONS.index(column[1])))
    )


def _grouped(cells: Sequence[dict[str, Any]]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for cell in cells:
        groups.setdefault((cell["section"], cell["row"]), []).append(cell)
    return groups


# ---- matching


@dataclass(frozen=True)
class _Match:
    point: PointSummary
    differs: tuple[str, ...]


def _taken(
    run: Run, cells: Sequence[dict[str, Any]], benchmark: str
) -> dict[tuple[str, str], _Match]:
    """Row of the table -> the point that stands in it."""
    rows = {
        key: group[0] for key, group in _grouped(cells).items() if group[0]["config"] is not None
    }
    wanted = {key: flatten(json.loads(row["config"])) for key, row in rows.items()}
    # where several rows have the same techniques, the parameters are what the table is about
    by_techniques: dict[frozenset[str], set[str]] = {}
    for key, row in rows.items():
        by_techniques.setdefault(techniques(wanted[key]), set()).add(row["config"])
    objective = objective_column(run.objective)
    sign = -1.0 if objective.higher_is_better else 1.0
    # a trial trains on one device; no paper has measured times on that
    given = [
        *benchmark_differences(run),
        *(["device"] if any(cell["metric"] in EPOCH_TIMES for cell in cells) else []),
    ]
    best: dict[tuple[str, str], tuple[tuple[int, float], _Match]] = {}
    for point, trial in _candidates(run):
        others = [*backbone_differences(trial, benchmark), *given]
        protocol = {key: [*protocol_differences(row, trial), *others] for key, row in rows.items()}
        closest: dict[
            str, int
        ] = {}  # of rows that differ in their protocol alone the point takes the closest
        for key, row in rows.items():
            closest[row["config"]] = min(closest.get(row["config"], 99), len(protocol[key]))
        for key, row in rows.items():
            off = config_differences(wanted[key], trial, benchmark)
            alone = len(by_techniques[techniques(wanted[key])]) == 1
            if off is None or (off and not alone) or len(protocol[key]) > closest[row["config"]]:
                continue
            differs = tuple(dict.fromkeys([*off, *protocol[key]]))
            rank = len(differs), sign * (point.mean(objective.name) or 0.0)
            if key not in best or rank < best[key][0]:
                best[key] = rank, _Match(point, differs)
    return {key: match for key, (_, match) in best.items()}


def _candidates(run: Run) -> list[tuple[PointSummary, dict[str, Any]]]:
    """Points whose test figures may be shown, with their configuration as dotted keys."""
    found = []
    for study in run.studies:
        configs, allowed = configs_of(run, study), set(points_with_test_figures(run, study))
        found += [
            (point, flatten(configs[point.index]))
            for point in points_of(run, study)
            if point.index in allowed and point.index in configs
        ]
    return found


# ---- numbers


def _row(
    run: Run,
    key: tuple[str, str],
    group: Sequence[Mapping[str, Any]],
    columns: Sequence[tuple[str, str, str]],
    match: _Match | None,
    same_benchmark: bool,
) -> Row:
    printed = {
        (cell["metric"], cell["region"], cell["unit"]): cell["printed"].strip("()[] ")
        for cell in group
    }
    cells = []
    for column in columns:
        metric, region, unit = column
        scale = 100.0 if unit == "%" else 1.0
        spread = None if match is None else _spread(run, match.point, metric, region)
        places = _places(printed[column]) if column in printed else 2
        deviation = None if spread is None or spread.deviation is None else spread.deviation * scale
        cells.append(
            Cell(
                value=None if spread is None else spread.mean * scale,
                deviation=deviation,
                num_seeds=0 if spread is None else spread.num,
                places=places,
                published=printed.get(column, "") if same_benchmark else "",
            )
        )
    return Row(
        section=key[0],
        label=key[1],
        cells=tuple(cells),
        study=None if match is None else match.point.study,
        point=None if match is None else match.point.index,
        point_label="" if match is None else match.point.label,
        differs=() if match is None else match.differs,
        trial_ids=() if match is None else tuple(match.point.trial_ids.values()),
    )


def _spread(run: Run, point: PointSummary, metric: str, region: str) -> Spread | None:
    """A test metric, or an epoch's time, over the point's seeds."""
    if metric not in EPOCH_TIMES:
        return point.metrics.get(MetricColumn("test", metric, region).name)
    seconds, trials = epoch_seconds(run), complete_trials(run, point.study).get(point.index, {})
    found = {
        seed: seconds[trial] / EPOCH_TIMES[metric]
        for seed, trial in trials.items()
        if trial in seconds
    }
    return Spread(found) if found else None


def _places(printed: str) -> int:
    digits = printed.partition(".")[2]
    return len(digits) if digits.isdigit() else 0


def _marked(rows: Sequence[Row], columns: Sequence[tuple[str, str, str]]) -> tuple[Row, ...]:
    """The rows with the best of each section and each column marked; nothing is best where it
    stands alone.
    """
    cells = [list(row.cells) for row in rows]
    for at, (metric, _, _) in enumerate(columns):
        sections = [
            [number for number, row in enumerate(rows) if row.section == section]
            for section in dict.fromkeys(row.section for row in rows)
        ]
        for number in _best(
            [cells[number][at] for number in range(len(rows))], range(len(rows)), metric
        ):
            cells[number][at] = replace(cells[number][at], best_in_column=True)
        for members in sections:
            for number in _best([cells[number][at] for number in members], members, metric):
                cells[number][at] = replace(cells[number][at], best_in_section=True)
    return tuple(replace(row, cells=tuple(found)) for row, found in zip(rows, cells, strict=True))


def _best(cells: Sequence[Cell], numbers: Sequence[int], metric: str) -> list[int]:
    # compared as printed: two cells that read the same are equally good
    shown = {
        number: float(cell.text)
        for number, cell in zip(numbers, cells, strict=True)
        if cell.value is not None
    }
    if len(shown) < 2:
        return []
    best = metric_of(metric).best(shown.values())
    return [number for number, value in shown.items() if value == best]


def _notes(layout: Layout) -> list[str]:
    num_seeds = {
        cell.num_seeds for row in layout.rows for cell in row.cells if cell.value is not None
    }
    if num_seeds:
        how = f"bold: best of its section, {STAR}: best of its column; {_what(layout)}, mean over {_counted(num_seeds)}"
        notes = [f"{layout.num_filled} of {len(layout.rows)} rows were run; {how}"]
        marked = any(
            cell.best_in_section or cell.best_in_column for row in layout.rows for cell in row.cells
        )
        if marked and not _timed(layout):
            notes.append(
                "best by these very figures, as the paper marks it: what is more than noise, the claims say"
            )
    elif any(row.point is not None for row in layout.rows):
        notes = ["the run has rows of this table, but none of its metrics"]
    else:
        notes = ["not one row of this table was run: no point has the configuration of a row"]
    if layout.benchmark != layout.published_benchmark:
        stands = STANDS_FOR.get(layout.benchmark) == layout.published_benchmark
        what = "stands in for it" if stands else "has the same layout only"
        notes.append(
            f"the paper's is of {layout.published_benchmark}, this run of {layout.benchmark}, which {what}"
        )
    marks = layout.marks()
    departures = marks or {row.differs: "" for row in layout.rows if row.differs and row.filled}
    notes += [
        f"{f'{mark}: ' if mark else ''}differs from what the paper states in {', '.join(differs)}"
        for differs, mark in departures.items()
    ]
    return notes


def _timed(layout: Layout) -> bool:
    return any(metric in EPOCH_TIMES for metric, _, _ in layout.columns)


def _what(layout: Layout) -> str:
    timed = _timed(layout)
    return f"time of an epoch, validation included, {MEDIAN}" if timed else "test split"


def _notes_on_times(run: Run, layout: Layout, paper: str) -> list[str]:
    metrics = {metric for metric, _, _ in layout.columns}
    if not metrics & set(EPOCH_TIMES):
        return []
    theirs, ours = (
        MEASURED_ON.get(paper, "a device of its own"),
        device_of(run) or "a device that was not recorded",
    )
    notes = [PER_WHAT] if paper in MEASURED_ON else []
    notes.append(
        f"times do not compare across devices: the paper's are of {theirs}, these of one trial on {ours}"
    )
    if any(metric.startswith("forward_pass") for metric in metrics):
        notes.append("the forward pass alone is not measured")
    return notes


def _counted(num_seeds: set[int]) -> str:
    low, high = min(num_seeds), max(num_seeds)
    return f"{low} seed{'s' if low > 1 else ''}" if low == high else f"{low} to {high} seeds"


# ---- as text


_ARROWS = {True: "↑", False: "↓"}


def heading(metric: str, unit: str) -> str:
    """``MAE ↓``, ``pearson (%) ↑``."""
    percent = " (%)" if unit == "%" else ""
    return f"{metric_of(metric).title}{percent} {_ARROWS[metric_of(metric).higher_is_better]}"


def plain(cell: Cell, *, beside: bool, deviation: bool) -> str:
    """``7.02 ± 0.20 (7.20)``: measured, its deviation, the published one."""
    text = cell.text
    if deviation and cell.deviation is not None:
        text += f" ± {cell.deviation:.{cell.places}f}"
    if beside and cell.published:
        text = f"{text} ({cell.published})".strip()
    return text


def markdown(layout: Layout, *, beside: bool = False, deviation: bool = True) -> str:
    """A GitHub table. ``beside``: the published number in brackets after the measured one."""

    def line(texts: Sequence[str]) -> str:
        return "| " + " | ".join(text.replace("|", "\\|") for text in texts) + " |"

    def shown(cell: Cell) -> str:
        text = plain(cell, beside=False, deviation=deviation)
        text = f"**{text}**" if cell.best_in_section and text else text
        text += f" {STAR}" if cell.best_in_column else ""
        return f"{text} ({cell.published})".strip() if beside and cell.published else text

    marks, sections = layout.marks(), {row.section for row in layout.rows}
    titles = ["", *(f"{heading(metric, unit)} {region}" for metric, region, unit in layout.columns)]
    lines = [line(titles), line([":---", *["---:"] * len(layout.columns)])]
    above = None
    for row in layout.rows:
        if len(sections) > 1 and row.section != above:
            lines.append(line([f"*{row.section}*", *[""] * len(layout.columns)]))
            above = row.section
        mark = f"<sup>{marks[row.differs]}</sup>" if row.differs in marks else ""
        lines.append(line([row.label + mark, *(shown(cell) for cell in row.cells)]))
    title = f"### {layout.name} · {layout.title}{' (SYNTHETIC DATA)' if layout.synthetic else ''}"
    notes = [*layout.notes, *(["in brackets: published"] if beside else [])]
    return "\n".join([title, "", *lines, "", *(f"{note}  " for note in notes), ""])


def comma_separated(layouts: Sequence[Layout]) -> str:
    """One line per cell, in full precision, measured and published side by side."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        [
            "layout",
            "section",
            "row",
            "benchmark",
            "metric",
            "region",
            "unit",
            "measured",
            "sd",
            "num_seeds",
            "published",
            "best_in_section",
            "best_in_column",
            "study",
            "point",
            "label",
            "differs",
            "trial_ids",
            "synthetic",
        ]
    )
    for layout in layouts:
        for row in layout.rows:
            for (metric, region, unit), cell in zip(layout.columns, row.cells, strict=True):
                writer.writerow(
                    [
                        layout.name,
                        row.section,
                        row.label,
                        layout.benchmark,
                        metric,
                        region,
                        unit,
                        cell.value,
                        cell.deviation,
                        cell.num_seeds,
                        cell.published,
                        str(cell.best_in_section).lower(),
                        str(cell.best_in_column).lower(),
                        row.study,
                        row.point,
                        row.point_label,
                        " ".join(row.differs),
                        " ".join(row.trial_ids),
                        str(layout.synthetic).lower(),
                    ]
                )
    return text.getvalue()


def rendered(
    layout: Layout, width: int, *, beside: bool = False, deviation: bool = True
) -> RenderableType:
    """The table for a console of ``width`` columns; one metric below the other where they do not
    fit side by side.
    """
    metrics = list(dict.fromkeys(metric for metric, _, _ in layout.columns))
    title = Text(f"{layout.name} · {layout.title}", style="bold")
    if layout.synthetic:
        title.append("  SYNTHETIC DATA", style="bold black on yellow")
    for spread in (True, False) if deviation else (False,):
        whole = _grid(layout, metrics, beside, spread)
        if _width(whole) <= width:
            grids = [whole]
            break
    else:
        there = [metric for metric in metrics if beside or _measured(layout, metric)] or metrics[:1]
        grids = [_grid(layout, [metric], beside, deviation) for metric in there]
        if any(_width(grid) > width for grid in grids):
            grids = [_grid(layout, [metric], beside, False) for metric in there]
    notes = [*layout.notes, *(["in brackets: published"] if beside else [])]
    return Group(title, *grids, *(Text(note, style="dim") for note in notes))


def _measured(layout: Layout, metric: str) -> bool:
    return any(
        cell.value is not None
        for row in layout.rows
        for column, cell in zip(layout.columns, row.cells, strict=True)
        if column[0] == metric
    )


def _width(grid: Table) -> int:
    from rich.console import Console

    return Console(width=10_000, file=io.StringIO()).measure(grid).maximum


def _grid(layout: Layout, metrics: Sequence[str], beside: bool, deviation: bool) -> Table:
    marks = layout.marks()
    grid = Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        header_style="bold",
    )
    grid.add_column("")
    shown = [at for at, (metric, _, _) in enumerate(layout.columns) if metric in metrics]
    above = None
    for at in shown:
        metric, region, unit = layout.columns[at]
        grid.add_column(
            f"{heading(metric, unit) if metric != above else ''}\n{region}",
            justify="right",
            no_wrap=True,
        )
        above = metric
    for number, row in enumerate(layout.rows):
        texts = []
        for at in shown:
            cell = row.cells[at]
            text = plain(cell, beside=beside, deviation=deviation) + (
                STAR if cell.best_in_column else " "
            )
            texts.append(Text(text, style="bold" if cell.best_in_section else ""))
        mark = f" {marks[row.differs]}" if row.differs in marks else ""
        below = layout.rows[number + 1].section if number + 1 < len(layout.rows) else row.section
        grid.add_row(Text(row.label + mark), *texts, end_section=row.section != below)
    return grid
