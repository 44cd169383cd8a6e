"""What a run would take: a few steps of the base are trained here, and the rest is multiplication."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from rich.console import Console

from dirsweep.data.base import Benchmark
from dirsweep.runners.session import prepare
from dirsweep.spec.expand import make_point, make_trial, planned_points
from dirsweep.spec.schema import TrialSpec
from dirsweep.spec.sweep import SweepSpec
from dirsweep.training.seeding import reset_process
from dirsweep.training.trainer import Training

#: steps of the probe; the first one warms up
NUM_STEPS = 6
#: validation samples of the probe
NUM_VAL = 256


@dataclass(frozen=True)
class Pace:
    """How fast a trial goes.

    Attributes:
        start_s: until the first step: data, model.
        step_s: one training step.
        sample_s: validation of one sample, and what else ends an epoch, by its share of the validation split.
        steps: in an epoch.
        val_samples: in the validation split.
        validate_every: epochs.
    """

    start_s: float
    step_s: float
    sample_s: float
    steps: int
    val_samples: int
    validate_every: int

    @property
    def epoch_s(self) -> float:
        """An epoch, with its part of the validation."""
        return self.steps * self.step_s + self.val_samples * self.sample_s / self.validate_every

    def trial_s(self, epochs: int) -> float:
        """A whole trial."""
        return self.start_s + epochs * self.epoch_s


@dataclass(frozen=True)
class Forecast:
    """What a whole run would take.

    Attributes:
        trials, epochs: of the run: different trials, and their epochs all together.
        trial_hours: all trials one after another.
        wall_hours: on this machine, as many at a time as fit it.
        at_a_time: that many.
        cpu_hours, gpu_hours: trial hours times a trial's share.
        money: by the prices of the budget; None where it has none.
    """

    trials: int
    epochs: int
    trial_hours: float
    wall_hours: float
    at_a_time: int
    cpu_hours: float
    gpu_hours: float
    money: float | None

    def beyond(self, spec: SweepSpec) -> list[str]:
        """The limits of the budget that this would break: ``cpu_hours: 12 of 10``."""
        budget = spec.budget
        if budget is None:
            return []
        asked = [("trials", float(self.trials), budget.trials), ("wall_hours", self.wall_hours, budget.wall_hours),
                 ("cpu_hours", self.cpu_hours, budget.cpu_hours), ("gpu_hours", self.gpu_hours, budget.gpu_hours),
                 ("money", self.money or 0.0, budget.money.limit if budget.money else None)]  # fmt: skip
        return [f"{name}: {needed:.3g} of {limit:g}" for name, needed, limit in asked if limit and needed > limit]


def probe(spec: SweepSpec, cache: str | None = None) -> Pace:
    """Train a few steps of the sweep's base here, on a GPU if there is one. Raises: DirSweepError: it cannot train."""
    benchmark = prepare(spec, cache)
    study = next(iter(spec.studies))
    trial = make_trial(spec, make_point(spec, study, 0, {}), spec.seeds_of(study)[0], benchmark.fingerprint(), cache)
    return pace_of(trial, benchmark, num_threads=max(1, int(spec.resources.cpu)))


def pace_of(trial: TrialSpec, benchmark: Benchmark, *, num_threads: int) -> Pace:
    """The pace of one trial, from ``NUM_STEPS`` steps and ``NUM_VAL`` validation samples."""
    sizes = {name: len(benchmark.split(name)) for name in ("train", "val")}
    size = trial.config["batch_size"]
    some = {"train": min(sizes["train"], size * NUM_STEPS), "val": min(sizes["val"], NUM_VAL)}
    moments: list[float] = []
    rows: list[Mapping[str, Any]] = []
    reset_process()
    torch.set_num_threads(num_threads)
    shortened = TrialSpec(**{**trial.to_dict(), "config": {**trial.config, "epochs": 1, "validate_every": 1}})
    began = time.monotonic()
    training = Training(
        shortened,
        progress=lambda epoch, step, total: moments.append(time.monotonic()),
        samples={name: torch.arange(count) for name, count in some.items()},  # type: ignore[misc]
    )
    built = time.monotonic()
    training.run(rows.append)
    ended = time.monotonic()
    steps = [after - before for before, after in zip([built, *moments], moments, strict=False)]
    step_s = statistics.median(steps[1:] or steps)
    return Pace(
        start_s=built - began,
        step_s=step_s,
        sample_s=max(0.0, ended - moments[-1]) / some["val"],
        steps=max(1, sizes["train"] // size + (sizes["train"] % size > 1)),
        val_samples=sizes["val"],
        validate_every=trial.config["validate_every"],
    )


def forecast(spec: SweepSpec, pace: Pace, *, num_cpus: int, num_gpus: int) -> Forecast:
    """Every planned trial with its own epochs, every proposed one with the base's; equal trials once.

    What ends early (pruning, patience), further seeds of a race and other costs than the base's are left out.
    """
    epochs_of: dict[str, int] = {}
    proposed = 0
    for name, study in spec.studies.items():
        points, seeds = planned_points(spec, name), spec.seeds_of(name)
        for point in points:
            for seed in seeds:
                epochs_of[make_trial(spec, point, seed, "").trial_id] = point.config.epochs
        proposed += max(0, study.trials - len(points)) * len(seeds) if study.space is not None else 0
    base_epochs = spec.base_config.epochs
    seconds = sum(map(pace.trial_s, epochs_of.values())) + proposed * pace.trial_s(base_epochs)
    hours, cpu = seconds / 3600, spec.resources.cpu
    gpu = (1.0 if num_gpus else 0.0) if spec.resources.gpu == "auto" else spec.resources.gpu
    at_a_time = max(1, int(num_cpus / cpu)) if not gpu else max(1, min(int(num_cpus / cpu), int(num_gpus / gpu)))
    trials = len(epochs_of) + proposed
    money = spec.budget.money if spec.budget is not None else None
    return Forecast(
        trials=trials,
        epochs=sum(epochs_of.values()) + proposed * base_epochs,
        trial_hours=hours,
        wall_hours=hours / min(at_a_time, max(1, trials)),
        at_a_time=min(at_a_time, max(1, trials)),
        cpu_hours=hours * cpu,
        gpu_hours=hours * gpu,
        money=None if money is None else hours * (cpu * money.cpu_hour + gpu * money.gpu_hour),
    )


def print_forecast(spec: SweepSpec, console: Console, cache: str | None = None) -> Forecast:
    """Probe, and say what the run would take, and whether its budget allows it."""
    pace = probe(spec, cache)
    found = forecast(spec, pace, num_cpus=os.cpu_count() or 1, num_gpus=torch.cuda.device_count())
    device = "GPU" if torch.cuda.is_available() else "CPU"
    epochs = spec.base_config.epochs
    console.print(
        f"probe on this machine's {device}: {1000 * pace.step_s:.3g} ms a step, {_span(pace.epoch_s)} an epoch, "
        f"{_span(pace.trial_s(epochs))} a trial of {epochs} epochs",
        highlight=False,
        soft_wrap=True,
    )
    cost = "" if found.money is None else f", {found.money:.2f} money"
    gpu_hours = f", {found.gpu_hours:.3g} GPU-hours" if found.gpu_hours else ""
    console.print(
        f"forecast: {found.trials} trials take {found.cpu_hours:.3g} CPU-hours{gpu_hours}{cost}, "
        f"{_span(3600 * found.wall_hours)} here, {found.at_a_time} at a time (early ends and racing left out)",
        highlight=False,
        soft_wrap=True,
    )
    for line in found.beyond(spec):
        console.print(f"[bold red]beyond the budget[/]: {line}", highlight=False)
    return found


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.2g} s"
    return f"{seconds / 60:.3g} min" if seconds < 2 * 3600 else f"{seconds / 3600:.3g} h"
