"""The head of the page: how the run ended, and its main facts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import datetime

from dirsweep.domain import metric_of, plural
from dirsweep.report.layout_tables import PREVIEW
from dirsweep.report.number_format import MISSING, duration
from dirsweep.report.region_notes import data_facts
from dirsweep.run.reader import Run
from dirsweep.run.tables import STATUSES, UNFINISHED

#: number of seeds listed
_MAX_SEEDS = 8


def run_state(run: Run) -> tuple[str, bool]:
    """Return how the run ended, in words, and whether something is wrong."""
    table = run.own_trials().select(["trial_id", "status"])
    status_of = dict(zip(*(column.to_pylist() for column in table.columns), strict=True))
    counts = dict.fromkeys((*STATUSES, UNFINISHED), 0)
    for status in status_of.values():
        counts[status] = counts.get(status, 0) + 1
    total = len(status_of)
    others = [
        f"{count} {status}" for status, count in counts.items() if count and status != "complete"
    ]
    if not others:
        trials = "its trial is" if total == 1 else f"all {total} trials"
        return f"finished: {trials} complete", False
    still_open = counts[UNFINISHED] + counts["interrupted"]
    state = "not finished" if still_open else "finished"
    complete = f"{counts['complete']} of {plural(total, 'trial')} complete"
    words = f"{state}: {complete}, {', '.join(others)}"
    return words, bool(still_open or counts["failed"])


def run_facts(run: Run) -> Iterator[tuple[str, str]]:
    """Yield the main facts as name and value."""
    table = run.own_trials()
    objective = run.manifest.objective
    if run.manifest.preview:
        yield "caution", PREVIEW
    yield "benchmark", run.manifest.benchmark.display_name or MISSING
    yield from data_facts(run)
    yield "selected by", f"validation {metric_of(objective.metric).title}, {objective.region}"
    yield "studies", str(len(run.studies))
    yield "seeds", _seeds(sorted(set(table["seed"].to_pylist())))
    yield "compute time", duration(_compute_time_s(run))
    starts = [time for time in table["started_at"].to_pylist() if time is not None]
    ends = [time for time in table["ended_at"].to_pylist() if time is not None]
    if starts and ends:
        yield "first start", _minute(min(starts))
        yield "last end", _minute(max(ends))


def _seeds(seeds: Sequence[int]) -> str:
    listed = ", ".join(map(str, seeds[:_MAX_SEEDS]))
    more = len(seeds) - _MAX_SEEDS
    return f"{listed} and {more} more" if more > 0 else listed


def _compute_time_s(run: Run) -> float:
    """Return the time of all trials; one that several studies share counts once."""
    table = run.own_trials()
    pairs = zip(table["trial_id"].to_pylist(), table["wall_time_s"].to_pylist(), strict=True)
    return math.fsum(time for time in dict(pairs).values() if time is not None)


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
