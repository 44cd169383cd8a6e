"""``dirsweep bench orchestration``: cost of a trial besides its training, against stock Ray Tune.

Every figure is taken in a process of its own that starts Ray with as many CPUs as workers. A trial
imports torch and sleeps; everything else is as in a sweep: sampler, ledger, the trial's folder,
tables. Stock is Ray Tune with its own OptunaSearch on the same space, with and without
``reuse_actors``.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from dirsweep.bench.orchestration_process import Workload, bench_sweep, run_timed
from dirsweep.run.folder import RunPaths

#: trials left out at the beginning of a long run, while Ray and its workers start
NUM_WARM_UP = 100
#: from this many trials on, a long run of trivial trials is measured
LONG_RUN = 200

#: opens a run's tables as a reader would
OPEN_RUN = """
import sys
from dirsweep.run.reader import open_run
run = open_run(sys.argv[1])
len(run.trials())
run.epochs()
"""


@dataclass(frozen=True)
class Figure:
    """One measured figure.

    Attributes:
        name: what was measured.
        value: in ``unit``.
        unit: s, ms, MiB, % or x (a ratio).
        target: what the value must stay below; None for no target.
        at_least: the target is what the value must reach.
    """

    name: str
    value: float
    unit: str
    target: float | None = None
    at_least: bool = False

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without one."""
        if self.target is None:
            return None
        return self.value >= self.target if self.at_least else self.value <= self.target


class Interval(NamedTuple):
    """Begin and end of a trial, seconds since the epoch, as its worker recorded them."""

    began: float
    ended: float


def run_bench(
    *,
    num_trials: int = 40,
    seconds: float = 0.2,
    workers: int = 2,
    plain: bool = True,
    sampler: str = "tpe",
    console: Console | None = None,
) -> list[Figure]:
    """Measure and print.

    Args:
        num_trials: from 200 on, a long run of trivial trials is measured instead, without stock
            Ray Tune that starts a process for each.
        seconds: duration of a trial, unless it is a long run.
        workers: trials at a time.
        plain: whether to include stock Ray Tune without ``reuse_actors`` (by far the slowest
            part); in a long run, stock Ray Tune with it.
        sampler: of a long run, ``tpe`` or ``random``.
        console: takes the table; None for standard output.

    Returns:
        The figures of the table.
    """
    console = console or Console()
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        workload = Workload(num_trials, f"{seconds:g}", workers)
        parts: list[Callable[[], list[Figure]]]
        if num_trials >= LONG_RUN:
            trivial = Workload(num_trials, "0", workers, sampler)
            parts = [partial(long_run, root / "long", trivial, stock=plain)]
        else:
            parts = [
                partial(first_trial, root / "first", workers=workers),
                partial(unequal_trials, root / "unequal", workers=workers),
                partial(compare, root / "compare", workload, plain=plain),
            ]
        with console.status("preparing the data"):
            _prepare(workload)
        for measure in parts:
            with console.status("measuring"):
                figures += measure()
    console.print(_table(figures))
    return figures


def _prepare(workload: Workload) -> None:
    """Derive the data beforehand: it is not part of what is measured."""
    from dirsweep.training.preparation import prepare

    prepare(bench_sweep(workload))


def compare(root: Path, workload: Workload, *, plain: bool) -> list[Figure]:
    """Compare our time with stock Ray Tune's.

    Args:
        root: takes the files.
        workload: what both run.
        plain: whether to include stock Ray Tune without ``reuse_actors``.

    Returns:
        Times and their ratios.
    """
    own = run_timed("ours", root, workload).seconds
    reuse = run_timed("stock_reuse", root, workload).seconds
    name = f"{workload.num_trials} trials of {workload.seconds} s, {workload.workers} at a time"
    figures = [
        Figure(name, own, "s"),
        Figure("  stock with reuse_actors", reuse, "s"),
        Figure("  ours over stock with reuse_actors", own / reuse, "x", 1.1),
    ]
    if plain:
        bare = run_timed("stock", root, workload).seconds
        figures += [
            Figure("  stock without", bare, "s"),
            Figure("  ours over stock without", own / bare, "x", 1 / 7),
        ]
    return figures


def first_trial(root: Path, *, workers: int, repeats: int = 3) -> list[Figure]:
    """Compare the time from the command to the first trial with Ray's own start.

    Args:
        root: takes the files.
        workers: trials at a time.
        repeats: how often both are measured, in turns; the shortest of each counts.

    Returns:
        Both times, and their ratio.
    """
    first_s, ready_s = [], []
    for turn in range(repeats):
        folder = root / f"{turn}"
        start = run_timed("start", folder, Workload(1, "0", workers))
        own = run_timed("ours", folder, Workload(workers, "0", workers))
        ready_s.append(start.report.ready_at - start.began_at)
        began_at = min(interval.began for interval in _intervals(own.folder))
        first_s.append(began_at - own.began_at)
    first, ready = min(first_s), min(ready_s)
    return [
        Figure(f"command to first trial, least of {repeats}", first, "s"),
        Figure("  Ray's own start and the import of torch", ready, "s"),
        Figure("  ours over that", first / ready, "x", 1.5),
    ]


def unequal_trials(
    root: Path, *, workers: int, num_trials: int = 60, seconds: str = "0.2-2.0"
) -> list[Figure]:
    """Measure how busy the workers are with trials of unequal duration."""
    own = run_timed("ours", root, Workload(num_trials, seconds, workers, "random"))
    busy = utilisation(_intervals(own.folder), workers)
    name = f"utilisation of {workers} workers, {num_trials} trials of {seconds} s"
    return [Figure(name, 100 * busy, "%", 95, at_least=True)]


def long_run(root: Path, workload: Workload, *, stock: bool) -> list[Figure]:
    """Measure a run of thousands of trivial trials, its resumption and its tables.

    Args:
        root: takes the files.
        workload: the trials.
        stock: whether to compare with stock Ray Tune with ``reuse_actors``.

    Returns:
        Times at the start and at the end, memory, time to resume and to open the run.
    """
    own = run_timed("ours", root, workload)
    figures = [
        Figure(
            f"{workload.num_trials} trivial trials, sampler {workload.sampler}", own.seconds, "s"
        ),
        *_growth(_intervals(own.folder), own.report.memory_mib),
    ]
    again = run_timed("ours", root, workload)
    figures.append(Figure("  resuming it, and collecting its tables", again.seconds, "s", 10))
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", OPEN_RUN, str(own.folder)], check=True)
    figures.append(Figure("  opening it", time.monotonic() - began, "s", 10))
    if stock:
        reuse = run_timed("stock_reuse", root, workload).seconds
        figures += [
            Figure("  stock with reuse_actors", reuse, "s"),
            Figure("  ours over stock with reuse_actors", own.seconds / reuse, "x", 1.0),
        ]
    return figures


def _growth(intervals: list[Interval], memory_mib: list[float]) -> list[Figure]:
    """Compare the end of a long run with its start."""
    num_trials = len(intervals)
    part, first = max(1, num_trials // 10), min(NUM_WARM_UP, num_trials // 10)
    early = seconds_per_trial(intervals, first, first + part)
    late = seconds_per_trial(intervals, -part - 1, -1)
    return [
        Figure("  a trial at the start", 1000 * early, "ms"),
        Figure("  a trial at the end", 1000 * late, "ms"),
        Figure("  end over start", late / early, "x", 1.2),
        Figure("  growth of the driver's memory", memory_mib[-1] - memory_mib[first], "MiB", 200),
    ]


def utilisation(intervals: list[Interval], workers: int) -> float:
    """Return the share of the workers' time in which trials ran.

    The time is that from the first trial's beginning to the last one's end.
    """
    span = max(one.ended for one in intervals) - min(one.began for one in intervals)
    return sum(one.ended - one.began for one in intervals) / (workers * span)


def seconds_per_trial(intervals: list[Interval], first: int, last: int) -> float:
    """Return the mean time between two ends, from trial ``first`` to trial ``last``."""
    return (intervals[last].ended - intervals[first].ended) / (last - first)


def _intervals(folder: Path) -> list[Interval]:
    """Return when the trials of a run began and ended, in the order of their ends."""
    paths = RunPaths(folder)
    intervals = []
    for trial_id in paths.begun_trials():
        outcome = paths.trial(trial_id).outcome.read_json()
        if outcome is not None:
            began, ended = (_timestamp(outcome[key]) for key in ("started_at", "ended_at"))
            intervals.append(Interval(began, ended))
    return sorted(intervals, key=lambda interval: interval.ended)


def _timestamp(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _table(figures: list[Figure]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("")
    table.add_column("measured", justify="right")
    table.add_column("target", justify="right")
    table.add_column("")
    verdicts = {None: "", True: "[green]met[/]", False: "[bold red]missed[/]"}
    for figure in figures:
        measured = f"{figure.value:.3g} {figure.unit}"
        table.add_row(figure.name, measured, _target_text(figure), verdicts[figure.met])
    return table


def _target_text(figure: Figure) -> str:
    if figure.target is None:
        return ""
    return f"{'>=' if figure.at_least else '<='} {figure.target:.3g} {figure.unit}"
