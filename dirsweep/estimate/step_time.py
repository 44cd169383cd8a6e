"""Durations of a trial's parts, measured in a shortened training.

Every stage is trained for two epochs. The first one of the training warms up in a few steps; each
stage's second epoch is timed, over as many samples as fill about a second.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise

import torch

from dirsweep.config.trial import TrialSpec
from dirsweep.data.base import Benchmark, SplitName
from dirsweep.errors import DirSweepError, TrialError
from dirsweep.estimate.durations import Durations
from dirsweep.training.assembly import Training, build_training
from dirsweep.training.batches import num_steps
from dirsweep.training.hooks import Hooks, Phase
from dirsweep.training.inputs import open_inputs
from dirsweep.training.memory import out_of_memory
from dirsweep.training.seeding import reset_process
from dirsweep.training.state import Row, TrainingPlan, TrainingState

#: steps of the first epoch, which warms up; feature smoothing acts from the second epoch on
WARM_UP_STEPS = 2
#: least and most steps of a timed epoch; within these it takes ``SECONDS``
MIN_STEPS, MAX_STEPS, SECONDS = 2, 300, 1.0
#: validation samples of the first epoch, and the least of a timed epoch
NUM_VAL = 256

#: (N,) int64 positions of samples, by split
Positions = dict[SplitName, torch.Tensor]


@dataclass(frozen=True)
class EpochTime:
    """Durations of one shortened epoch, in seconds.

    Attributes:
        step_s: median of its training steps.
        end_s: what follows the last step, without the smoothing pass and the validation.
        pass_s: the smoothing pass over the used samples; 0 without one.
        val_s: the validation of the used samples.
    """

    step_s: float
    end_s: float
    pass_s: float
    val_s: float


class EpochTimer(Hooks):
    """Times the parts of each epoch.

    Args:
        device: is waited for before the clock is read.
    """

    def __init__(self, device: torch.device) -> None:
        self.epochs: list[EpochTime] = []
        self._device = device
        self._start_epoch()

    def now(self) -> float:
        """Return the time in seconds once the device has done everything asked of it."""
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return time.monotonic()

    def step_ended(self, epoch: int, step: int, num_steps: int) -> None:
        """Note the end of a step."""
        self._step_ends.append(self.now())

    @contextmanager
    def phase(self, phase: Phase) -> Iterator[None]:
        """Note the duration of a phase."""
        began = self.now()
        yield
        self._phase_s[phase] = self.now() - began
        if phase == "validation":
            self._training_end = began

    def epoch_ended(self, state: TrainingState, row: Row) -> None:
        """Keep the epoch's durations."""
        ends = self._step_ends
        # the first step waits until the epoch is shuffled; it counts only where it is alone
        steps_s = [after - before for before, after in pairwise(ends)] or [ends[0] - self._began]
        pass_s = self._phase_s.get("smoothing_pass", 0.0)
        epoch = EpochTime(
            step_s=statistics.median(steps_s),
            end_s=self._training_end - ends[-1] - pass_s,
            pass_s=pass_s,
            val_s=self._phase_s["validation"],
        )
        self.epochs.append(epoch)
        self._start_epoch()

    def _start_epoch(self) -> None:
        self._step_ends: list[float] = []
        self._phase_s: dict[Phase, float] = {}
        self._training_end = 0.0
        self._began = time.monotonic()


def measure_durations(trial: TrialSpec, benchmark: Benchmark, *, num_threads: int) -> Durations:
    """Measure the durations of one trial's parts.

    Args:
        trial: what to train.
        benchmark: prepared; gives the sizes of the splits.
        num_threads: threads of torch's operators on the CPU.

    Returns:
        Durations for the whole splits.

    Raises:
        DirSweepError: the trial cannot be trained.
    """
    try:
        return _measured(trial, benchmark, num_threads)
    except DirSweepError:
        raise
    except Exception as error:
        first_line = next(iter(str(error).splitlines()), "no message")
        reason = out_of_memory(error) or f"{type(error).__name__}: {first_line}"
        raise TrialError(reason) from error


def _measured(trial: TrialSpec, benchmark: Benchmark, num_threads: int) -> Durations:
    """Train two epochs of every stage and scale their durations to the whole splits."""
    reset_process(num_threads)
    open_inputs(trial.benchmark, trial.config["backbone"], trial.cache)
    # few samples may leave the objective's region empty, which must not end the measurement
    whole_length = {"validate_every": 1, "patience": None, "max_checks": None}
    config = {**trial.config, **whole_length}
    began = time.monotonic()
    training = build_training(replace(trial, config=config, region="all"))
    timer = EpochTimer(training.data.device)
    start_s = timer.now() - began

    size = training.plan.batch_size
    order = _shuffled_positions(training)
    warm_up = training.using(_first(order, WARM_UP_STEPS * size, NUM_VAL))
    replace(warm_up, plan=_first_epoch(training.plan)).fit(timer)
    timed = training.using(_timed_samples(order, timer.epochs[0], warm_up))
    # the state is shared: this continues with the second epoch
    replace(timed, plan=_two_epochs_each(training.plan)).fit(timer)

    num_train = len(benchmark.split("train"))
    share = len(timed.data.samples["train"]) / num_train

    steps = num_steps(num_train, size, keep_single=training.data.keep_single)

    def epoch_s(epoch: EpochTime) -> float:
        return steps * epoch.step_s + epoch.end_s + epoch.pass_s / share

    first = timer.epochs[1]
    later_s = [epoch_s(epoch) for epoch in timer.epochs[3::2]]
    num_val = len(timed.data.samples["val"])
    return Durations(
        start_s=start_s,
        step_s=first.step_s,
        epoch_s=epoch_s(first),
        val_s=timer.epochs[-1].val_s * len(benchmark.split("val")) / num_val,
        later_s=statistics.fmean(later_s) if later_s else 0.0,
    )


def _shuffled_positions(training: Training) -> Positions:
    """Shuffle the positions of each split: the first samples of a sorted file are all alike."""
    draw, samples = torch.Generator().manual_seed(0), training.data.samples
    train = torch.randperm(len(samples["train"]), generator=draw)
    return {"train": train, "val": torch.randperm(len(samples["val"]), generator=draw)}


def _first(order: Positions, num_train: int, num_val: int) -> Positions:
    return {"train": order["train"][:num_train], "val": order["val"][:num_val]}


def _timed_samples(order: Positions, warm_up: EpochTime, training: Training) -> Positions:
    """Choose as many samples as fill ``SECONDS``, by the speed of the first epoch."""
    steps = int(SECONDS / max(warm_up.step_s, 1e-9))
    steps = min(max(steps, MIN_STEPS), MAX_STEPS)
    num_val = int(len(training.data.samples["val"]) * SECONDS / max(warm_up.val_s, 1e-9))
    return _first(order, steps * training.plan.batch_size, max(num_val, NUM_VAL))


def _first_epoch(plan: TrainingPlan) -> TrainingPlan:
    return replace(plan, stages=(replace(plan.stages[0], num_epochs=1),))


def _two_epochs_each(plan: TrainingPlan) -> TrainingPlan:
    return replace(plan, stages=tuple(replace(stage, num_epochs=2) for stage in plan.stages))
