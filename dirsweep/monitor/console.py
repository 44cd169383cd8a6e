"""Progress of a sweep while it runs: a live view on a terminal, plain lines elsewhere."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from dirsweep.domain import REGIONS, Region, metric_of
from dirsweep.report.number_format import STAR, decimals, duration, plural
from dirsweep.run.tables import STATUSES
from dirsweep.terminal import PlainConsole

#: seconds between two progress lines where there is no terminal
LINE_EVERY_S = 30.0
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


@dataclass
class _Best:
    value: float
    trial: _Trial
    regions: dict[Region, float | None] = field(default_factory=dict)


class SweepConsole:
    """Shows the progress of a sweep; safe to call from any thread.

    Args:
        objective: (metric, region) of the validation split by which "best" is meant.
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
        self._higher = metric_of(self._metric).higher_is_better
        self._clock = clock
        self._lock = threading.RLock()
        self._name, self._synthetic, self._num_trials = "", False, 0
        self._running: dict[str, _Trial] = {}
        self._ended: Counter[str] = Counter()
        self._earlier = 0
        self._best: _Best | None = None
        self._began = self._last_line = clock()
        self._first_trial: float | None = None
        self._live: Live | None = None

    # ---- events of the driver

    def start(self, total: int, name: str, synthetic: bool) -> None:
        """Begin to show a sweep of ``total`` trials, known so far."""
        with self._lock:
            self._num_trials, self._name, self._synthetic = total, name, synthetic
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
            what = " on SYNTHETIC DATA" if synthetic else ""
            self._line(f"{name}{what}" + (f": {plural(total, 'trial')}" if total else ""))

    def total(self, num_trials: int) -> None:
        """Set the number of trials, those of earlier sessions included."""
        with self._lock:
            self._num_trials = num_trials

    def earlier(self, statuses: Mapping[str, int]) -> None:
        """Set the number of trials by status before this session; other keys are ignored."""
        with self._lock:
            found = {status: num for status, num in statuses.items() if status in STATUSES and num}
            self._ended.update(found)
            self._earlier = sum(found.values())
        if found and self._live is None:
            self._line(
                "ended before: " + ", ".join(f"{num} {status}" for status, num in found.items())
            )

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
            value = _number(row.get(f"val_{self._metric}_{self._region}"))
            if value is not None:
                trial.value = value
                if trial.best is None or self._better(value, trial.best):
                    trial.best = value
                self._consider(trial, value, row)
        self._line_now_and_then()

    def trial_ended(
        self, trial_id: str, status: str, error: str | None, metrics: Mapping[str, float | None]
    ) -> None:
        """Show that a trial ended."""
        with self._lock:
            trial = self._running.pop(trial_id, None) or _Trial("", trial_id, 0, 1)
            self._ended[status] += 1
            value = _number(metrics.get(f"val_{self._metric}_{self._region}"))
            if value is not None:
                self._consider(trial, value, metrics)
        if status == "failed":
            self._print(
                Text(f"failed    {trial.name}: {error or 'no reason recorded'}", style="red")
            )
        elif self._live is None:
            result = (
                ""
                if value is None
                else f"  val {self._metric_name} {self._figure(value)}{self._mark}"
            )
            self._line(f"{status:<9} {trial.name}{result}")
        self._line_now_and_then()

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
    def _metric_name(self) -> str:
        return metric_of(self._metric).title + ("" if self._region == "all" else f" {self._region}")

    @property
    def _mark(self) -> str:
        return " (synthetic)" if self._synthetic else ""

    def _better(self, value: float, other: float) -> bool:
        return value > other if self._higher else value < other

    def _consider(self, trial: _Trial, value: float, found: Mapping[str, Any]) -> None:
        if self._best is None or self._better(value, self._best.value):
            regions = {
                region: _number(found.get(f"val_{self._metric}_{region}"))
                for region in REGIONS
                if region != "zero" or f"val_{self._metric}_zero" in found
            }
            self._best = _Best(value, trial, regions)

    def _remaining_s(self) -> float | None:
        """Estimate the remaining time from this session's trials; None before the first epoch."""
        if self._first_trial is None:
            return None
        begun = sum(trial.fraction for trial in self._running.values())
        ended = sum(self._ended.values())
        worked = ended - self._earlier + begun
        if worked <= 0:
            return None
        return max(
            0.0, (self._num_trials - ended - begun) * (self._clock() - self._first_trial) / worked
        )

    @staticmethod
    def _figure(value: float) -> str:
        return f"{value:.{max(3, decimals([value]))}f}"

    # ---- plain lines

    def _line_now_and_then(self) -> None:
        if self._live is None and self._clock() - self._last_line >= LINE_EVERY_S:
            self._last_line = self._clock()
            self._line(self._progress())

    def _progress(self) -> str:
        with self._lock:
            ended = sum(self._ended.values())
            states = ", ".join(f"{num} {status}" for status, num in self._ended.items() if num)
            parts = [
                f"{ended} of {plural(self._num_trials, 'trial')} ended"
                + (f" ({states})" if states else "")
            ]
            if self._running:
                parts.append(f"{len(self._running)} running")
            parts.append(f"{duration(self._clock() - self._began)} elapsed")
            remaining = self._remaining_s()
            if remaining is not None and ended < self._num_trials:
                parts.append(f"about {duration(remaining)} left")
            if self._best is not None:
                best = self._best
                value = f"{self._figure(best.value)}{self._mark}"
                parts.append(f"best val {self._metric_name} {value}, {best.trial.name}")
        return "; ".join(parts)

    def _line(self, text: str) -> None:
        self.console.print(Text(text), soft_wrap=True)

    def _print(self, text: Text) -> None:
        # above the live view, which draws itself again below
        self.console.print(text, soft_wrap=self._live is None)

    # ---- live view

    def _view(self) -> RenderableType:
        with self._lock:
            above: list[RenderableType] = [self._header(), self._overall()]
            below: list[RenderableType] = (
                [] if self._best is None else [Text(), *self._best_lines(self._best)]
            )
            if not self._running:
                return Group(*above, *below)
            # lines wrap on a narrow terminal, so they are counted; one is left for the cursor
            taken = len(self.console.render_lines(Group(*above, Text(), *below), pad=False))
            return Group(
                *above, Text(), self._trials(max(1, self.console.height - 1 - taken)), *below
            )

    def _header(self) -> RenderableType:
        left = Text()
        if self._synthetic:
            # in front: a narrow terminal cuts the name, never this
            left.append(" SYNTHETIC DATA ", style="bold black on yellow").append(" ")
        left.append(self._name, style="bold")
        remaining = self._remaining_s()
        ended = sum(self._ended.values())
        times = f"{duration(self._clock() - self._began)} elapsed"
        if remaining is not None and ended < self._num_trials:
            times += f", about {duration(remaining)} left"
        grid = Table.grid(expand=True)
        grid.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        grid.add_column(justify="right", no_wrap=True)
        grid.add_row(left, Text(times, style="dim"))
        return grid

    def _overall(self) -> RenderableType:
        ended = sum(self._ended.values())
        states = Text()
        counts = [
            (num, status, _STATE_STYLES.get(status, ""))
            for status, num in self._ended.items()
            if num
        ]
        counts.append((len(self._running), "running", "cyan"))
        counts.append((max(0, self._num_trials - ended - len(self._running)), "waiting", "dim"))
        for num, status, style in counts:
            if num:
                states.append(" · " if states else "").append(f"{num} {status}", style=style)
        grid = Table.grid(padding=(0, 1), expand=True)
        grid.add_column(no_wrap=True)
        grid.add_column(ratio=1)
        begun = sum(trial.fraction for trial in self._running.values())
        bar = ProgressBar(
            total=max(1, self._num_trials), completed=min(ended + begun, self._num_trials)
        )
        trials = "trial" if self._num_trials == 1 else "trials"
        grid.add_row(Text(f"{ended}/{self._num_trials or '?'} {trials}"), bar)
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
                value.append(f"{metric_of(self._metric).title} {self._figure(trial.value)}")
                if wide:
                    value.append(f" best {self._figure(trial.best)}", style="dim")
            bar = ProgressBar(
                total=max(1, trial.epochs), completed=trial.done, complete_style="cyan"
            )
            grid.add_row(
                Text(trial.name), bar, Text(f"{trial.done}/{trial.epochs}", style="dim"), value
            )
        hidden = len(self._running) - len(shown)
        return Group(grid, Text(f"and {hidden} more running", style="dim")) if hidden else grid

    def _best_lines(self, best: _Best) -> list[RenderableType]:
        line = Text(f"{STAR} ", style="yellow")
        line.append(f"best so far{self._mark}: {best.trial.name}", style="default")
        line.truncate(self.console.width, overflow="ellipsis")
        values = Text(f"  val {metric_of(self._metric).title}  ", style="dim")
        for region, value in best.regions.items():
            chosen = "bold default" if region == self._region else "default"
            values.append(f"{region} ", style="dim").append(
                "–" if value is None else self._figure(value), style=chosen
            )
            values.append("  ")
        return [line, values]


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None
