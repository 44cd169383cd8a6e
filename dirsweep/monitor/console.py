"""Progress of a sweep while it runs: a live view on a terminal, plain lines elsewhere."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from dirsweep.domain import metric_of, plural
from dirsweep.monitor.standing import BestPoint, Standing
from dirsweep.report.number_format import MISSING, STAR, duration, figure
from dirsweep.terminal import PlainConsole

#: seconds between two progress lines where there is no terminal
LINE_EVERY_S = 30.0
#: columns of a terminal on which times are shortened
NARROW = 60
_SYNTHETIC = " SYNTHETIC DATA "
_STATE_STYLES = {
    "complete": "green",
    "pruned": "yellow",
    "failed": "bold red",
    "interrupted": "magenta",
    "stopped": "yellow",
}


@dataclass
class _Trial:
    study: str
    label: str
    seed: int
    epochs: int
    done: int = 0
    value: float | None = None
    best: float | None = None

    @property
    def name(self) -> str:
        return f"{self.study}: {self.label}, seed {self.seed}"

    @property
    def fraction(self) -> float:
        return min(1.0, self.done / max(1, self.epochs))


class SweepConsole:
    """Shows the progress of a sweep; safe to call from any thread.

    Args:
        objective: (metric, region) of the validation split by which points are chosen.
        console: where to write; stderr by default, so that a report on stdout can be piped.
        clock: seconds, for tests.
    """

    def __init__(
        self,
        *,
        objective: tuple[str, str] = ("mae", "all"),
        console: Console | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.console = console if console is not None else PlainConsole(stderr=True)
        self._metric, self._region = objective
        self._clock = clock
        self._lock = threading.RLock()
        self._name, self._synthetic = "", False
        self._running: dict[str, _Trial] = {}
        self._standing: Standing | None = None
        self._num_trained = 0
        self._began = self._last_line = clock()
        self._first_trial: float | None = None
        self._spinner = Spinner("line", Text("starting workers", style="dim"))
        self._live: Live | None = None

    # ---- events of the driver

    def start(self, name: str, synthetic: bool) -> None:
        """Begin to show a sweep."""
        with self._lock:
            self._name, self._synthetic = name, synthetic
            self._began = self._last_line = self._clock()
        if self.console.is_terminal and not self.console.is_dumb_terminal:
            self._live = Live(
                get_renderable=self._view,
                console=self.console,
                refresh_per_second=4,
                vertical_overflow="crop",
            )
            self._live.start()
        else:
            self._line(f"{name}{' on SYNTHETIC DATA' if synthetic else ''}")

    def standing(self, standing: Standing) -> None:
        """Show how the run stands."""
        with self._lock:
            is_first, self._standing = self._standing is None, standing
        if is_first and self._live is None:
            ended = _listed(standing.ended)
            before = f"; ended before: {ended}" if ended else ""
            self._line(plural(standing.total, "trial") + before)

    def trial_started(self, trial_id: str, study: str, label: str, seed: int, epochs: int) -> None:
        """Show that a trial starts or resumes."""
        with self._lock:
            if self._first_trial is None:
                self._first_trial = self._clock()
            trial = self._running[trial_id] = _Trial(study, label, seed, epochs)
        if self._live is None:
            self._line(f"started   {trial.name}  [{trial_id}]")

    def trial_epoch(self, trial_id: str, epoch: int, row: Mapping[str, Any]) -> None:
        """Show the results of an epoch, counted from 0."""
        with self._lock:
            trial = self._running.get(trial_id)
            if trial is None:
                return
            trial.done = epoch + 1
            value = _number(row.get(self._column))
            if value is not None:
                trial.value = value
                # of the current stage: the result of RRT is an epoch of its second one
                trial.best = _number(row.get("best_value"))
        self._line_now_and_then()

    def trial_ended(
        self, trial_id: str, status: str, error: str | None, metrics: Mapping[str, float | None]
    ) -> None:
        """Show that a trial ended."""
        with self._lock:
            trial = self._running.pop(trial_id, None)
            name = trial_id if trial is None else trial.name
            self._num_trained += 1
        if status == "failed":
            self._print(Text(f"failed    {name}: {error or 'no reason recorded'}", style="red"))
        elif self._live is None:
            self._line(f"{status:<9} {name}{self._result(metrics)}")
        self._line_now_and_then()

    def trial_reused(
        self, trial_id: str, name: str, source: str, metrics: Mapping[str, float | None]
    ) -> None:
        """Show that another run has trained a trial."""
        if self._live is None:
            self._line(f"reused    {name}{self._result(metrics)}  from {source}")

    def message(self, text: str) -> None:
        """Show a message."""
        self._print(Text(text))

    def stop(self) -> None:
        """Leave the last state on the screen; may be called twice."""
        live, self._live = self._live, None
        if live is not None:
            live.stop()
        elif self._first_trial is not None:
            self._first_trial = None
            self._line(self._progress())

    # ---- numbers

    @property
    def _column(self) -> str:
        return f"val_{self._metric}_{self._region}"

    @property
    def _metric_name(self) -> str:
        return metric_of(self._metric).title + ("" if self._region == "all" else f" {self._region}")

    @property
    def _mark(self) -> str:
        return " (synthetic)" if self._synthetic else ""

    def _result(self, metrics: Mapping[str, float | None]) -> str:
        value = _number(metrics.get(self._column))
        if value is None:
            return ""
        return f"  val {self._metric_name} {figure(value)}{self._mark}"

    def _remaining_s(self, standing: Standing) -> float | None:
        """Estimate the remaining time from this session's trials; None before the first epoch."""
        begun = sum(trial.fraction for trial in self._running.values())
        num_left = standing.total - standing.num_ended
        worked = self._num_trained + begun
        if self._first_trial is None or worked <= 0 or not num_left:
            return None
        return max(0.0, (num_left - begun) * (self._clock() - self._first_trial) / worked)

    # ---- plain lines

    def _line_now_and_then(self) -> None:
        if self._live is None and self._clock() - self._last_line >= LINE_EVERY_S:
            self._last_line = self._clock()
            self._line(self._progress())

    def _progress(self) -> str:
        with self._lock:
            standing = self._standing or Standing()
            parts = [
                f"{standing.num_ended} of {plural(standing.total, 'trial')} ended"
                + (f" ({_listed(standing.ended)})" if standing.num_ended else "")
            ]
            if self._running:
                parts.append(f"{len(self._running)} running")
            parts.append(self._times(standing, "; "))
            if standing.best is not None:
                value = f"{figure(standing.best.value)}{self._mark}"
                parts.append(f"best val {self._metric_name} {value}, {standing.best.name}")
        return "; ".join(parts)

    def _times(self, standing: Standing, between: str) -> str:
        times = f"{duration(self._clock() - self._began)} elapsed"
        remaining = self._remaining_s(standing)
        return times if remaining is None else f"{times}{between}about {duration(remaining)} left"

    def _line(self, text: str) -> None:
        self.console.print(Text(text), soft_wrap=True)

    def _print(self, text: Text) -> None:
        # above the live view, which draws itself again below
        self.console.print(text, soft_wrap=self._live is None)

    # ---- live view

    def _view(self) -> RenderableType:
        with self._lock:
            standing = self._standing or Standing()
            above: list[RenderableType] = [self._header(standing), self._overall(standing)]
            best = standing.best
            below: list[RenderableType] = [] if best is None else [Text(), *self._best_lines(best)]
            if not self._running:
                return Group(*above, *below)
            # lines wrap on a narrow terminal, so they are counted; one is left for the cursor
            taken = len(self.console.render_lines(Group(*above, Text(), *below), pad=False))
            return Group(
                *above, Text(), self._trials(max(1, self.console.height - 1 - taken)), *below
            )

    def _header(self, standing: Standing) -> RenderableType:
        left = Text()
        if self._synthetic:
            # in front: a narrow terminal cuts the name, never this
            left.append(_SYNTHETIC, style="bold black on yellow").append(" ")
        left.append(self._name, style="bold")
        grid = Table.grid(expand=True)
        mark = len(_SYNTHETIC) if self._synthetic else 0
        grid.add_column(ratio=1, min_width=mark, no_wrap=True, overflow="ellipsis")
        grid.add_column(justify="right", no_wrap=True, overflow="ellipsis")
        times = self._times(standing, ", ")
        if self.console.width < NARROW:
            times = times.replace(" elapsed", "").replace("about ", "")
        grid.add_row(left, Text(times, style="dim"))
        return grid

    def _overall(self, standing: Standing) -> RenderableType:
        # until its worker reports, a trial counts as waiting
        num_waiting = standing.total - standing.num_ended - len(self._running)
        counts = [
            (num, status, _STATE_STYLES.get(status, "")) for status, num in standing.ended.items()
        ]
        counts.append((len(self._running), "running", "cyan"))
        counts.append((max(0, num_waiting), "waiting", "dim"))
        states = Text()
        for num, status, style in counts:
            if num:
                states.append(" · " if states else "").append(f"{num} {status}", style=style)
        begun = sum(trial.fraction for trial in self._running.values())
        bar = ProgressBar(
            total=max(1, standing.total), completed=min(standing.num_ended + begun, standing.total)
        )
        grid = Table.grid(padding=(0, 1), expand=True)
        grid.add_column(no_wrap=True)
        grid.add_column(ratio=1)
        trials = "trial" if standing.total == 1 else "trials"
        grid.add_row(Text(f"{standing.num_ended}/{standing.total or '?'} {trials}"), bar)
        if self._first_trial is None and num_waiting:
            return Group(grid, states, self._spinner)
        return Group(grid, states)

    def _trials(self, room: int) -> RenderableType:
        wide = self.console.width >= 72
        grid = Table.grid(padding=(0, 1), expand=True)
        grid.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        grid.add_column(width=20 if wide else 8)
        grid.add_column(justify="right", no_wrap=True)
        grid.add_column(justify="right", no_wrap=True)
        shown = list(self._running.values())[
            : room if len(self._running) <= room else max(1, room - 1)
        ]
        for trial in shown:
            value = Text()
            if trial.value is not None and trial.best is not None:
                value.append(f"{metric_of(self._metric).title} {figure(trial.value)}")
                if wide:
                    value.append(f" best {figure(trial.best)}", style="dim")
            bar = ProgressBar(
                total=max(1, trial.epochs), completed=trial.done, complete_style="cyan"
            )
            grid.add_row(
                Text(trial.name), bar, Text(f"{trial.done}/{trial.epochs}", style="dim"), value
            )
        hidden = len(self._running) - len(shown)
        return Group(grid, Text(f"and {hidden} more running", style="dim")) if hidden else grid

    def _best_lines(self, best: BestPoint) -> list[RenderableType]:
        line = Text(f"{STAR} ", style="yellow")
        line.append(f"best so far{self._mark}: {best.name}", style="default")
        line.truncate(self.console.width, overflow="ellipsis")
        values = Text(f"  val {metric_of(self._metric).title}  ", style="dim")
        for region, value in best.regions.items():
            chosen = "bold default" if region == self._region else "default"
            values.append(f"{region} ", style="dim").append(
                MISSING if value is None else figure(value), style=chosen
            )
            values.append("  ")
        return [line, values]


def _listed(counts: Mapping[str, int]) -> str:
    """Return ``3 complete, 1 failed``."""
    return ", ".join(f"{num} {status}" for status, num in counts.items())


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None
