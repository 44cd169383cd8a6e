"""Timing of the kinds of trials that a run consists of."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from dirsweep.config.expand import make_trial
from dirsweep.config.sweep import SweepSpec
from dirsweep.config.trial import Point, TrialConfig, TrialSpec
from dirsweep.data.base import Benchmark
from dirsweep.errors import DirSweepError
from dirsweep.estimate.cost_model import CostModel, Timings, fit_cost_model, num_independent
from dirsweep.estimate.durations import Durations
from dirsweep.estimate.step_time import measure_durations
from dirsweep.estimate.trial_kinds import (
    Kind,
    PlannedTrial,
    TrialKinds,
    planned_trials,
    scaling_part,
)
from dirsweep.training.preparation import prepare

#: kinds of trials that are timed besides the base
MAX_KINDS = 12
#: number of kinds after which the base is timed again; it is also timed after the last
BASE_EVERY = 3

#: takes the number of timings done, their total, and what is timed next
ProbeProgress = Callable[[int, int, str], None]


def probe(
    spec: SweepSpec,
    cache: str | None = None,
    *,
    max_kinds: int = MAX_KINDS,
    progress: ProbeProgress = lambda done, total, name: None,
) -> tuple[CostModel, list[PlannedTrial]]:
    """Train a few steps of the base and of kinds that differ from it, on a GPU if there is one.

    Each scaling difference is timed alone. Then come kinds with few differences first, among
    those with equally many the one with the most trials; a kind whose durations follow from
    earlier ones is not timed. The base is timed repeatedly in between: what differs then is noise.

    Args:
        spec: the sweep.
        cache: folder for what is derived from the data; None for the default.
        max_kinds: kinds that are timed besides the base.
        progress: called before each timing.

    Returns:
        The fitted cost model, and the trials of the run.

    Raises:
        DirSweepError: the data is missing or broken, or the base cannot be trained.
    """
    benchmark = prepare(spec, cache)
    kinds = TrialKinds(spec, benchmark)
    plan = planned_trials(spec, kinds, cache)
    base = _trial(spec, kinds, spec.base_config, cache)
    candidates = _candidates(spec, kinds, plan, cache)
    differences = sorted(set().union(*candidates))
    num_kinds = min(max_kinds, num_independent(candidates, differences))
    num_bases = 1 - (-num_kinds // BASE_EVERY)
    timer = _Timer(spec, benchmark, progress, total=1 + num_bases + num_kinds)
    timer.warm_up(base)
    timer.time_base(base)
    for kind, trial in candidates.items():
        if len(timer.timings.kinds) + len(timer.timings.failed) == max_kinds:
            break
        if not _is_informative(kind, timer.timings.kinds, differences):
            continue
        if timer.time_kind(kind, trial) and len(timer.timings.kinds) % BASE_EVERY == 0:
            timer.time_base(base)
    if len(timer.timings.kinds) % BASE_EVERY:
        timer.time_base(base)
    return fit_cost_model(kinds.length(spec.base_config), timer.timings, differences), plan


def _is_informative(kind: Kind, timed: dict[Kind, Durations], differences: list[str]) -> bool:
    """Tell whether timing a kind adds something to what was timed before."""
    scaling = scaling_part(kind)
    if kind != scaling and any(frozenset({name}) not in timed for name in scaling):
        return False
    return num_independent([*timed, kind], differences) > len(timed)


@dataclass
class _Timer:
    """Times trials and keeps the timings."""

    spec: SweepSpec
    benchmark: Benchmark
    progress: ProbeProgress
    total: int

    def __post_init__(self) -> None:
        self.timings = Timings()

    def warm_up(self, base: TrialSpec) -> None:
        """Train once untimed: the first training of a process imports and allocates."""
        self.progress(0, self.total, "base")
        self._measure(base)

    def time_base(self, base: TrialSpec) -> None:
        """Time the base once more."""
        self._announce("base")
        self.timings.base.append(self._measure(base))

    def time_kind(self, kind: Kind, trial: TrialSpec) -> bool:
        """Time a trial of some kind; return whether it can be trained."""
        self._announce(", ".join(sorted(kind)))
        try:
            self.timings.kinds[kind] = self._measure(trial)
        except DirSweepError as error:
            self.timings.failed.append((kind, str(error)))
            return False
        return True

    def _announce(self, name: str) -> None:
        timings = self.timings
        done = 1 + len(timings.base) + len(timings.kinds) + len(timings.failed)
        self.progress(done, self.total, name)

    def _measure(self, trial: TrialSpec) -> Durations:
        num_threads = max(1, int(self.spec.resources.cpu))
        return measure_durations(trial, self.benchmark, num_threads=num_threads)


def _candidates(
    spec: SweepSpec, kinds: TrialKinds, plan: Iterable[PlannedTrial], cache: str | None
) -> dict[Kind, TrialSpec]:
    """Return a trial of each kind that might be timed, in the order of timing."""
    counts: dict[Kind, float] = {}
    trials: dict[Kind, TrialSpec] = {}
    for planned in plan:
        scaling = scaling_part(planned.kind)
        for name in scaling:
            config = kinds.rescaled(name, TrialConfig.model_validate(planned.trial.config))
            alone = frozenset({name})
            counts[alone] = counts.get(alone, 0.0) + planned.count
            trials.setdefault(alone, _trial(spec, kinds, config, cache))
        if planned.kind != scaling:
            counts[planned.kind] = counts.get(planned.kind, 0.0) + planned.count
            trials.setdefault(planned.kind, planned.trial)

    def order(kind: Kind) -> tuple[bool, int, float, list[str]]:
        return kind != scaling_part(kind), len(kind), -counts[kind], sorted(kind)

    return {kind: trials[kind] for kind in sorted(trials, key=order)}


def _trial(spec: SweepSpec, kinds: TrialKinds, config: TrialConfig, cache: str | None) -> TrialSpec:
    study = next(iter(spec.studies))
    point, seed = Point(study, 0, {}, config.alone), spec.seeds_of(study)[0]
    return make_trial(spec, point, seed, kinds.benchmark.fingerprint(), cache)
