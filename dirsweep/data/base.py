"""What a benchmark promises: splits, label range and unit, bins, shots, and how views of its inputs are made."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dirsweep.data.histogram import LabelBins
from dirsweep.errors import DataError
from dirsweep.spec.schema import NamedConfig

SplitName = Literal["train", "val", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "val", "test")


@dataclass(frozen=True)
class Split:
    """One split, in memory or memory-mapped, never written to.

    Attributes:
        ids: N sample ids, stable across machines (a file name, a row number).
        inputs: images: uint8 (N, H, W, 3) array or memory map; text pairs: a tuple of two lists of N strings.
        labels: (N,) or (N, K) float32, in the label unit.
    """

    ids: tuple[str, ...]
    inputs: Any
    labels: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.ids)


class Views(ABC):
    """Turns gathered inputs of a batch into what a backbone eats. Vectorised over the batch."""

    @abstractmethod
    def train(self, batch: Any, generator: torch.Generator, strength: str = "standard") -> Tensor:
        """One augmented view of a batch of raw inputs (N, ...); every call draws anew from ``generator`` (CPU)."""

    @abstractmethod
    def evaluate(self, batch: Any) -> Tensor:
        """The batch without augmentation."""


class PlainViews(Views):
    """No augmentation: a second view is the same tensor, and dropout in the backbone makes the difference."""

    def train(self, batch: Any, generator: torch.Generator, strength: str = "standard") -> Tensor:
        """The batch as it is."""
        return torch.as_tensor(batch)

    def evaluate(self, batch: Any) -> Tensor:
        """The batch as it is."""
        return torch.as_tensor(batch)


class Benchmark(ABC):
    """A data set with its protocol. Built from a ``BenchmarkConfig``; cheap until ``split`` is called.

    Class or instance attributes every benchmark has: ``name``, ``kind`` (``image`` | ``text_pair``), ``label_low`` and
    ``label_high`` (the bins' range, label unit), ``label_unit`` (``years``), ``bin_width``, ``target_scale`` (labels
    are divided by it for training), ``metrics`` (names that ``training.metrics`` knows), ``synthetic``.
    """

    name: str
    kind: Literal["image", "text_pair"]
    label_low: float
    label_high: float
    label_unit: str
    bin_width: float
    target_scale: float = 1.0
    label_dim: int = 1
    metrics: tuple[str, ...] = ("mae", "mse", "rmse", "gm", "pearson", "spearman")
    synthetic: bool = False
    many_above: int = 100
    few_below: int = 20

    @abstractmethod
    def prepare(self) -> None:
        """Check that the data is there and build caches, once, before any worker starts.

        Safe to call from several processes at once. Raises: DataError: one line that says what is absent, how to obtain
        it, and what to run instead.
        """

    @abstractmethod
    def fingerprint(self) -> str:
        """Hash of the content that decides results, the same on every machine; cheap after ``prepare``."""

    @abstractmethod
    def split(self, name: SplitName) -> Split:
        """One split. Loaded once per process and kept."""

    @abstractmethod
    def views(self) -> Views:
        """How batches of this benchmark's inputs become tensors."""

    def counted(self, labels: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N,) or (N, K) labels -> (N,) what bins and shot regions go by: a scalar label itself.

        A benchmark with K-dimensional labels says which number that is (an angle, a mean depth).
        Raises: DataError: it does not.
        """
        if labels.ndim != 1:
            raise DataError(f"{self.name}: labels {labels.shape} need a number each to be counted by; none is stated")
        return labels

    @cached_property
    def bins(self) -> LabelBins:
        """The bins with training counts."""
        return LabelBins.from_labels(
            self.counted(self.split("train").labels), low=self.label_low, high=self.label_high, width=self.bin_width,
            many_above=self.many_above, few_below=self.few_below,
        )  # fmt: skip


class BenchmarkConfig(NamedConfig):
    """Parent of every benchmark's settings."""

    #: keys that say where the data lies, not what it is: no part of a trial's identity
    locations: ClassVar[frozenset[str]] = frozenset({"root"})
    #: the metrics the benchmark reports, known before any data is read
    metrics: ClassVar[tuple[str, ...]] = ("mae", "mse", "rmse", "gm", "pearson", "spearman")
    synthetic: ClassVar[bool] = False
    #: what the inputs are; a backbone states which kinds it accepts
    kind: ClassVar[Literal["image", "text_pair"]] = "image"
    #: 1 for scalar labels, else K of labels (N, K)
    label_dim: ClassVar[int] = 1

    def build(self, cache: Path) -> Benchmark:
        """The benchmark; ``cache`` is a folder for what is derived from the data."""
        raise NotImplementedError

    def identity(self) -> dict[str, Any]:
        """The settings without locations."""
        return {key: value for key, value in self.to_dict().items() if key not in self.locations}
