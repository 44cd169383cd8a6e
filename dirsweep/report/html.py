"""A run as one self-contained HTML file: tables, claims, figures and origin, without any network.

Every text reaches the page through the template's escaping; the figures' own text is escaped by
what draws them.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib import metadata, resources
from typing import Any

import yaml

from dirsweep.analysis.differences import Difference, differences
from dirsweep.analysis.effects import Effect, effects, effects_of_run
from dirsweep.analysis.importance import importances, interactions
from dirsweep.analysis.intervals import Interval, intervals
from dirsweep.analysis.main_effects import main_effects
from dirsweep.analysis.measurements import columns_of, points_of
from dirsweep.analysis.objectives import aims_of
from dirsweep.analysis.reproduction import verdicts
from dirsweep.analysis.selection import baseline_of, points_with_test_figures, searched
from dirsweep.analysis.summaries import (
    PointSummary,
    Spread,
    best_point,
    num_different,
    objective_column,
    sorted_by_objective,
)
from dirsweep.domain import REGIONS, MetricColumn, metric_columns, metric_of
from dirsweep.report.claim_sentences import spelt
from dirsweep.report.claims import (
    CORRECTED,
    Claim,
    below_its_study,
    claims,
    claims_of_run,
    compares,
)
from dirsweep.report.inline_svg import inline_svg
from dirsweep.report.interval_notes import verdict_note
from dirsweep.report.layouts import PREVIEW, Layout, heading
from dirsweep.report.number_text import digits, p_words, signed
from dirsweep.report.plots import plots
from dirsweep.report.plots._features import without_any
from dirsweep.report.tables import (
    NOTHING,
    STAR,
    decimals,
    duration,
    notes_of,
    standing,
    standing_columns,
)
from dirsweep.report.tables import Column as TextColumn
from dirsweep.run.reader import Run
from dirsweep.run.tables import STATUSES, UNFINISHED

#: a table longer than this is folded away
LONG = 16
#: inches from which on a figure takes the whole width
WIDE = 9.05
#: published cells beside measured ones, per study
MAX_VERDICTS = 400
#: stands where a test figure is not shown: a search that looks at many points must not be judged by
#: each one's
HIDDEN = "·"


@dataclass(frozen=True)
class Cell:
    """One cell: its text, what it sorts by, a second line, CSS classes."""

    text: str
    value: float | None = None
    small: str = ""
    classes: str = ""


@dataclass(frozen=True)
class Column:
    """One column; ``more``: shown only when every metric is asked for."""

    title: str
    text: bool = False
    more: bool = False
    hint: str = ""


@dataclass(frozen=True)
class Row:
    """One row; ``mark``: best, dim, rule."""

    cells: list[Cell]
    mark: str = ""


@dataclass(frozen=True)
class Grid:
    """One table of the page. ``groups``: titles over several columns. ``open``: not folded away."""

    title: str
    columns: list[Column]
    rows: list[Row]
    notes: list[str] = field(default_factory=list)
    groups: list[tuple[str, int]] = field(default_factory=list)
    open: bool = True

    @property
    def has_more(self) -> bool:
        """Whether some columns are hidden at first."""
        return any(column.more for column in self.columns)


@dataclass(frozen=True)
class Drawing:
    """A figure, ready to stand in the page."""

    name: str
    svg: Any
    wide: bool


@dataclass(frozen=True)
class Summary:
    """The section before those of the studies."""

    claims: list[Claim]
    tables: list[Grid]

    @property
    def compares(self) -> bool:
        """Whether its sentences have p-values."""
        return compares(self.claims)


@dataclass(frozen=True)
class Study:
    """One study's section."""

    id: str
    name: str
    kind: str
    claims: list[Claim]
    more_claims: list[Claim]
    points: Grid
    tables: list[Grid]
    figures: list[Drawing]

    @property
    def compares(self) -> bool:
        """Whether its sentences have p-values."""
        return compares([*self.claims, *self.more_claims])


def html(
    run: Run,
    *,
    studies: Sequence[str] | None = None,
    layouts: Sequence[Layout] = (),
    figures: bool = True,
) -> str:
    """The page.

    Args:
        studies: all of the run's by default.
        layouts: filled layouts of published tables to be shown as well.
        figures: with the plots.

    Raises: StoreError: no complete trial.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    run.require_finished()
    chosen = list(run.studies if studies is None else studies)
    environment = Environment(
        loader=PackageLoader("dirsweep.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    templates = resources.files("dirsweep.report") / "templates"
    state, bad = _state(run)
    page = {
        "version": metadata.version("dirsweep"),
        "name": run.name,
        "synthetic": run.synthetic,
        "state": state,
        "state_kind": "bad" if bad else "good",
        "facts": [*_facts(run), *(_missing_figures(run) if figures else [])],
        "corrected": CORRECTED,
        "summary": _summary(run) if studies is None else None,
        "studies": [_study(run, study, number, figures) for number, study in enumerate(chosen)],
        "layouts": [_layout(layout) for layout in layouts],
        "sessions": _sessions(run),
        "folder": run.paths.name or run.paths.root,
        "spec": yaml.safe_dump(run.spec, sort_keys=False, allow_unicode=True),
    }
    return environment.get_template("report.html.j2").render(
        page=page,
        css=Markup((templates / "report.css").read_text("utf-8")),
        js=Markup((templates / "report.js").read_text("utf-8")),
    )


# ---- head and origin


def _state(run: Run) -> tuple[str, bool]:
    """How the run ended, in words, and whether that is a reason to worry."""
    table = run.trials().select(["trial_id", "status"])
    by_trial = dict(zip(*(column.to_pylist() for column in table.columns), strict=True))
    counts = dict.fromkeys((*STATUSES, UNFINISHED), 0)
    for status in by_trial.values():
        counts[status] = counts.get(status, 0) + 1
    total = len(by_trial)
    others = [
        f"{count} {status}" for status, count in counts.items() if count and status != "complete"
    ]
    if not others:
        return f"complete: all {total} trials ended well", False
    open_ones = counts[UNFINISHED] + counts["interrupted"]
    words = "not at its end" if open_ones else "at its end"
    return f"{words}: {counts['complete']} of {total} trials complete, {', '.join(others)}", bool(
        open_ones or counts["failed"]
    )


def _facts(run: Run) -> list[tuple[str, str]]:
    benchmark = run.spec.get("benchmark")
    named = benchmark.get("name") if isinstance(benchmark, Mapping) else benchmark
    table = run.trials()
    seeds = sorted(set(table["seed"].to_pylist()))
    starts = [time for time in table["started_at"].to_pylist() if time is not None]
    ends = [time for time in table["ended_at"].to_pylist() if time is not None]
    by_trial = dict(
        zip(table["trial_id"].to_pylist(), table["wall_time_s"].to_pylist(), strict=True)
    )
    work = sum(time for time in by_trial.values() if time is not None)
    metric, region = run.objective
    facts = [("caution", PREVIEW)] if run.spec.get("preview") else []
    facts += [
        ("benchmark", str(named or NOTHING)),
        ("chosen by", f"validation {metric_of(metric).title}, {region}"),
        ("studies", str(len(run.studies))),
        (
            "seeds",
            ", ".join(map(str, seeds[:8]))
            + (f" and {len(seeds) - 8} more" if len(seeds) > 8 else ""),
        ),
        ("work", duration(work)),
    ]
    if starts and ends:
        facts.append(("first start", f"{min(starts):%Y-%m-%d %H:%M} UTC"))
        facts.append(("last end", f"{max(ends):%Y-%m-%d %H:%M} UTC"))
    return facts


def _missing_figures(run: Run) -> list[tuple[str, str]]:
    missing = without_any(run)
    return [] if missing is None else [("feature figures", missing)]


def _sessions(run: Run) -> list[dict[str, Any]]:
    """What ``provenance.json`` says, newest session first; whatever is missing is left out."""
    sessions = run.provenance.get("sessions")
    found = []
    listed = (
        [session for session in sessions if isinstance(session, Mapping)]
        if isinstance(sessions, list)
        else []
    )
    for number, session in enumerate(listed, start=1):
        if session:
            title = f"session {number} of {len(listed)}" if len(listed) > 1 else "one session"
            found.append({"title": title, "facts": list(_origin(session))})
    return found[::-1]


def _origin(session: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    def part(name: str) -> Mapping[str, Any]:
        value = session.get(name)
        return value if isinstance(value, Mapping) else {}

    git, hardware, versions = part("git"), part("hardware"), part("versions")
    yield "started", _moment(session.get("started_at"), NOTHING)
    yield "ended", _moment(session.get("ended_at"), "not recorded: still running, or broken off")
    yield "command", str(session.get("command") or NOTHING)
    yield "seeds", ", ".join(map(str, session.get("seeds") or [])) or NOTHING
    if git:
        yield (
            "code",
            f"{git.get('revision', NOTHING)}{' with uncommitted changes' if git.get('dirty') else ''}",
        )
    if hardware:
        gpus = ", ".join(
            str(gpu.get("name")) for gpu in hardware.get("gpus") or [] if isinstance(gpu, Mapping)
        )
        yield "machine", f"{hardware.get('host', NOTHING)}, {hardware.get('system', NOTHING)}"
        yield (
            "hardware",
            (
                f"{gpus or 'no GPU'}; {hardware.get('num_cpus', '?')} CPUs ({hardware.get('cpu', '?')}), "
                f"{hardware.get('memory_mib', '?')} MiB"
            ),
        )
    if versions:
        yield "versions", ", ".join(f"{name} {version}" for name, version in versions.items())


def _moment(text: Any, absent: str) -> str:
    """``2026-01-02 03:04:05 UTC``; what is no time stays as it is."""
    if not text:
        return absent
    try:
        return f"{datetime.fromisoformat(str(text)).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    except ValueError:
        return str(text)


# ---- all studies


def _summary(run: Run) -> Summary | None:
    """What techniques do over all planned studies, and what each study chose; None where nothing is
    to be said.
    """
    tables = [
        table for table in (_of_effects(effects_of_run(run)), _chosen(run)) if table is not None
    ]
    return Summary(claims_of_run(run), tables) if tables else None


def _chosen(run: Run) -> Grid | None:
    """What validation chose in each planned study, with the test figures that belong to it; None
    for a single one.
    """
    objective = objective_column(run.objective)
    best = {
        study: best_point(points_of(run, study), objective)
        for study in run.studies
        if not searched(run, study)
    }
    chosen = {study: point for study, point in best.items() if point is not None}
    if len(chosen) < 2:
        return None
    there = {column for point in chosen.values() for column in point.metrics}
    tested = [MetricColumn("test", objective.metric, region) for region in REGIONS]
    metrics = [objective, *(column for column in tested if column.name in there)]
    places = {
        column: decimals(
            [p.metrics[column.name].mean for p in chosen.values() if column.name in p.metrics]
        )
        for column in metrics
    }
    rows = []
    for study, point in chosen.items():
        ends = _intervals(run, study, objective.metric, {point.index})
        cells = [
            _spread(
                point.metrics.get(column.name),
                places[column],
                "",
                ends.get((point.index, column.region)) if column.split == "test" else None,
            )
            for column in metrics
        ]
        rows.append(Row([Cell(study, classes="text"), Cell(point.label, classes="text"), *cells]))
    columns = [
        Column("study", text=True),
        Column("point", text=True),
        *(Column(_title(column)) for column in metrics),
    ]
    notes = [
        f"of each study's points the best by validation {metric_of(objective.metric).title}; mean ± deviation over "
        "seeds, in square brackets 95 % intervals"
    ]
    return Grid("What validation chose", columns, rows, notes)


# ---- one study


def _study(run: Run, study: str, number: int, figures: bool) -> Study:
    name = f"study-{number}-{re.sub(r'[^A-Za-z0-9]+', '-', study).strip('-').lower()}"
    points = points_of(run, study)
    complete = [point for point in points if not point.preliminary]
    tables = [
        table
        for table in (
            _effects(run, study),
            _differences(run, study),
            _importances(run, study) if complete else None,
            _main_effects(run, study) if complete else None,
            _interactions(run, study) if complete else None,
            _verdicts(run, study),
            _failures(points),
        )
        if table is not None and table.rows
    ]
    kind = "search" if searched(run, study) else "planned"
    said = [replace(claim, text=below_its_study(claim)) for claim in claims(run, [study])]
    # single points against the base: many, and in the table of differences as well
    first = [claim for claim in said if claim.kind != "difference"]
    return Study(
        id=name,
        name=study,
        kind=f"{kind}, {len(points)} point{'s' if len(points) != 1 else ''}",
        claims=first,
        more_claims=[claim for claim in said if claim.kind == "difference"],
        points=_points(run, study, points),
        tables=tables,
        figures=_figures(run, study, name) if figures else [],
    )


def _figures(run: Run, study: str, name: str) -> list[Drawing]:
    from markupsafe import Markup

    found = []
    for plot in plots():
        numbers = plot.numbers(run, study)
        if numbers is not None:
            figure = plot.draw(numbers)
            svg = inline_svg(figure, f"{name}-{plot.name}")
            found.append(Drawing(plot.name, Markup(svg), wide=figure.get_figwidth() > WIDE))
    return found


def _points(run: Run, study: str, points: list[PointSummary]) -> Grid:
    objective = aims_of(run, study).objective
    best = best_point(points, objective)
    shown = set(points_with_test_figures(run, study))
    ends = _intervals(run, study, objective.metric, shown)
    headline = [
        objective,
        *(MetricColumn("test", objective.metric, region) for region in REGIONS),
    ]
    there = {column for point in points for column in point.metrics}
    aims = aims_of(run, study)
    also = [column for column in aims.objectives if column != objective]
    others = [column for column in metric_columns(there) if column not in (*headline, *also)]
    metrics = [
        column for column in (objective, *also, *headline[1:]) if column.name in there
    ] + others
    places = {
        column: decimals([p.metrics[column.name].mean for p in points if column.name in p.metrics])
        for column in metrics
    }
    columns = [Column("point", text=True), Column("seeds", hint="behind the figures")]
    columns += [Column(_title(column), more=column in others) for column in metrics]
    points = sorted_by_objective(points, objective) if searched(run, study) else points
    extra = standing_columns(points, aims)
    if any(point.notes for point in points):
        extra.append(TextColumn("note", [notes_of(point) for point in points]))
    columns += [Column(column.title, text=True) for column in extra]
    columns += [Column("time\nper trial"), Column("not complete", text=True)]
    rows = []
    for number, point in enumerate(points):
        chosen = best is not None and point.index == best.index
        cells = [
            Cell(f"{STAR} {point.label}" if chosen else point.label, classes="text"),
            Cell(str(point.num_seeds), point.num_seeds),
        ]
        for column in metrics:
            classes = "more" if column in others else ""
            if column.split == "test" and point.index not in shown and not point.preliminary:
                cells.append(Cell(HIDDEN, classes=classes))
            else:
                interval = (
                    ends.get((point.index, column.region)) if column in headline[1:] else None
                )
                cells.append(
                    _spread(point.metrics.get(column.name), places[column], classes, interval)
                )
        cells += [Cell(column.cells[number], classes="text") for column in extra]
        cells.append(Cell(duration(point.wall_time_s), point.wall_time_s))
        cells.append(Cell(_remarks(point), classes="text"))
        rows.append(Row(cells, "best" if chosen else ("dim" if point.preliminary else "")))
    if not any(row.cells[-1].text for row in rows):
        columns, rows = columns[:-1], [Row(row.cells[:-1], row.mark) for row in rows]
    return Grid(
        "points",
        columns,
        rows,
        [*_notes(points, shown, ends, best, objective), *standing(points, aims)],
    )


def _title(column: MetricColumn) -> str:
    return f"{column.split} {metric_of(column.metric).title}\n{column.region}"


def _intervals(
    run: Run, study: str, metric: str, shown: set[int]
) -> dict[tuple[int, str], Interval]:
    return {
        (item.point, column.region): item
        for column in columns_of(run, metric=metric)
        for item in (intervals(run, study, column, points=shown) if shown else [])
    }


def _spread(spread: Spread | None, places: int, classes: str, interval: Interval | None) -> Cell:
    if spread is None:
        return Cell(NOTHING, classes=classes)
    deviation = "" if spread.deviation is None else f" ± {spread.deviation:.{places}f}"
    small = (
        ""
        if interval is None or interval.low is None
        else f"[{interval.low:.{places}f}, {interval.high:.{places}f}]"
    )
    return Cell(f"{spread.mean:.{places}f}{deviation}", _finite(spread.mean), small, classes)


def _finite(value: float | None) -> float | None:
    return float(f"{value:.7g}") if value is not None and math.isfinite(value) else None


def _remarks(point: PointSummary) -> str:
    return ", ".join(
        f"{count} {status}" for status, count in point.statuses.items() if status != "complete"
    )


def _notes(
    points: list[PointSummary],
    shown: set[int],
    ends: Mapping[tuple[int, str], Interval],
    best: PointSummary | None,
    objective: MetricColumn,
) -> list[str]:
    direction = "higher" if objective.higher_is_better else "lower"
    title = f"validation {metric_of(objective.metric).title} ({objective.region}), {direction} is better"
    notes = [
        f"{STAR} best by {title}"
        if best is not None
        else f"no complete point yet; chosen by {title}"
    ]
    if any(point.num_seeds > 1 for point in points):
        notes.append("mean ± sample standard deviation over seeds")
    elif points:
        notes.append("one seed per point: no deviation, differences may be noise")
    bases = {item.basis for item in ends.values() if item.low is not None}
    if bases:
        notes.append(f"in square brackets: 95 % intervals over {' or '.join(sorted(bases))}")
    if len(shown) < sum(not point.preliminary for point in points):
        notes.append(
            f"{HIDDEN} test figures of points that validation did not choose are not shown; "
            f"{num_different(points)} configurations looked at"
        )
    return notes


# ---- differences, importance, published numbers, failures


def _effects(run: Run, study: str) -> Grid | None:
    return None if searched(run, study) else _of_effects(effects(run, study))


def _of_effects(every: Sequence[Effect]) -> Grid | None:
    found: dict[tuple[str, str], dict[str, Difference]] = {}
    pairs: dict[tuple[str, str], int] = {}
    for effect in every:
        key = effect.key, "" if effect.value is True else str(effect.value)
        found.setdefault(key, {})[effect.difference.region] = effect.difference
        pairs[key] = len(effect.pairs)
    names = {key: spelt(key[1] or key[0].rpartition(".")[2]) for key in found}
    titled = {
        f"{names[key]} ({num} pair{'s' if num > 1 else ''})": found[key]
        for key, num in pairs.items()
    }
    note = "mean over all pairs of points that differ in nothing else: with the technique minus without it"
    return _of_differences("What each technique does", "technique", titled, note)


def _differences(run: Run, study: str) -> Grid | None:
    baseline = baseline_of(run, study)
    if baseline is None:
        return None
    found: dict[str, dict[str, Difference]] = {}
    for item in differences(
        run, study, baseline.index, points=points_with_test_figures(run, study)
    ):
        found.setdefault(item.label, {})[item.region] = item
    return _of_differences(
        f"Differences to {baseline.label}", "point", found, "paired over the same seeds and samples"
    )


def _of_differences(
    title: str, first: str, found: Mapping[str, Mapping[str, Difference]], note: str
) -> Grid | None:
    items = [item for regions in found.values() for item in regions.values()]
    if not items:
        return None
    regions = [region for region in REGIONS if any(item.region == region for item in items)]
    metric = metric_of(items[0].metric).title
    columns = [
        Column(first, text=True),
        *(Column(f"test {metric}\n{region}") for region in regions),
    ]
    rows = [
        Row([Cell(label, classes="text"), *(_difference(by.get(region)) for region in regions)])
        for label, by in found.items()
    ]
    num = max(item.num_comparisons for item in items)
    how = (
        f"p-values corrected for {num} comparisons (Holm); coloured where separable"
        if num
        else ("no p-values from one seed")
    )
    return Grid(title, columns, rows, [note, how], open=len(rows) <= LONG)


def _difference(item: Difference | None) -> Cell:
    if item is None:
        return Cell(NOTHING)
    places, small = 2, ""
    if item.low is not None and item.high is not None:
        places = digits(item.low, item.high)
        small = (
            f"[{signed(item.low, places)}, {signed(item.high, places)}] {p_words(item.p_corrected)}"
        )
    classes = "" if not item.separable else ("good" if item.better else "bad")
    return Cell(signed(item.difference, places), _finite(item.difference), small, classes)


def _importances(run: Run, study: str) -> Grid | None:
    found = importances(run, study)
    rows = [
        Row(
            [
                Cell(item.key, classes="text"),
                *(
                    Cell(NOTHING if share is None else f"{share:.0%}", _finite(share))
                    for share in (item.ped_anova, item.fanova)
                ),
            ]
        )
        for item in found
    ]
    columns = [Column("key", text=True), Column("PED-ANOVA"), Column("fANOVA")]
    notes = [
        f"share of the objective's variance over {found[0].num_points} points" if found else ""
    ]
    return Grid("Which keys matter", columns, rows, notes, open=False)


def _main_effects(run: Run, study: str) -> Grid | None:
    found = main_effects(run, study)
    if not found:
        return None
    rows = []
    for item in found:
        low, high = item.interval.low, item.interval.high
        places = (
            decimals([item.interval.mean]) if low is None or high is None else digits(low, high)
        )
        small = "" if low is None or high is None else f"[{low:.{places}f}, {high:.{places}f}]"
        rows.append(
            Row(
                [
                    Cell(item.key, classes="text"),
                    Cell(item.level, classes="text"),
                    Cell(str(len(item.points)), len(item.points)),
                    Cell(f"{item.interval.mean:.{places}f}", _finite(item.interval.mean), small),
                ]
            )
        )
    title = f"val {metric_of(found[0].interval.metric).title} {found[0].interval.region}"
    columns = [
        Column("key", text=True),
        Column("value", text=True),
        Column("points"),
        Column(title),
    ]
    notes = [
        "mean over all points that have the value, whatever else they change; in square brackets 95 % intervals"
    ]
    return Grid("What each value does", columns, rows, notes, open=False)


def _interactions(run: Run, study: str) -> Grid | None:
    found = interactions(run, study)
    if not found:
        return None
    rows = [
        Row(
            [
                Cell(" × ".join(item.keys), classes="text"),
                Cell(f"{item.share:.0%}", _finite(item.share)),
            ]
        )
        for item in found
    ]
    how = {"grid": "from all combinations", "forest": "from a random forest"}[found[0].basis]
    notes = [
        f"share of the objective's variance that two keys explain together beyond what each does, {how}; "
        f"{found[0].num_points} points"
    ]
    return Grid(
        "Which keys act together",
        [Column("keys", text=True), Column("share")],
        rows,
        notes,
        open=False,
    )


def _verdicts(run: Run, study: str) -> Grid | None:
    found = verdicts(run, study)
    if not found:
        return None
    counts = Counter(item.verdict for item in found)
    rows = []
    for item in found[:MAX_VERDICTS]:
        places = len(item.printed.strip("()[] ").partition(".")[2])
        low = "" if item.low is None else f"[{item.low:.{places}f}, {item.high:.{places}f}]"
        rows.append(
            Row(
                [
                    Cell(f"{item.paper}/{item.table} {item.row}", classes="text"),
                    Cell(f"{metric_of(item.metric).title}, {item.region}", classes="text"),
                    Cell(item.printed, item.published),
                    Cell(f"{item.measured:.{places}f}", _finite(item.measured), low),
                    Cell(f"{item.difference:+.{places}f}", _finite(item.difference)),
                    Cell(item.verdict, classes="text"),
                    Cell(item.label, classes="text"),
                    Cell(verdict_note(item), classes="text"),
                ]
            )
        )
    columns = [
        Column(title, text=title not in ("published", "measured", "difference"))
        for title in (
            "published row",
            "metric",
            "published",
            "measured",
            "difference",
            "verdict",
            "point",
            "note",
        )
    ]
    notes = [", ".join(f"{count} {word}" for word, count in counts.items())]
    if len(found) > MAX_VERDICTS:
        notes.append(
            f"the first {MAX_VERDICTS} of {len(found)}; `dirsweep report --layout` shows a whole table"
        )
    return Grid("Published beside measured", columns, rows, notes, open=False)


def _failures(points: list[PointSummary]) -> Grid | None:
    rows = [
        Row(
            [
                Cell(point.label, classes="text"),
                Cell(str(seed), seed),
                Cell(reason, classes="text"),
                Cell(point.trial_ids[seed], classes="text"),
            ]
        )
        for point in points
        for seed, reason in point.errors.items()
    ]
    columns = [
        Column("point", text=True),
        Column("seed"),
        Column("reason", text=True),
        Column("trial", text=True),
    ]
    return Grid(f"Failed trials ({len(rows)})", columns, rows, open=len(rows) <= LONG)


# ---- layouts


def _layout(layout: Layout) -> Grid:
    marks = layout.marks()
    groups: list[tuple[str, int]] = [("", 1)]
    for metric, _, unit in layout.columns:
        title = heading(metric, unit)
        groups = (
            [*groups[:-1], (title, groups[-1][1] + 1)]
            if groups[-1][0] == title
            else [*groups, (title, 1)]
        )
    rows = []
    for number, row in enumerate(layout.rows):
        mark = f" {marks[row.differs]}" if row.differs in marks else ""
        cells = [Cell(row.label + mark, classes="text")]
        for cell in row.cells:
            deviation = "" if cell.deviation is None else f" ± {cell.deviation:.{cell.places}f}"
            classes = " ".join(("bold",) * cell.best_in_section + ("top",) * cell.best_in_column)
            published = f"({cell.published})" if cell.published else ""
            cells.append(Cell(cell.text + deviation, _finite(cell.value), published, classes))
        starts = number > 0 and row.section != layout.rows[number - 1].section
        rows.append(Row(cells, "rule" if starts else ""))
    columns = [Column("row", text=True), *(Column(region) for _, region, _ in layout.columns)]
    notes = [note.replace(f"{STAR}: best", "underlined: best") for note in layout.notes]
    return Grid(
        f"{layout.name} · {layout.title}", columns, rows, [*notes, "in brackets: published"], groups
    )
