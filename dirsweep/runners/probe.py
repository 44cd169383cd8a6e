"""What a run would take. The base is timed here, and what differs from it; the rest is addition and multiplication."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import astuple, dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from dirsweep.errors import DirSweepError
from dirsweep.runners.kinds import Kind, Planned, Reader, planned_trials
from dirsweep.runners.pace import Length, Pace, pace_of
from dirsweep.runners.session import prepare
from dirsweep.spec.expand import make_trial
from dirsweep.spec.schema import Point, TrialSpec
from dirsweep.spec.sweep import SweepSpec

#: kinds of trials that are timed besides the base
MAX_KINDS = 12
#: the base is timed again after so many kinds, and after the last
BASE_EVERY = 3


@dataclass(frozen=True)
class Prices:
    """What trials take by what differs from the base.

    Attributes:
        base: without any difference.
        length: of a trial of the base.
        added: what each difference adds to it; what makes a trial faster is negative. Differences that were never timed
            are left out and count as nothing.
        least: of all that were timed, part by part: half of it is the least that any sum may come to.
        noise: by how much the timings of the base's epoch differ, as a share of it; None where it was timed once.
        timed: the kinds that were timed, the base left out.
        failed: kinds that could not be trained, and why.
        beyond: differences that would have needed more than the limit of kinds.
        together: groups of differences that were only ever timed together: each has an equal share of what they add.
    """

    base: Pace
    length: Length
    added: Mapping[str, Pace]
    least: Pace
    noise: float | None = None
    timed: tuple[Kind, ...] = ()
    failed: tuple[tuple[Kind, str], ...] = ()
    beyond: tuple[str, ...] = ()
    together: tuple[tuple[str, ...], ...] = ()

    def pace(self, kind: Kind) -> Pace:
        """The base's and what each difference adds, part by part."""
        known = [_vector(self.added[name]) for name in sorted(kind) if name in self.added]
        return Pace(*np.maximum(np.sum([_vector(self.base), *known], axis=0), 0.5 * _vector(self.least)).tolist())


@dataclass(frozen=True)
class Forecast:
    """What a whole run would take.

    Attributes:
        trials, epochs: of the run: different trials, and their epochs all together, those of later stages included.
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


# prices


def probe(
    spec: SweepSpec,
    cache: str | None = None,
    *,
    max_kinds: int = MAX_KINDS,
    progress: Callable[[int, int, str], None] = lambda done, total, what: None,
) -> tuple[Prices, list[Planned]]:
    """Train a few steps of the sweep's base here, on a GPU if there is one, and of kinds of trials that differ from it.

    Kinds with few differences come first, of those with equally many the one with the most trials; what can be added up
    from earlier ones is not timed. The base is timed again in between: what differs then is noise.

    Args:
        max_kinds: that are timed besides the base.
        progress: takes the number of timings done, their total, and what is timed next.
    Raises: DirSweepError: the data is absent or broken, or the base cannot be trained.
    """
    benchmark = prepare(spec, cache)
    reader = Reader(spec, benchmark)
    plan = planned_trials(spec, reader, cache)
    timed_by = partial(pace_of, benchmark=benchmark, num_threads=max(1, int(spec.resources.cpu)))
    study = next(iter(spec.studies))
    base_trial = make_trial(
        spec, Point(study, 0, {}, spec.base_config), spec.seeds_of(study)[0], benchmark.fingerprint(), cache
    )
    kinds = _by_size(plan)
    names = sorted(set().union(*kinds))
    num_kinds = min(max_kinds, _rank(kinds, names))
    total = num_kinds + 2 - (-num_kinds // BASE_EVERY)
    progress(0, total, "base")
    timed_by(base_trial)  # the first training of a process imports and allocates what later ones find there
    bases: list[Pace] = []
    timed: dict[Kind, Pace] = {}
    failed: list[tuple[Kind, str]] = []
    beyond: set[str] = set()

    def time_base() -> None:
        progress(1 + len(bases) + len(timed) + len(failed), total, "base")
        bases.append(timed_by(base_trial))

    time_base()
    for kind, trial in kinds.items():
        if _rank([*timed, kind], names) == len(timed):
            continue
        if len(timed) + len(failed) == max_kinds:
            beyond |= kind.difference(*timed)
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
    return _prices(reader.length(spec.base_config), bases, timed, failed, beyond), plan


def _by_size(plan: Iterable[Planned]) -> dict[Kind, TrialSpec]:
    """A trial of each kind besides the base's."""
    counts: dict[Kind, float] = {}
    trials: dict[Kind, TrialSpec] = {}
    for planned in plan:
        counts[planned.kind] = counts.get(planned.kind, 0.0) + planned.count
        trials.setdefault(planned.kind, planned.trial)
    ordered = sorted((kind for kind in counts if kind), key=lambda kind: (len(kind), -counts[kind], sorted(kind)))
    return {kind: trials[kind] for kind in ordered}


def _rank(kinds: Collection[Kind], names: list[str]) -> int:
    """How many of the kinds' paces are no sums and differences of the others'."""
    rows = _rows(kinds, names)
    return int(np.linalg.matrix_rank(rows)) if rows.size else 0


def _rows(kinds: Collection[Kind], names: list[str]) -> NDArray[np.float64]:
    """(K, D): 1 where a kind has a difference."""
    return np.array([[float(name in kind) for name in names] for kind in kinds]).reshape(len(kinds), len(names))


def _prices(
    length: Length, bases: list[Pace], timed: Mapping[Kind, Pace], failed: list[tuple[Kind, str]], beyond: set[str]
) -> Prices:
    base = Pace(*np.mean([_vector(pace) for pace in bases], axis=0).tolist())
    names = sorted(set().union(*timed))
    rows = _rows(timed, names)
    added: dict[str, Pace] = {}
    if timed:
        more = np.array([_vector(pace) for pace in timed.values()]) - _vector(base)
        # exact for each kind that was timed; what only occurred together is shared equally (least squares, least norm)
        added = {name: Pace(*price) for name, price in zip(names, (np.linalg.pinv(rows) @ more).tolist(), strict=True)}
    groups: dict[bytes, list[str]] = {}
    for column, name in enumerate(names):
        groups.setdefault(rows[:, column].tobytes(), []).append(name)
    epochs = [pace.epoch_s for pace in bases]
    return Prices(
        base=base,
        length=length,
        added=added,
        least=Pace(*np.min([_vector(pace) for pace in (*bases, *timed.values())], axis=0).tolist()),
        noise=(max(epochs) - min(epochs)) / base.epoch_s if len(epochs) > 1 else None,
        timed=tuple(timed),
        failed=tuple(failed),
        beyond=tuple(sorted(beyond - set(names))),
        together=tuple(tuple(group) for group in groups.values() if len(group) > 1),
    )


def _vector(pace: Pace) -> NDArray[np.float64]:
    return np.array(astuple(pace))


# the forecast


def forecast(spec: SweepSpec, plan: Iterable[Planned], prices: Prices, *, num_cpus: int, num_gpus: int) -> Forecast:
    """Every trial of ``plan`` at its own length and pace. What ends early and further seeds of a race are left out."""
    plan = list(plan)
    hours = sum(one.count * prices.pace(one.kind).trial_s(one.length) for one in plan) / 3600
    trials = round(sum(one.count for one in plan))
    cpu = spec.resources.cpu
    gpu = (1.0 if num_gpus else 0.0) if spec.resources.gpu == "auto" else spec.resources.gpu
    at_a_time = max(1, int(num_cpus / cpu)) if not gpu else max(1, min(int(num_cpus / cpu), int(num_gpus / gpu)))
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
