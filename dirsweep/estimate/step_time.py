"""How fast one trial goes, from a few steps of it: each stage's second epoch is timed, cut
short.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, cast

import torch

from dirsweep.config.trial import TrialSpec
from dirsweep.data.base import Benchmark, SplitName
from dirsweep.errors import DirSweepError, TrialError
from dirsweep.methods.base import Smoothing
from dirsweep.training.inputs import open_inputs
from dirsweep.training.memory import out_of_memory
from dirsweep.training.seeding import reset_process
from dirsweep.training.trainer import Training

#: steps of the first epoch, which warms up; feature smoothing and the like act from the second one
#: on
WARM_STEPS = 2
#: what the timed epoch may take: so many steps, at least and at most, that they fill ``SECONDS``
MIN_STEPS, MAX_STEPS, SECONDS = 2, 300, 1.0
#: validation samples of the first epoch, and the least of the timed one
NUM_VAL = 256


@dataclass(frozen=True)
class Length:
    """How long a trial is, as far as the plan says: nothing ends early.

    Attributes:
        epochs: of the first stage.
        later: epochs of all later stages.
        validations: of all stages.
    """

    epochs: int
    later: int = 0
    validations: int = 0


@dataclass(frozen=True)
class Pace:
    """How fast a trial goes, or by how much another one is slower than the base. All in seconds.

    Attributes:
        start_s: until the first step: model, techniques. The data is opened once per process and is
            not counted.
        step_s: one training step of the first stage.
        epoch_s: one epoch's training in the first stage, with what ends it (a second pass, say).
        val_s: one validation of the whole split.
        later_s: one epoch's training in a later stage; 0 where there is none.
    """

    start_s: float
    step_s: float
    epoch_s: float
    val_s: float
    later_s: float = 0.0

    def trial_s(self, length: Length) -> float:
        """A whole trial; the test split at its end counts as one more validation."""
        trained = length.epochs * self.epoch_s + length.later * self.later_s
        return self.start_s + trained + (length.validations + 1) * self.val_s


class _Timed(Training):
    """A training cut short to two epochs a stage, that notes how long their parts take."""

    moments: list[float]
    pass_s = began_validation = val_s = 0.0

    def shorten(self, sizes: Mapping[str, int]) -> None:
        """Two epochs of every stage, the first of a few steps."""
        self.stages = tuple(replace(stage, num_epochs=2) for stage in self.stages)
        draw = torch.Generator().manual_seed(0)  # the first samples of a sorted file are all alike
        self.order = {
            name: torch.randperm(sizes[name], generator=draw) for name in ("train", "val")
        }
        self.moments, self.progress = [], self._step
        self._use(WARM_STEPS, NUM_VAL)

    def _use(self, num_steps: int, num_val: int) -> None:
        order = cast(dict[SplitName, torch.Tensor], self.order)
        self.samples |= {
            "train": order["train"][: num_steps * self.config.batch_size],
            "val": order["val"][:num_val],
        }

    def lengthen(self, step_s: float) -> None:
        """As many steps and validation samples as fill their time, now that it is known how long
        one takes.
        """
        num_val = int(len(self.samples["val"]) * SECONDS / max(self.val_s, 1e-9))
        self._use(
            min(max(int(SECONDS / max(step_s, 1e-9)), MIN_STEPS), MAX_STEPS), max(num_val, NUM_VAL)
        )

    def _now(self) -> float:
        if self.device.type == "cuda":  # which has only been told what to do
            torch.cuda.synchronize(self.device)
        return time.monotonic()

    def _step(self, epoch: int, step: int, total: int) -> None:
        self.moments.append(self._now())

    def _observe_train_split(self, smoothing: Smoothing) -> None:
        began = self._now()
        super()._observe_train_split(smoothing)
        self.pass_s = self._now() - began

    def _validate(self, epoch: int) -> dict[str, Any]:
        self.began_validation = self._now()
        row = super()._validate(epoch)
        self.val_s = self._now() - self.began_validation
        return row


def pace_of(trial: TrialSpec, benchmark: Benchmark, *, num_threads: int) -> Pace:
    """The pace of one trial. Raises: DirSweepError: it cannot be trained."""
    try:
        return _timed(trial, benchmark, num_threads)
    except DirSweepError:
        raise
    except Exception as error:
        first = next(iter(str(error).splitlines()), "no message")
        raise TrialError(out_of_memory(error) or f"{type(error).__name__}: {first}") from error


def _timed(trial: TrialSpec, benchmark: Benchmark, num_threads: int) -> Pace:
    sizes = {name: len(benchmark.split(name)) for name in ("train", "val")}
    reset_process(num_threads)
    open_inputs(trial.benchmark, trial.config["backbone"], trial.cache)
    # a few samples may leave the objective's region empty, and must not end the probe
    config = {**trial.config, "validate_every": 1, "patience": None}
    began = time.monotonic()
    training = _Timed(replace(trial, config=config, region="all"))
    built, size = training._now() - began, trial.config["batch_size"]
    training.shorten(sizes)
    num_steps, steps_s, epochs_s = (
        max(1, sizes["train"] // size + (sizes["train"] % size > 1)),
        [],
        [],
    )
    last = time.monotonic()

    def emit(row: Mapping[str, Any]) -> None:
        nonlocal last
        moments = training.moments
        # the first step waits for the epoch to be shuffled; where there is no other it must do
        gaps = [after - before for before, after in pairwise(moments)] or [moments[-1] - last]
        if row["epoch"] == 0:
            training.lengthen(gaps[-1])
        share = len(training.samples["train"]) / sizes["train"]
        end_s = training.began_validation - moments[-1] - training.pass_s
        steps_s.append(statistics.median(gaps))
        epochs_s.append(num_steps * steps_s[-1] + end_s + training.pass_s / share)
        training.moments, training.pass_s, last = [], 0.0, time.monotonic()

    training.run(emit)
    later = epochs_s[3::2]
    return Pace(
        start_s=built,
        step_s=steps_s[1],
        epoch_s=epochs_s[1],
        val_s=training.val_s * sizes["val"] / len(training.samples["val"]),
        later_s=statistics.fmean(later) if later else 0.0,
    )
