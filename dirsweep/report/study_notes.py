"""Notes below the table of a study: selection, seeds, failures."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from dirsweep.analysis.summaries import PointSummary, num_different
from dirsweep.domain import metric_columns, metric_of, plural
from dirsweep.report.objective_columns import criterion
from dirsweep.report.study_rows import StudyRows
from dirsweep.report.study_signs import sign_notes
from dirsweep.report.table import Mark, Note
from dirsweep.run.tables import STATUSES, UNFINISHED

#: number of failures described below the table
MAX_FAILURES = 3


def study_notes(rows: StudyRows, marks: Collection[Mark]) -> Iterator[Note]:
    """Yield what is to be known about marks, selection, seeds and failures.

    Args:
        rows: what the table is built from.
        marks: of its cells.
    """
    yield _selection(rows)
    if Mark.BEST_OF_SECTION in marks:
        yield Note("best of its column", Mark.BEST_OF_SECTION)
    yield from sign_notes(rows.signs, rows.name(rows.signs.baseline), marks)
    yield from _withheld(rows)
    yield from _undefined(rows)
    yield from _seeds(rows)
    yield from _intervals(rows)
    yield from _starts(rows)
    if len(rows.points) < len(rows.every) - rows.num_untested:
        total = plural(len(rows.every), "point")
        text = f"the best {len(rows.points)} of {total} (--format csv lists all)"
        yield Note(text)
    if rows.num_untested:
        left_out = plural(rows.num_untested, "point")
        yield Note(f"{left_out} without test results left out (--validation shows them)")
    if rows.detailed:
        return  # a page has a table of failures
    if any(point.preliminary and point.num_seeds for point in rows.points):
        yield Note(
            "rows without test results: every seed was pruned or stopped early (validation only)"
        )
    yield from _failures(rows)


def retry_note(point: PointSummary) -> str:
    """Return why some of the point's trials were tried again."""
    seeds_of: dict[str, list[int]] = {}
    for seed, note in point.notes.items():
        seeds_of.setdefault(note, []).append(seed)
    if point.notes.keys() == point.trial_ids.keys() and len(seeds_of) == 1:
        return next(iter(seeds_of))
    return "; ".join(
        f"seed {', '.join(map(str, seeds))}: {note}" for note, seeds in seeds_of.items()
    )


def incomplete_trials(point: PointSummary) -> str:
    """Return ``1 failed, 2 pruned``: how many trials of the point are not complete."""
    return ", ".join(
        f"{point.statuses[status]} {status}"
        for status in (*STATUSES, UNFINISHED)
        if status in point.statuses and status != "complete"
    )


def _selection(rows: StudyRows) -> Note:
    column = criterion(rows.objective)
    if rows.best is None:
        return Note(f"no complete point yet; validation will choose the {column}")
    among = " among the feasible points" if rows.facts.constraints and rows.best.feasible else ""
    return Note(f"chosen by validation: {column}{among}", mark=Mark.CHOSEN)


def _withheld(rows: StudyRows) -> Iterator[Note]:
    """Say of how many configurations a search chose, and which test results it shows."""
    evaluated = f"{plural(num_different(rows.every), 'configuration')} evaluated"
    if rows.withheld:
        yield Note(f"test result withheld: not chosen on validation ({evaluated})", Mark.WITHHELD)
    elif rows.facts.searched and not rows.detailed:
        yield Note(
            f"{evaluated}; test results only of the point chosen on validation and of the base"
            " (`dirsweep export` writes all)"
        )


def _undefined(rows: StudyRows) -> Iterator[Note]:
    """Say for which points a metric has no mean, because it is undefined in some seeds."""
    notes = [
        Note(
            f"{rows.name(point.label)}: {', '.join(titles)} undefined in {len(seeds)} of "
            f"{plural(point.num_seeds, 'seed')} (constant predictions), the worst result there is",
            error=True,
        )
        for point in rows.points
        for seeds, titles in _undefined_metrics(point).items()
    ]
    yield from notes[:MAX_FAILURES]
    if len(notes) > MAX_FAILURES:
        rest = plural(len(notes) - MAX_FAILURES, "more point")
        yield Note(f"{rest} with undefined metrics", error=True)


def _undefined_metrics(point: PointSummary) -> dict[tuple[int, ...], list[str]]:
    """Seeds -> titles of the metrics that are undefined for them in some region or split."""
    seeds_of: dict[str, set[int]] = {}
    for column in metric_columns(point.undefined):
        title = metric_of(column.metric).title
        seeds_of.setdefault(title, set()).update(point.undefined[column.name])
    found: dict[tuple[int, ...], list[str]] = {}
    for title, seeds in seeds_of.items():
        found.setdefault(tuple(sorted(seeds)), []).append(title)
    return found


def _seeds(rows: StudyRows) -> Iterator[Note]:
    counts = {point.num_seeds for point in rows.points}
    if any(count > 1 for count in counts):
        over = plural(counts.pop(), "seed") if len(counts) == 1 else "the seeds of each point"
        yield Note(f"mean ± sample standard deviation over {over}")
    elif counts == {1}:
        yield Note("one seed per point: no standard deviation; differences may be noise")


def _intervals(rows: StudyRows) -> Iterator[Note]:
    if rows.interval_bases:
        yield Note(f"in square brackets: 95 % intervals over {' or '.join(rows.interval_bases)}")


def _starts(rows: StudyRows) -> Iterator[Note]:
    """Say which points start from stored weights: their times leave out what came before."""
    names = [rows.name(point.label) for point in rows.points if point.started_from]
    if not names:
        return
    which = f"{plural(len(names), 'point')} start"
    if len(names) == len(rows.points):
        which = "every point starts"
    elif len(names) == 1:
        which = f"{names[0]} starts"
    yield Note(
        f"{which} from the stored weights of other trials (trials.arrow: started_from); epochs and "
        "times are those after that"
    )


def _failures(rows: StudyRows) -> Iterator[Note]:
    failures = [
        Note(f"failed: {rows.name(point.label)}, seed {seed}: {reason}", error=True)
        for point in rows.points
        for seed, reason in point.errors.items()
    ]
    yield from failures[:MAX_FAILURES]
    rest = len(failures) - MAX_FAILURES
    if rest > 0:
        yield Note(f"{plural(rest, 'more failure')}; trials.arrow lists every reason", error=True)
