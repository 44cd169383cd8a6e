"""Cost of a whole run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dirsweep.config.sweep import SweepSpec
from dirsweep.estimate.cost_model import CostModel
from dirsweep.estimate.trial_kinds import PlannedTrial


@dataclass(frozen=True)
class RunCost:
    """What a whole run would take.

    Attributes:
        trials: different trials.
        epochs: of all trials together, those of later stages included.
        trial_hours: all trials one after another.
        wall_hours: on this machine, with ``parallel_trials`` at a time.
        parallel_trials: trials that run at a time.
        cpu_hours: trial hours times the CPUs of a trial.
        gpu_hours: trial hours times the GPUs of a trial.
        money: by the prices of the budget; None where it has none.
    """

    trials: int
    epochs: int
    trial_hours: float
    wall_hours: float
    parallel_trials: int
    cpu_hours: float
    gpu_hours: float
    money: float | None

    def over_budget(self, spec: SweepSpec) -> list[str]:
        """Return the limits of the sweep's budget that this exceeds: ``cpu_hours: 12 of 10``."""
        budget = spec.budget
        if budget is None:
            return []
        required = [
            ("trials", float(self.trials), budget.trials),
            ("wall_hours", self.wall_hours, budget.wall_hours),
            ("cpu_hours", self.cpu_hours, budget.cpu_hours),
            ("gpu_hours", self.gpu_hours, budget.gpu_hours),
            ("money", self.money or 0.0, budget.money.limit if budget.money else None),
        ]
        return [
            f"{name}: {needed:.3g} of {limit:g}"
            for name, needed, limit in required
            if limit and needed > limit
        ]


def run_cost(
    spec: SweepSpec,
    plan: Sequence[PlannedTrial],
    model: CostModel,
    *,
    num_cpus: int,
    num_gpus: int,
) -> RunCost:
    """Add up the trials of a run, each with its own length and durations.

    Early stopping and additional seeds of a race are not included.

    Args:
        spec: the sweep.
        plan: its trials.
        model: predicts their durations.
        num_cpus: CPUs of the machine.
        num_gpus: GPUs of the machine.

    Returns:
        The cost of the run on that machine.
    """
    hours = sum(one.count * model.durations(one.kind).trial_s(one.length) for one in plan) / 3600
    num_trials = round(sum(one.count for one in plan))
    cpus, gpus = spec.resources.cpu, _gpus_of(spec, num_gpus)
    parallel = min(parallel_trials(spec, num_cpus, num_gpus), max(1, num_trials))
    money = spec.budget.money if spec.budget is not None else None
    return RunCost(
        trials=num_trials,
        epochs=round(sum(one.count * one.length.all_epochs for one in plan)),
        trial_hours=hours,
        wall_hours=hours / parallel,
        parallel_trials=parallel,
        cpu_hours=hours * cpus,
        gpu_hours=hours * gpus,
        money=None if money is None else hours * (cpus * money.cpu_hour + gpus * money.gpu_hour),
    )


def _gpus_of(spec: SweepSpec, num_gpus: int) -> float:
    gpus = spec.resources.gpu
    if gpus == "auto":
        return 1.0 if num_gpus else 0.0
    return gpus


def parallel_trials(spec: SweepSpec, num_cpus: int, num_gpus: int) -> int:
    """Return how many trials of a sweep fit a machine at a time; at least 1.

    Args:
        spec: the sweep.
        num_cpus: CPUs of the machine.
        num_gpus: GPUs of the machine.
    """
    gpus = _gpus_of(spec, num_gpus)
    fitting = int(num_cpus / spec.resources.cpu)
    if gpus:
        fitting = min(fitting, int(num_gpus / gpus))
    return max(1, fitting)
