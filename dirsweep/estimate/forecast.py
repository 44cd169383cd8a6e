"""``dirsweep plan --probe``: what a run would take, in words."""

from __future__ import annotations

import os

import torch
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from dirsweep.config.sweep import SweepSpec
from dirsweep.estimate.cost_model import Prices
from dirsweep.estimate.probe import Forecast, forecast, probe

#: differences of an epoch below this share of the base's are not shown, even where timings agree
#: better
LEAST_SHOWN = 0.03


def print_forecast(spec: SweepSpec, console: Console, cache: str | None = None) -> Forecast:
    """Probe, and say what the run would take, why, and whether its budget allows it."""
    columns = (
        TextColumn("probing"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.description}"),
    )
    bars = Console(stderr=True)
    with Progress(*columns, console=bars, disable=not bars.is_terminal, transient=True) as bar:
        task = bar.add_task("", total=None, visible=False)
        prices, plan = probe(
            spec,
            cache,
            progress=lambda done, total, what: bar.update(
                task, completed=done, total=total, description=what, visible=total > 2
            ),
        )
    found = forecast(
        spec, plan, prices, num_cpus=os.cpu_count() or 1, num_gpus=torch.cuda.device_count()
    )
    for line in (_base_line(spec, prices), _forecast_line(found)):
        console.print(line, highlight=False, soft_wrap=True)
    for line in found.beyond(spec):
        console.print(f"[bold red]beyond the budget[/]: {line}", highlight=False)
    _print_prices(prices, console)
    return found


def _base_line(spec: SweepSpec, prices: Prices) -> str:
    pace, epochs = prices.base, prices.length.epochs + prices.length.later
    epoch_s = pace.epoch_s + pace.val_s / spec.base_config.validate_every
    return (
        f"probe on this machine's {'GPU' if torch.cuda.is_available() else 'CPU'}: {1000 * pace.step_s:.3g} ms a step, "
        f"{_span(epoch_s)} an epoch, {_span(pace.trial_s(prices.length))} a trial of {epochs} epochs"
    )


def _forecast_line(found: Forecast) -> str:
    cost = "" if found.money is None else f", {found.money:.2f} money"
    gpu_hours = f", {found.gpu_hours:.3g} GPU-hours" if found.gpu_hours else ""
    return (
        f"forecast: {found.trials} trials take {found.cpu_hours:.3g} CPU-hours{gpu_hours}{cost}, "
        f"{_span(3600 * found.wall_hours)} here, {found.at_a_time} at a time (early ends and racing left out)"
    )


def _print_prices(prices: Prices, console: Console) -> None:
    """What each difference from the base adds to an epoch, and what stays open."""
    if prices.timed:
        assert prices.noise is not None
        shown_above = max(LEAST_SHOWN, prices.noise)
        table = Table(box=None, header_style="bold", pad_edge=False)
        table.add_column("differs from the base", overflow="fold")
        table.add_column("an epoch takes", justify="right", no_wrap=True)
        little = []
        for names, epoch, later in sorted(_shares(prices), key=lambda share: -share[1]):
            if abs(epoch) < shown_above and not later:
                little.append(names)
                continue
            more = f"{100 * epoch:+.0f} %" if abs(epoch) >= shown_above else "as the base's"
            table.add_row(
                names, more + (f", of later stages {100 * later:.0f} % of it" if later else "")
            )
        if table.row_count:
            console.print(table)
        line = f"timed apart from the base: {len(prices.timed)} kinds of trials, the others made up of them; "
        line += f"timings of the base differ by {100 * prices.noise:.1f} %"
        if little:
            line += f"; below {100 * shown_above:.0f} %: {', '.join(little)}"
        console.print(line, highlight=False, soft_wrap=True)
    lines = [
        f"[yellow]cannot be trained[/]: {', '.join(sorted(kind))}: {escape(error)}"
        for kind, error in prices.failed
    ]
    if prices.untimed:
        most, names = len(prices.timed) + len(prices.failed), ", ".join(prices.untimed)
        lines.append(
            f"[yellow]not timed[/], for {most} kinds of trials are the most; counted as no slower: {names}"
        )
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True)


def _shares(prices: Prices) -> list[tuple[str, float, float]]:
    """Differences; what they add to an epoch of training and validation; what an epoch of a later
    stage takes: as shares of the base's epoch. Those that only occur together stand together."""
    grouped = {name for group in prices.together for name in group}
    groups = [*prices.together, *((name,) for name in prices.added if name not in grouped)]
    base = prices.base
    whole = base.epoch_s + base.val_s
    shares = []
    for group in groups:
        pace = prices.pace(frozenset(group))
        later = pace.later_s + base.val_s if pace.later_s > base.later_s else 0.0
        shares.append(
            (" with ".join(group), (pace.epoch_s + pace.val_s) / whole - 1, later / whole)
        )
    return shares


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.2g} s"
    return f"{seconds / 60:.3g} min" if seconds < 2 * 3600 else f"{seconds / 3600:.3g} h"
