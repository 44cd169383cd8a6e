"""Samples that a training reads, batch by batch."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, NamedTuple, TypeVar, cast

import torch
from numpy.typing import NDArray
from torch import Tensor

from dirsweep.data.base import Benchmark, SplitName
from dirsweep.training.inputs import Inputs
from dirsweep.training.seeding import Generators

T = TypeVar("T")

#: how a view is augmented: the benchmark's own augmentation, or a stronger one
ViewStrength = Literal["standard", "strong"]

#: samples per batch where no gradient is needed
EVAL_BATCH_SIZE = 256


class Batch(NamedTuple):
    """One training batch of N samples on the CPU.

    Attributes:
        indices: (N,) int64, positions in the training split.
        views: V tensors (N, ...), one per augmented view.
    """

    indices: Tensor
    views: list[Tensor]


@dataclass(frozen=True)
class TrainingData:
    """Splits of a benchmark as one training uses them.

    Attributes:
        inputs: the encoded splits, shared by all trainings of the process.
        samples: (N,) int64 per split, positions of the samples to use.
        sample_weights: (N_train,) float32 on ``device``, weights of the regression loss.
        device: where the training runs.
        keep_single: whether a last batch of one sample is trained on.
    """

    inputs: Inputs
    samples: Mapping[SplitName, Tensor]
    sample_weights: Tensor
    device: torch.device
    keep_single: bool = False

    @property
    def benchmark(self) -> Benchmark:
        """The benchmark that the splits belong to."""
        return self.inputs.benchmark

    @cached_property
    def train_labels(self) -> Tensor:
        """(N_train,) or (N_train, K) float32 on ``device``, label unit."""
        return self.inputs.labels["train"].to(self.device)

    def labels(self, split: SplitName) -> NDArray[Any]:
        """Return the labels of the used samples, (N,) or (N, K), label unit."""
        return self.inputs.labels[split][self.samples[split]].numpy()

    def sample_ids(self, split: SplitName) -> list[str]:
        """Return the benchmark's ids of the used samples."""
        ids = self.inputs.ids[split]
        return [ids[position] for position in self.samples[split].tolist()]

    def using(self, samples: Mapping[SplitName, Tensor]) -> TrainingData:
        """Return the same data with other samples; splits left out stay as they are."""
        return replace(self, samples={**self.samples, **samples})

    def num_steps(self, batch_size: int) -> int:
        """Return how many batches an epoch has."""
        return num_steps(len(self.samples["train"]), batch_size, keep_single=self.keep_single)

    def train_batches(
        self, batch_size: int, strengths: Sequence[ViewStrength], generators: Generators
    ) -> Iterator[Batch]:
        """Yield the shuffled batches of one epoch.

        Args:
            batch_size: samples per batch; the last batch may be smaller.
            strengths: augmentation of each view.
            generators: the trial's random streams for shuffling and augmentation.

        Yields:
            Batches in order; loading stops after ``num_steps`` of them.
        """
        samples = self.samples["train"]
        order = samples[torch.randperm(len(samples), generator=generators.order)]
        views = self.inputs.views
        for indices in order.split(batch_size)[: self.num_steps(batch_size)]:
            raw = self.inputs.gather("train", indices)
            yield Batch(
                indices, [views.train(raw, generators.views, strength) for strength in strengths]
            )

    def eval_batches(self, split: SplitName) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (N,) positions and (N, ...) inputs of a split in order, without augmentation."""
        for indices in self.samples[split].split(EVAL_BATCH_SIZE):
            yield indices, self.inputs.views.evaluate(self.inputs.gather(split, indices))


def num_steps(num_train: int, batch_size: int, *, keep_single: bool = False) -> int:
    """Return how many batches an epoch over ``num_train`` samples has.

    Args:
        num_train: samples.
        batch_size: samples per batch.
        keep_single: whether a last batch of one sample counts; it has no batch statistics and no
            pairs.
    """
    has_last = num_train % batch_size > (0 if keep_single else 1)
    return max(1, num_train // batch_size + has_last)


def prefetched(items: Iterable[T], device: torch.device) -> Generator[T, None, None]:
    """Yield ``items`` in order; on a GPU, a thread makes the next item during computation."""
    if device.type != "cuda":
        yield from items
        return
    source, end = iter(items), object()
    with ThreadPoolExecutor(max_workers=1) as pool:
        pending = pool.submit(next, source, end)
        while (item := pending.result()) is not end:
            pending = pool.submit(next, source, end)
            yield cast(T, item)
