"""What a run would take: the base is timed here, and what differs from it; the rest is
arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from dirsweep.config.expand import make_trial
from dirsweep.config.sweep import SweepSpec
from dirsweep.config.trial import Point, TrialConfig, TrialSpec
from dirsweep.driver import prepare
from dirsweep.errors import DirSweepError
from dirsweep.estimate.cost_model import Prices, prices_of, rank_of
from dirsweep.estimate.step_time import Pace, pace_of
from dirsweep.estimate.trial_kinds import Kind, Planned, Reader, planned_trials, scales_of

#: kinds of trials that are timed besides the base
MAX_KINDS = 12
#: the base is timed again after so many kinds, and after the last
BASE_EVERY = 3


@dataclass(frozen=True)
class Forecast:
    """What a whole run would take.

    Attributes:
        trials, epochs: of the run: different trials, and their epochs all together, those of later
            stages included.
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
        asked = [
            ("trials", float(self.trials), budget.trials),
            ("wall_hours", self.wall_hours, budget.wall_hours),
            ("cpu_hours", self.cpu_hours, budget.cpu_hours),
            ("gpu_hours", self.gpu_hours, budget.gpu_hours),
            ("money", self.money or 0.0, budget.money.limit if budget.money else None),
        ]
        return [
            f"{name}: {needed:.3g} of {limit:g}"
            for name, needed, limit in asked
            if limit and needed > limit
        ]


def probe(
    spec: SweepSpec,
    cache: str | None = None,
    *,
    max_kinds: int = MAX_KINDS,
    progress: Callable[[int, int, str], None] = lambda done, total, what: None,
) -> tuple[Prices, list[Planned]]:
    """Train a few steps of the sweep's base here, on a GPU if there is one, and of kinds of trials
    that differ from it.

    Each scale is timed alone. Then come kinds with few differences, of those with equally many the
    one with the most trials; what follows from earlier ones is not timed. The base is timed again
    in between: what differs then is noise.

    Args:
        max_kinds: that are timed besides the base.
        progress: takes the number of timings done, their total, and what is timed next.
    Raises: DirSweepError: the data is absent or broken, or the base cannot be trained.
    """
    benchmark = prepare(spec, cache)
    reader = Reader(spec, benchmark)
    plan = planned_trials(spec, reader, cache)
    timed_by = partial(pace_of, benchmark=benchmark, num_threads=max(1, int(spec.resources.cpu)))
    base = spec.base_config
    base_trial = _trial(spec, reader, base, cache)
    kinds = _candidates(spec, reader, plan, cache)
    names = sorted(set().union(*kinds))
    num_kinds = min(max_kinds, rank_of(kinds, names))
    total = num_kinds + 2 - (-num_kinds // BASE_EVERY)
    progress(0, total, "base")
    timed_by(
        base_trial
    )  # the first training of a process imports and allocates what later ones find there
    bases: list[Pace] = []
    timed: dict[Kind, Pace] = {}
    failed: list[tuple[Kind, str]] = []

    def time_base() -> None:
        progress(1 + len(bases) + len(timed) + len(failed), total, "base")
        bases.append(timed_by(base_trial))

    time_base()
    for kind, trial in kinds.items():
        scales = scales_of(kind)
        known = kind == scales or all(frozenset({scale}) in timed for scale in scales)
        if (
            len(timed) + len(failed) == max_kinds
            or not known
            or rank_of([*timed, kind], names) == len(timed)
        ):
            continue
        progress(1 + len(bases) + len(timed) + len(failed), total, ", ".join(sorted(kind)))
        try:
            timed[kind] = timed_by(trial)
        except DirSweepError as error:
            failed.append((kind, str(error)))
        else:
            if len(timed) % BASE_EVERY == 0:
                time_base()
    if len(timed) % BASE_EVERY:
        time_base()
    return prices_of(reader.length(base), bases, timed, failed, names), plan


def _candidates(
    spec: SweepSpec, reader: Reader, plan: Iterable[Planned], cache: str | None
) -> dict[Kind, TrialSpec]:
    """A trial of each kind that might be timed, in that order."""
    counts: dict[Kind, float] = {}
    trials: dict[Kind, TrialSpec] = {}
    for planned in plan:
        for scale in scales_of(planned.kind):
            config = reader.rescaled(scale, TrialConfig.model_validate(planned.trial.config))
            alone = frozenset({scale})
            counts[alone] = counts.get(alone, 0.0) + planned.count
            trials.setdefault(alone, _trial(spec, reader, config, cache))
        if planned.kind != scales_of(planned.kind):
            counts[planned.kind] = counts.get(planned.kind, 0.0) + planned.count
            trials.setdefault(planned.kind, planned.trial)
    in_order = sorted(
        trials, key=lambda kind: (kind != scales_of(kind), len(kind), -counts[kind], sorted(kind))
    )
    return {kind: trials[kind] for kind in in_order}


def _trial(spec: SweepSpec, reader: Reader, config: TrialConfig, cache: str | None) -> TrialSpec:
    study = next(iter(spec.studies))
    return make_trial(
        spec,
        Point(study, 0, {}, config),
        spec.seeds_of(study)[0],
        reader.benchmark.fingerprint(),
        cache,
    )


def forecast(
    spec: SweepSpec, plan: Iterable[Planned], prices: Prices, *, num_cpus: int, num_gpus: int
) -> Forecast:
    """Every trial of ``plan`` at its own length and pace. What ends early and further seeds of a
    race are left out.
    """
    plan = list(plan)
    hours = sum(one.count * prices.pace(one.kind).trial_s(one.length) for one in plan) / 3600
    trials = round(sum(one.count for one in plan))
    cpu = spec.resources.cpu
    gpu = (1.0 if num_gpus else 0.0) if spec.resources.gpu == "auto" else spec.resources.gpu
    at_a_time = (
        max(1, int(num_cpus / cpu))
        if not gpu
        else max(1, min(int(num_cpus / cpu), int(num_gpus / gpu)))
    )
    at_a_time = min(at_a_time, max(1, trials))
    money = spec.budget.money if spec.budget is not None else None
    return Forecast(
        trials=trials,
        epochs=round(sum(one.count * (one.length.epochs + one.length.later) for one in plan)),
        trial_hours=hours,
        wall_hours=hours / at_a_time,
        at_a_time=at_a_time,
        cpu_hours=hours * cpu,
        gpu_hours=hours * gpu,
        money=None if money is None else hours * (cpu * money.cpu_hour + gpu * money.gpu_hour),
    )
