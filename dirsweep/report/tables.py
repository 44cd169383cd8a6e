"""Numbers -> tables: for the console, Markdown and CSV. The same rows in each."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from rich import box
from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from dirsweep.analysis.objectives import aims_of, points_of
from dirsweep.analysis.summaries import (
    PointSummary,
    best_point,
    num_different,
    sorted_by_objective,
)
from dirsweep.domain import REGIONS, MetricColumn, metric_columns, metric_of
from dirsweep.run.objectives import Aims
from dirsweep.run.reader import Run
from dirsweep.run.tables import STATUSES, UNFINISHED

Format = Literal["console", "md", "csv"]

#: a search proposes many points: the console shows the best ones, the files show all
MAX_ROWS = 24
STAR = "★"
NOTHING = "–"


def decimals(values: Sequence[float]) -> int:
    """Decimals that suit a column: three figures or so at its largest magnitude."""
    largest = max((abs(value) for value in values), default=0.0)
    for limit, places in ((100.0, 1), (2.0, 2), (0.02, 3)):
        if largest >= limit:
            return places
    return 4 if largest > 0 else 2


def duration(seconds: float | None) -> str:
    """``4.2 s``, ``3 min 05 s``, ``2 h 10 min``, ``3 d 4 h``."""
    if seconds is None:
        return NOTHING
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{int(seconds) // 60} min {int(seconds) % 60:02d} s"
    if seconds < 86400:
        return f"{int(seconds) // 3600} h {int(seconds) % 3600 // 60:02d} min"
    return f"{int(seconds) // 86400} d {int(seconds) % 86400 // 3600} h"


@dataclass(frozen=True)
class Column:
    """One column of a study's table.

    Attributes:
        title: two lines at most.
        cells: one per row.
        narrow_cells: the same with less air and no deviation-only information lost, or None.
        rank: columns of the highest rank are dropped first when room is short; 0 never.
        numeric: aligned to the right, never wrapped.
        best: rows that hold the best value of the column.
    """

    title: str
    cells: list[str]
    rank: int = 0
    numeric: bool = True
    narrow_cells: list[str] | None = None

    def width(self, *, narrow: bool = False) -> int:
        """Cells of the terminal that the widest line takes."""
        cells = self.narrow_cells if narrow and self.narrow_cells is not None else self.cells
        return max(
            cell_len(line) for text in (self.title, *cells) for line in text.split("\n") or [""]
        )

    def texts(self, *, narrow: bool) -> list[str]:
        """The cells as they are to be shown."""
        return self.narrow_cells if narrow and self.narrow_cells is not None else self.cells


@dataclass(frozen=True)
class StudyTable:
    """One study's rows, ready to be laid out.

    Attributes:
        title: study and sweep.
        points: the rows' points.
        best: row of the best point by validation, or None.
        columns: in reading order, the point's label first.
        caption: lines below the table.
        synthetic: whether the figures come from a made-up benchmark.
    """

    title: str
    points: list[PointSummary]
    best: int | None
    columns: list[Column]
    caption: list[str]
    synthetic: bool


def study_table(run: Run, study: str, *, max_rows: int | None = None) -> StudyTable:
    """Rows and columns of one study. Of a search only what validation selected (and the base) has
    test figures.

    Args:
        max_rows: keep only the best so many by validation (in their order of merit); None keeps
            all, in the order proposed, except that a search's points come best first.
    """
    objective = aims_of(run, study).objective
    points = _shown_points(run, study)
    best = best_point(points, objective)
    num_points, different = len(points), num_different(points)
    searched = is_search(run, study)
    if searched or (max_rows is not None and num_points > max_rows):
        points = sorted_by_objective(points, objective)[:max_rows]
    aims = aims_of(run, study)
    caption = [
        *_caption(points, num_points, objective, best, looked_at=different if searched else None),
        *standing(points_of(run, study), aims),
    ]
    title = f"{study} · {run.name}"
    columns = _columns(points, aims, run.trials().schema.names)
    row = (
        None
        if best is None
        else next((i for i, point in enumerate(points) if point.index == best.index), None)
    )
    return StudyTable(title, points, row, columns, caption, run.synthetic)


def is_search(run: Run, study: str) -> bool:
    """Whether a sampler proposed the study's points."""
    return "space" in ((run.spec.get("studies") or {}).get(study) or {})


def _shown_points(run: Run, study: str) -> list[PointSummary]:
    """The study's points with the figures that may be shown, see
    ``selection.points_with_test_figures``.
    """
    points = points_of(run, study)
    if not is_search(run, study):
        return points
    from dirsweep.analysis.selection import (
        points_with_test_figures,
    )  # SciPy, for which no run waits that only begins

    shown = set(points_with_test_figures(run, study))
    return [point if point.index in shown else _validated_only(point) for point in points]


def _validated_only(point: PointSummary) -> PointSummary:
    columns = metric_columns(point.metrics)
    return replace(
        point, metrics={c.name: point.metrics[c.name] for c in columns if c.split == "val"}
    )


def _columns(points: list[PointSummary], aims: Aims, names: list[str]) -> list[Column]:
    objective = aims.objective
    columns = [Column("point", [point.label for point in points], numeric=False)]
    if len({point.num_seeds for point in points}) > 1:
        columns.append(Column("seeds", [str(point.num_seeds) for point in points]))
    columns.append(
        _metric_column(
            points, objective, f"val {metric_of(objective.metric).title}\n{objective.region}", 0
        )
    )
    columns += [
        _metric_column(points, also, f"val {metric_of(also.metric).title}\n{also.region}", 0)
        for also in aims.objectives
        if also != objective
    ]
    columns += standing_columns(points, aims)
    # the regions of the objective's metric on test are what the papers print; few and all go last
    # when room is short
    ranks = {"all": 1, "many": 4, "median": 3, "few": 2, "zero": 2}
    for region in REGIONS:
        column = MetricColumn("test", objective.metric, region)
        if region == "zero" and column.name not in names:
            continue  # hardly a benchmark has it
        title = (
            f"test {metric_of(column.metric).title}\n{region}" if region == "all" else f"\n{region}"
        )
        columns.append(_metric_column(points, column, title, ranks[region]))
    others = [
        c for c in metric_columns(names) if c.split == "test" and c.metric != objective.metric
    ]
    metrics = list(dict.fromkeys(c.metric for c in others))
    for region in ("all", "few", "zero"):
        for position, metric in enumerate(metrics):
            column = MetricColumn("test", metric, region)
            if any(column.name in point.metrics for point in points):
                rank = 10 + position + {"all": 0, "few": 20, "zero": 40}[region]
                columns.append(
                    _metric_column(
                        points, column, f"test {metric_of(metric).title}\n{region}", rank
                    )
                )
    columns.append(
        Column("time per\ntrial", [duration(point.wall_time_s) for point in points], rank=9)
    )
    if any(point.notes for point in points):
        columns.append(Column("note", [notes_of(point) for point in points], numeric=False))
    if any(_remarks(point) for point in points):
        columns.append(Column("not complete", [_remarks(point) for point in points], numeric=False))
    return columns


def standing_columns(points: Sequence[PointSummary], aims: Aims) -> list[Column]:
    """Who is on the front, who keeps to the constraints: only where the search has such."""
    columns = []
    if len(aims.objectives) > 1:
        columns.append(
            Column("front", ["front" if point.front else "" for point in points], numeric=False)
        )
    if aims.bounds:
        columns.append(Column("constraints", [_kept(point) for point in points], numeric=False))
    return columns


def _kept(point: PointSummary) -> str:
    """``kept``, or by how much which ones are broken."""
    broken = [
        f"{name}: {beyond:.{decimals([beyond])}f} beyond"
        for name, beyond in point.violations.items()
        if beyond > 0
    ]
    return ", ".join(broken) or ("kept" if point.violations else NOTHING)


def standing(points: Sequence[PointSummary], aims: Aims) -> list[str]:
    """What to say below the table about the front and the constraints."""
    lines = []
    if len(aims.objectives) > 1:
        goals = " and ".join(f"val {column.metric}/{column.region}" for column in aims.objectives)
        kept = ", among those that keep to the constraints" if aims.bounds else ""
        num = num_different([point for point in points if point.front])
        if num:
            lines.append(
                f"front: {num} point{'s' if num != 1 else ''} that no other one beats in {goals}{kept}"
            )
    if aims.bounds:
        able = [point for point in points if point.violations]
        num = sum(point.feasible for point in able)
        names = "; ".join(bound.name for bound in aims.bounds)
        lines.append(
            f"constraints, on val: {names}; {num} of {len(able)} complete points keep to all"
        )
        if able and not num:
            lines.append("no point keeps to the constraints: the best is the best of all")
    return lines


def notes_of(point: PointSummary) -> str:
    """Why some of its trials were tried again."""
    by_note: dict[str, list[int]] = {}
    for seed, note in point.notes.items():
        by_note.setdefault(note, []).append(seed)
    if point.notes.keys() == point.trial_ids.keys() and len(by_note) == 1:
        return next(iter(by_note))
    return "; ".join(
        f"seed {', '.join(map(str, seeds))}: {note}" for note, seeds in by_note.items()
    )


def _metric_column(
    points: list[PointSummary], column: MetricColumn, title: str, rank: int
) -> Column:
    spreads = [point.metrics.get(column.name) for point in points]
    places = decimals([spread.mean for spread in spreads if spread is not None])
    wide, narrow = [], []
    for spread in spreads:
        if spread is None:
            wide.append(NOTHING)
            narrow.append(NOTHING)
            continue
        deviation = "" if spread.deviation is None else f" ± {spread.deviation:.{places}f}"
        text = f"{spread.mean:.{places}f}{deviation}"
        wide.append(text)
        narrow.append(text.replace(" ± ", "±"))
    return Column(title, wide, rank=rank, narrow_cells=narrow)


def _remarks(point: PointSummary) -> str:
    return ", ".join(
        f"{point.statuses[status]} {status}"
        for status in (*STATUSES, UNFINISHED)
        if status in point.statuses and status != "complete"
    )


def _caption(
    points: list[PointSummary],
    num_points: int,
    objective: MetricColumn,
    best: PointSummary | None,
    *,
    looked_at: int | None,
) -> list[str]:
    direction = "higher" if objective.higher_is_better else "lower"
    chosen = f"val {metric_of(objective.metric).title} ({objective.region}), {direction} is better"
    lines = [
        f"{STAR} best by {chosen}"
        if best is not None
        else f"no complete point yet; chosen by {chosen}"
    ]
    if looked_at is not None:
        lines.append(hidden_test_figures(looked_at))
    counts = {point.num_seeds for point in points}
    if any(count > 1 for count in counts):
        over = f"{counts.pop()} seeds" if len(counts) == 1 else "the seeds of each point"
        lines.append(f"mean ± sample standard deviation over {over}")
    elif counts == {1}:
        lines.append("one seed per point: no deviation, differences may be noise")
    if len(points) < num_points:
        lines.append(f"the best {len(points)} of {num_points} points; --format csv has all")
    if any(point.preliminary and point.num_seeds for point in points):
        lines.append("rows without test figures: every seed was ended early, validation only")
    failures = [(point, seed, reason) for point in points for seed, reason in point.errors.items()]
    lines += [
        f"failed: {point.label}, seed {seed}: {reason}" for point, seed, reason in failures[:3]
    ]
    if len(failures) > 3:
        lines.append(f"and {len(failures) - 3} more failed; trials.arrow has every reason")
    return lines


def hidden_test_figures(looked_at: int) -> str:
    """How a search's test figures are to be read; ``looked_at``: of how many configurations."""
    configurations = f"{looked_at} configuration{'s' if looked_at != 1 else ''} looked at"
    return f"{configurations}; test figures only of what validation chose, and of the base (`dirsweep export` has all)"


# ---- console


_MIN_LABEL = 12
_MIN_REMARK = 12


def rendered(table: StudyTable, width: int) -> RenderableType:
    """The table for a console of ``width`` columns: numbers are never wrapped or cut, whole columns
    are left out.
    """
    shown, narrow = fitted(table.columns, width)
    grid = Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        padding=(0, 1, 0, 0) if narrow else (0, 1),
        pad_edge=False,
        header_style="bold",
    )
    grid.add_column("", width=1, no_wrap=True)
    for column in shown:
        if column.numeric:
            grid.add_column(column.title, justify="right", no_wrap=True, vertical="top")
        else:
            longest_word = max(
                (cell_len(word) for cell in column.cells for word in cell.split(" ")), default=1
            )
            grid.add_column(column.title, min_width=min(longest_word, _MIN_LABEL), overflow="fold")
    texts = [column.texts(narrow=narrow) for column in shown]
    for row, point in enumerate(table.points):
        style = "bold" if row == table.best else ("dim" if point.preliminary else "")
        grid.add_row(
            Text(STAR if row == table.best else "", style="yellow"),
            *(Text(t[row]) for t in texts),
            style=style,
        )
    title = Text(table.title, style="bold")
    if table.synthetic:
        title.append("  SYNTHETIC DATA", style="bold black on yellow")
    left_out = len(table.columns) - len(shown)
    caption = list(table.caption)
    if left_out:
        caption.append(
            f"{left_out} column{'s' if left_out > 1 else ''} left out for want of room; --format csv has all"
        )
    notes = [Text(line, style="red" if line.startswith("failed: ") else "dim") for line in caption]
    return Padding(Group(title, grid, *notes), (1, 0, 0, 0), expand=False)


def fitted(columns: list[Column], width: int) -> tuple[list[Column], bool]:
    """The columns that fit into ``width`` with their numbers whole, and whether they are set
    narrowly.

    First the least important columns go down to the headline ones, then the setting gets narrow,
    then the rest goes.
    """

    def needed(candidates: list[Column], *, narrow: bool) -> int:
        gap = 2 if narrow else 3
        roomy = not narrow and max(c.rank for c in candidates) > headline
        return 1 + sum(
            gap
            + (column.width(narrow=narrow) if column.numeric else _flexible(column, roomy=roomy))
            for column in candidates
        )

    headline = max((c.rank for c in columns if c.rank < 9), default=0)
    for narrow in (False, True):
        # set widely only when the headline columns have room to spare
        kept = sorted({c.rank for c in columns if not narrow or c.rank <= headline}, reverse=True)
        for limit in kept:
            if not narrow and limit < headline:
                break
            candidates = [column for column in columns if column.rank <= limit]
            if needed(candidates, narrow=narrow) <= width:
                return candidates, narrow
    return [column for column in columns if column.rank == 0], True


def _flexible(column: Column, *, roomy: bool) -> int:
    """Width at which a text column still reads well; it wraps between words."""
    if column.title != "point":
        return min(column.width(), _MIN_REMARK)
    # rather a label on one line than one more metric
    return min(column.width(), 48 if roomy else 20)


def print_report(run: Run, console: Console, *, studies: Sequence[str] | None = None) -> None:
    """Print the summary of a run, study by study.

    Raises: StoreError: no complete trial.
    """
    run.require_finished()
    for study in run.studies if studies is None else studies:
        console.print(rendered(study_table(run, study, max_rows=MAX_ROWS), console.width))
    console.print()


# ---- Markdown and CSV


def markdown(run: Run, *, studies: Sequence[str] | None = None) -> str:
    """Every study as a GitHub table, the best point bold."""
    run.require_finished()
    return "\n".join(
        _markdown(study_table(run, study))
        for study in (run.studies if studies is None else studies)
    )


def _markdown(table: StudyTable) -> str:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    titles = _full_titles(table.columns)
    rows = [line(titles), line(["---:" if column.numeric else ":---" for column in table.columns])]
    for row in range(len(table.points)):
        cells = [column.cells[row] for column in table.columns]
        if row == table.best:
            cells = [f"**{cell}**" if cell else cell for cell in cells]
            cells[0] += f" {STAR}"
        rows.append(line(cells))
    heading = f"### {table.title}{' (SYNTHETIC DATA)' if table.synthetic else ''}"
    return "\n".join([heading, "", *rows, "", *(f"{text}  " for text in table.caption), ""])


def _full_titles(columns: list[Column]) -> list[str]:
    """One line each: a region alone gets the metric of the column it stands beside."""
    titles: list[str] = []
    above = ""
    for column in columns:
        first, _, second = column.title.partition("\n")
        above = first or above
        titles.append(f"{above} {second}".strip())
    return titles


def comma_separated(run: Run, *, studies: Sequence[str] | None = None) -> str:
    """Every study's points as CSV: full precision, each metric's mean, deviation and number of
    seeds.

    Test cells are empty where a search did not choose the point; ``num_looked_at``: of how many
    different points.
    """
    run.require_finished()
    names = [column.name for column in metric_columns(run.trials().schema.names)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        [
            "study",
            "point",
            "label",
            "synthetic",
            "best_by_validation",
            "num_looked_at",
            "num_seeds",
            *STATUSES,
            UNFINISHED,
            "wall_time_s",
            "on_front",
            "feasible",
            "violations",
            "note",
            *(f"{name}_{what}" for name in names for what in ("mean", "sd", "n")),
        ]
    )
    for study in run.studies if studies is None else studies:
        points = _shown_points(run, study)
        aims = aims_of(run, study)
        best = best_point(points, aims.objective)
        for point in points:
            counts = [point.statuses.get(status, 0) for status in (*STATUSES, UNFINISHED)]
            cells: list[object] = [
                study,
                point.index,
                point.label,
                str(run.synthetic).lower(),
                str(point is best).lower(),
                num_different(points),
                point.num_seeds,
                *counts,
                point.wall_time_s,
                None if point.front is None else str(point.front).lower(),
                str(point.feasible).lower() if point.violations else None,
                json.dumps(point.violations) if point.violations else None,
                notes_of(point) or None,
            ]
            for name in names:
                spread = point.metrics.get(name)
                cells += (
                    [None, None, 0]
                    if spread is None
                    else [spread.mean, spread.deviation, spread.num]
                )
            writer.writerow(cells)
    return text.getvalue()
