"""What a benchmark promises: splits, label range and unit, bins, shots, and how views of its inputs
are made.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import field_validator
from torch import Tensor

from dirsweep.config.trial import NamedConfig
from dirsweep.domain import LabelBins, ShotRule
from dirsweep.errors import DataError, SpecError

#: lowest label (included) and highest (not), label unit
LabelRange = tuple[float, float]
SplitName = Literal["train", "val", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "val", "test")


@dataclass(frozen=True)
class Split:
    """One split, in memory or memory-mapped, never written to.

    Attributes:
        ids: N sample ids, stable across machines (a file name, a row number).
        inputs: images: uint8 (N, H, W, 3) array or memory map; text pairs: a tuple of two lists of
            N strings.
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
        """One augmented view of a batch of raw inputs (N, ...); every call draws anew from
        ``generator`` (CPU).
        """

    @abstractmethod
    def evaluate(self, batch: Any) -> Tensor:
        """The batch without augmentation."""


class PlainViews(Views):
    """No augmentation: a second view is the same tensor, and dropout in the backbone makes the
    difference.
    """

    def train(self, batch: Any, generator: torch.Generator, strength: str = "standard") -> Tensor:
        """The batch as it is."""
        return torch.as_tensor(batch)

    def evaluate(self, batch: Any) -> Tensor:
        """The batch as it is."""
        return torch.as_tensor(batch)


class Benchmark(ABC):
    """A data set with its protocol. Built from a ``BenchmarkConfig``; cheap until ``split`` is
    called.

    Class or instance attributes every benchmark has: ``name``, ``kind`` (``image`` |
        ``text_pair``), ``label_low`` and
    ``label_high`` (the bins' range, label unit), ``label_unit`` (``years``), ``bin_width``,
    ``target_scale`` (labels are divided by it for training), ``metrics`` (names that
    ``training.metrics`` knows), ``synthetic``.
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
    #: label ranges of which the training split has no sample on purpose, see ``data.zero_shot``
    zero_shot: tuple[LabelRange, ...] = ()

    @abstractmethod
    def prepare(self) -> None:
        """Check that the data is there and build caches, once, before any worker starts.

        Safe to call from several processes at once. Raises: DataError: one line that says what is
        absent, how to obtain it, and what to run instead.
        """

    @abstractmethod
    def fingerprint(self) -> str:
        """Hash of the content that decides results, the same on every machine; cheap after
        ``prepare``.
        """

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
            raise DataError(
                f"{self.name}: labels {labels.shape} need a number each to be counted by; none is stated"
            )
        return labels

    @cached_property
    def bins(self) -> LabelBins:
        """The bins with training counts."""
        return LabelBins.from_labels(
            self.counted(self.split("train").labels),
            low=self.label_low,
            high=self.label_high,
            width=self.bin_width,
            shot_rule=ShotRule(self.many_above, self.few_below),
            zero_shot=self.zero_shot,
        )


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
    #: lowest and highest label, label unit, known before any data is read; None where only the data
    #: tells
    label_range: ClassVar[LabelRange | None] = None

    zero_shot: tuple[LabelRange, ...] | None = None
    """ranges such as [[0, 10], [60, 70]], label unit, low included and high not (but the highest
    label of all is), of whole label bins: their samples are taken out of the training split;
    validation and test stay whole; metrics get a region 'zero'
    """

    @field_validator("zero_shot", mode="before")
    @classmethod
    def _checked_ranges(cls, value: Any) -> Any:
        return None if value is None else _checked_ranges(value, cls.label_range)

    def build(self, cache: Path) -> Benchmark:
        """The whole benchmark; ``cache`` is a folder for what is derived from the data."""
        raise NotImplementedError

    def open(self, cache: Path) -> Benchmark:
        """The benchmark as the settings want it: without the label ranges of ``zero_shot`` in
        training.
        """
        from dirsweep.data.zero_shot import KEY, ZeroShot  # it needs this file

        whole = self.build(cache)
        if self.zero_shot is None:
            return whole
        try:
            _checked_ranges(self.zero_shot, (whole.label_low, whole.label_high))
            _check_edges(self.zero_shot, whole)
        except ValueError as error:
            raise SpecError(str(error), key=KEY) from None
        return ZeroShot(whole, self.zero_shot)

    def to_dict(self) -> dict[str, Any]:
        """As of every named config; without ``zero_shot`` where there is none, as trials have
        always been named.
        """
        plain = super().to_dict()
        if self.zero_shot is None:
            del plain["zero_shot"]
        return plain

    def identity(self) -> dict[str, Any]:
        """The settings without locations."""
        return {key: value for key, value in self.to_dict().items() if key not in self.locations}


def range_text(span: Sequence[float]) -> str:
    """``[60, 70]``."""
    return f"[{', '.join(f'{end:g}' for end in span)}]"


def _checked_ranges(value: Any, label_range: LabelRange | None) -> tuple[LabelRange, ...]:
    """Sorted, and joined where they touch: equal settings are spelt alike. Raises: ValueError."""
    if not isinstance(value, (list, tuple)):
        raise ValueError("expected a list of ranges such as [[0, 10], [60, 70]]")
    if not value:
        raise ValueError("empty: leave it out, or give at least one range such as [[0, 10]]")
    for span in value:
        if not (isinstance(span, (list, tuple)) and len(span) == 2 and all(map(_is_number, span))):
            raise ValueError(
                f"expected ranges of two numbers such as [[0, 10], [60, 70]], got {span}"
            )
        if span[0] >= span[1]:
            raise ValueError(f"{range_text(span)}: low must be below high")
        if label_range is not None and not label_range[0] <= span[0] < span[1] <= label_range[1]:
            raise ValueError(
                f"{range_text(span)} is not within the labels, {range_text(label_range)}"
            )
    joined: list[LabelRange] = []
    for low, high in sorted((float(low), float(high)) for low, high in value):
        if joined and low <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(high, joined[-1][1])
        else:
            joined.append((low, high))
    if label_range is not None and tuple(joined) == (label_range,):
        raise ValueError(f"{range_text(joined[0])} is every label; leave some to learn from")
    return tuple(joined)


def _check_edges(ranges: Sequence[LabelRange], whole: Benchmark) -> None:
    """A range that ends inside a bin would leave some of its labels in training. Raises:
    ValueError.
    """
    for end in (end for span in ranges for end in span if end < whole.label_high):
        place = (end - whole.label_low) / whole.bin_width
        if abs(place - round(place)) > 1e-6:
            below, above = (
                whole.label_low + whole.bin_width * (math.floor(place) + step) for step in (0, 1)
            )
            raise ValueError(
                f"{end:g} is inside the bin [{below:g}, {above:g}); a range starts and ends between bins, "
                f"here at {below:g} or {above:g}"
            )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
