"""Short trainings whose results are compared number by number."""

from __future__ import annotations

import math
import os
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dirsweep.config.model import PlainData
from dirsweep.config.sweep import SweepSpec
from dirsweep.config.trial import TrialConfig, TrialSpec, canonical_json
from dirsweep.data.base import Benchmark, SplitName
from dirsweep.training.assembly import build_training
from dirsweep.training.hooks import Hooks
from dirsweep.training.seeding import reset_process
from dirsweep.training.state import Row, TrainingState

#: epochs of every training; enough for statistics that act only after an epoch or two
NUM_EPOCHS = 4
#: validation samples; validation decides nothing here
NUM_VAL = 32
#: traces that are kept for the next comparison
NUM_KEPT = 6


@dataclass(frozen=True)
class Trace:
    """Result of a short training.

    Attributes:
        losses: mean training loss of each epoch.
        parameters: the network's state after the last epoch; None if the training failed.
        error: why it failed; empty if it did not.
    """

    losses: tuple[float, ...] = ()
    parameters: Mapping[str, Tensor] | None = None
    error: str = ""


class ShortTrainer:
    """Trains configurations for a few steps on the CPU; equal trainings are run once.

    Every training starts from the same seed and sees the same samples.

    Args:
        spec: gives benchmark and seed.
        benchmark: prepared.
        steps: of each training, at least one per epoch.
        cache: folder for what is derived from the data; None for the default.
    """

    def __init__(
        self, spec: SweepSpec, benchmark: Benchmark, *, steps: int, cache: str | None = None
    ) -> None:
        self._spec, self._cache = spec, cache
        self._steps_per_epoch = math.ceil(steps / NUM_EPOCHS)
        self._num_threads = max(1, min(os.cpu_count() or 1, int(spec.resources.cpu)))
        if type(spec.benchmark).synthetic:
            # its small network gains nothing by threads, and loses much where CPUs are busy
            self._num_threads = 1
        draw = torch.Generator().manual_seed(0)
        train = torch.randperm(len(benchmark.split("train")), generator=draw)
        val = torch.randperm(len(benchmark.split("val")), generator=draw)
        self._positions: dict[SplitName, Tensor] = {"train": train, "val": val[:NUM_VAL]}
        self._traces: OrderedDict[str, Trace] = OrderedDict()

    def num_train(self, batch_sizes: list[int]) -> int:
        """Return how many samples the configurations of one comparison train on."""
        return max(self._steps_per_epoch * min(batch_sizes), max(batch_sizes))

    def train(self, config: PlainData, num_train: int) -> Trace:
        """Train a configuration.

        Args:
            config: ``TrialConfig.to_dict()``, already shortened.
            num_train: training samples.

        Returns:
            Its trace; a configuration that cannot be trained has an error.
        """
        identity = canonical_json([config, num_train])
        if identity not in self._traces:
            self._traces[identity] = self._trained(config, num_train)
        self._traces.move_to_end(identity)
        while len(self._traces) > NUM_KEPT:
            self._traces.popitem(last=False)
        return self._traces[identity]

    def _trained(self, config: PlainData, num_train: int) -> Trace:
        trial = TrialSpec(
            trial_id="check",
            seed=self._spec.seeds[0],
            config=TrialConfig.model_validate(config).alone.to_dict(),
            benchmark=self._spec.benchmark.to_dict(),
            metric=self._spec.objective.metric,
            cache=self._cache,
        )
        positions = {**self._positions, "train": self._positions["train"][:num_train]}
        reset_process(self._num_threads)
        try:
            training = build_training(trial, device=torch.device("cpu")).using(positions)
            recorder = _Recorder(training.model.network)
            training.fit(recorder)
        except Exception as error:  # a value that cannot be trained is a finding
            return Trace(error=next(iter(str(error).splitlines()), type(error).__name__))
        return Trace(tuple(recorder.losses), recorder.parameters)


class _Recorder(Hooks):
    """Keeps each epoch's mean loss, and the parameters after the last epoch."""

    def __init__(self, network: nn.Module) -> None:
        self.losses: list[float] = []
        self.parameters: dict[str, Tensor] = {}
        self._network = network

    def epoch_ended(self, state: TrainingState, row: Row) -> None:
        """Keep the epoch's loss and parameters."""
        self.losses.append(row["train_loss"])
        tensors = self._network.state_dict()
        self.parameters = {name: tensor.clone() for name, tensor in tensors.items()}


def loss_change(one: Trace, other: Trace) -> float:
    """Return the largest relative difference of an epoch's loss, over the epochs of both."""
    changes = [0.0]
    for a, b in zip(one.losses, other.losses, strict=False):
        changes.append(abs(a - b) / max(abs(a), abs(b), 1e-300))
    return max(changes)


def parameter_change(one: Trace, other: Trace) -> float:
    """Return the relative difference of all parameters together, by Euclidean length.

    It is infinite where the networks have different parameters.
    """
    assert one.parameters is not None
    assert other.parameters is not None
    if _shapes(one.parameters) != _shapes(other.parameters):
        return math.inf
    a, b = _flat(one.parameters), _flat(other.parameters)
    return float((a - b).norm() / max(float(a.norm()), float(b.norm()), 1e-300))


def _shapes(parameters: Mapping[str, Tensor]) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in parameters.items()}


def _flat(parameters: Mapping[str, Tensor]) -> Tensor:
    return torch.cat([tensor.double().flatten() for tensor in parameters.values()])
