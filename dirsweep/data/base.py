"""Base types of benchmarks: config class with the facts, benchmark, split, views."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import field_validator
from torch import Tensor

from dirsweep.config.benchmark_defaults import BenchmarkDefault
from dirsweep.config.model import AddedLater, without_added
from dirsweep.config.trial import NamedConfig
from dirsweep.data.label_ranges import LabelRange, checked_ranges
from dirsweep.data.label_settings import LabelSettings
from dirsweep.data.splits import SPLITS as SPLITS
from dirsweep.data.splits import SplitName as SplitName
from dirsweep.domain import METRICS, SCALAR_METRICS, LabelBins, ShotRule
from dirsweep.errors import DataError, RegistryError

#: what the inputs are; a backbone states which kinds it accepts
InputKind = Literal["image", "text_pair"]
#: more bins than this are a slip: a bin width in another unit than the labels
MAX_BINS = 100_000


@dataclass(frozen=True)
class Samples:
    """Ids and labels of one split, without its inputs.

    Attributes:
        ids: N sample ids, as in ``Split``.
        labels: (N,) or (N, K) float32, in the label unit.
    """

    ids: tuple[str, ...]
    labels: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.ids)


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
    """Turns a batch of raw inputs into what a backbone takes, vectorised over the batch."""

    @abstractmethod
    def train(self, batch: Any, generator: torch.Generator, strength: str = "standard") -> Tensor:
        """Make one augmented view of each sample.

        Args:
            batch: (N, ...) raw inputs.
            generator: on the CPU, the only source of randomness; every call draws anew.
            strength: ``standard`` or ``strong``.

        Returns:
            (N, ...), what the backbone takes.
        """

    @abstractmethod
    def evaluate(self, batch: Any) -> Tensor:
        """Prepare a batch without augmentation, (N, ...) -> (N, ...)."""


class PlainViews(Views):
    """No augmentation; two views of a sample are equal, and only dropout tells them apart."""

    def train(self, batch: Any, generator: torch.Generator, strength: str = "standard") -> Tensor:
        """Return the batch as a tensor."""
        return torch.as_tensor(batch)

    def evaluate(self, batch: Any) -> Tensor:
        """Return the batch as a tensor."""
        return torch.as_tensor(batch)


class BenchmarkConfig(NamedConfig):
    """Parent of every benchmark's settings, and the only owner of its facts.

    Class attributes state what is known before any data is read; ``Benchmark`` refers to them.
    """

    #: what the inputs are
    kind: ClassVar[InputKind] = "image"
    #: lowest and highest label, label unit; the label bins cover this range
    label_range: ClassVar[LabelRange]
    #: ``years``
    label_unit: ClassVar[str]
    #: width of a label bin, label unit
    bin_width: ClassVar[float]
    #: labels are divided by it for training
    target_scale: ClassVar[float] = 1.0
    #: 1 for scalar labels, else K of labels (N, K)
    label_dim: ClassVar[int] = 1
    #: the metrics the benchmark reports, keys of ``domain.METRICS``
    metrics: ClassVar[tuple[str, ...]] = SCALAR_METRICS
    #: smaller absolute errors count as this in the geometric mean, label unit; 0: an exact
    #: prediction makes it 0
    smallest_error: ClassVar[float] = 0.0
    #: whether the data is synthetic: every table, console line and plot says so
    synthetic: ClassVar[bool] = False
    #: labels at most so far apart are similar, ConR's 1 / omega, label unit; None: one bin
    similar_within: ClassVar[float | None] = None
    #: settings of techniques that replace their own defaults on this benchmark
    technique_defaults: ClassVar[tuple[BenchmarkDefault, ...]] = ()
    #: keys that say where the data lies, not what it is: no part of a trial's identity
    locations: ClassVar[frozenset[str]] = frozenset({"root"})

    zero_shot: Annotated[tuple[LabelRange, ...] | None, AddedLater()] = None
    """ranges such as [[0, 10], [60, 70]], label unit, low included and high not (but the highest
    label of all is), of whole label bins: their samples are taken out of the training split;
    validation and test stay whole; metrics get a region 'zero'
    """

    labels: Annotated[LabelSettings | None, AddedLater()] = None
    """another label distribution than the benchmark's own: label ranges that are kept, flattened or
    listed training counts
    """

    @classmethod
    def check_class(cls) -> None:
        """Check that the class states its facts, and that they can be true.

        Raises:
            RegistryError: one line about the first fact that is absent or wrong.
        """
        absent = [name for name in _REQUIRED if getattr(cls, name, None) is None]
        if absent:
            raise RegistryError(f"{cls.__name__}: the class must state {', '.join(absent)}")
        problem = _wrong_fact(cls)
        if problem:
            raise RegistryError(f"{cls.__name__}: {problem}")

    @field_validator("zero_shot", mode="before")
    @classmethod
    def _checked_ranges(cls, value: Any) -> Any:
        return None if value is None else checked_ranges(value, cls.label_range, cls.bin_width)

    @field_validator("labels")
    @classmethod
    def _checked_labels(cls, value: LabelSettings | None) -> LabelSettings | None:
        return None if value is None else value.checked(cls.label_range, cls.bin_width)

    @property
    def may_lack_labels(self) -> bool:
        """Whether the settings may take label bins out of training that are tested on."""
        emptied = self.labels is not None and self.labels.may_empty_bins
        return self.zero_shot is not None or emptied

    @property
    def shot_rule(self) -> ShotRule:
        """How many training labels make a bin many- or few-shot; a benchmark may state its own."""
        return ShotRule()

    def build(self, cache: Path) -> Benchmark:
        """Make the whole benchmark, without regard to ``labels`` and ``zero_shot``.

        Args:
            cache: folder for what is derived from the data.
        """
        raise NotImplementedError

    def open(self, cache: Path) -> Benchmark:
        """Make the benchmark with the label distribution that ``labels`` and ``zero_shot`` ask for.

        The training split lacks the label ranges of ``zero_shot``.
        """
        from dirsweep.data.label_distribution import LabelDistribution  # they need this file
        from dirsweep.data.zero_shot import ZeroShot

        benchmark = self.build(cache)
        if self.labels is not None:
            benchmark = LabelDistribution(benchmark, self.labels)
        return benchmark if self.zero_shot is None else ZeroShot(benchmark, self.zero_shot)

    def to_dict(self) -> dict[str, Any]:
        """Return name and parameters, without added ones at their defaults."""
        return without_added(self, super().to_dict())

    def identity(self) -> dict[str, Any]:
        """Return the settings without locations."""
        plain = {key: value for key, value in self.to_dict().items() if key not in self.locations}
        if self.labels is not None:
            plain["labels"] = self.labels.identity()
        return plain


class Benchmark(ABC):
    """A data set with its protocol; cheap to make, reads nothing before ``prepare`` or ``split``.

    Args:
        config: its settings; every fact is read from their class, so that nothing can disagree.
    """

    def __init__(self, config: BenchmarkConfig) -> None:
        self.config = config

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        stated = sorted(_FACTS & vars(cls).keys())
        if stated:
            raise TypeError(
                f"{cls.__name__}: {', '.join(stated)}: facts belong on the benchmark's config class"
            )

    @abstractmethod
    def prepare(self) -> None:
        """Check that the data is there and build caches, once, before any worker starts.

        Several processes may call it at once.

        Raises:
            DataError: one line that says what is absent, how to obtain it, and what to run instead.
        """

    @abstractmethod
    def fingerprint(self) -> str:
        """Hash the content that decides results; equal on every machine, cheap after ``prepare``.

        Raises:
            DataError: the data is absent.
        """

    @abstractmethod
    def split(self, name: SplitName) -> Split:
        """Return one split; loaded once per process and kept."""

    @property
    def zero_shot(self) -> tuple[LabelRange, ...]:
        """Label ranges that the training split lacks on purpose, see ``data.zero_shot``."""
        return ()

    def samples(self, name: SplitName) -> Samples:
        """Return ids and labels of one split.

        A benchmark that knows them without its inputs overrides it, so that label statistics need
        no pictures.
        """
        split = self.split(name)
        return Samples(split.ids, split.labels)

    def person_of(self, sample_id: str) -> str | None:
        """Return who a sample shows, where its id tells; None where it does not."""
        return None

    @property
    def variant(self) -> str:
        """Which of several splits in circulation the data is; empty where there is only one."""
        return ""

    def read_samples(self, path: Path) -> Split:
        """Read samples outside of the splits; labels are NaN where there are none."""
        raise DataError(f"{path}: {self.name} takes no samples outside of its own splits")

    @abstractmethod
    def views(self) -> Views:
        """Return what turns batches of this benchmark's inputs into tensors."""

    def bin_labels(self, labels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the number by which each label is binned: a scalar label itself.

        A benchmark with labels of K dimensions says which number that is (an angle, a mean depth).

        Args:
            labels: (N,) or (N, K), label unit.

        Returns:
            (N,), label unit.

        Raises:
            DataError: the labels are no scalars and the benchmark does not say.
        """
        if labels.ndim != 1:
            raise DataError(
                f"{self.name}: labels {labels.shape} are no scalars; its class must override "
                "bin_labels to say by which number they are binned"
            )
        return labels

    @cached_property
    def bins(self) -> LabelBins:
        """The label bins with training counts."""
        low, high = self.config.label_range
        return LabelBins.from_labels(
            self.bin_labels(self.samples("train").labels),
            low=low,
            high=high,
            width=self.config.bin_width,
            shot_rule=self.config.shot_rule,
            zero_shot=self.zero_shot,
        )

    # ---- facts, read from the config class

    @property
    def name(self) -> str:
        """The registered name."""
        return self.config.registered_name

    @property
    def kind(self) -> InputKind:
        """What the inputs are."""
        return self.config.kind

    @property
    def label_dim(self) -> int:
        """1 for scalar labels, else K."""
        return self.config.label_dim

    @property
    def target_scale(self) -> float:
        """Labels are divided by it for training."""
        return self.config.target_scale

    @property
    def similar_within(self) -> float:
        """Labels at most so far apart are similar, label unit."""
        own = self.config.similar_within
        return self.config.bin_width if own is None else own

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics it reports."""
        return self.config.metrics

    @property
    def synthetic(self) -> bool:
        """Whether the data is synthetic."""
        return self.config.synthetic


#: facts without a default
_REQUIRED = ("label_range", "label_unit", "bin_width")


def _wrong_fact(cls: type[BenchmarkConfig]) -> str | None:
    """Say which fact of a benchmark's class cannot be true; None where all can."""
    try:
        low, high = (float(end) for end in cls.label_range)
        width, scale = float(cls.bin_width), float(cls.target_scale)
    except (TypeError, ValueError):
        return "label_range takes two numbers (lowest, highest), bin_width and target_scale one"
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        return f"label_range ({low:g}, {high:g}): expected lowest < highest, both finite"
    if not 0 < width <= high - low:
        return f"bin_width {width:g}: expected a number above 0, at most {high - low:g} (the range)"
    if (high - low) / width > MAX_BINS:
        return f"bin_width {width:g} makes more than {MAX_BINS:,} bins of {low:g} to {high:g}"
    if not (math.isfinite(scale) and scale > 0):
        return f"target_scale {scale:g}: expected a number above 0"
    return _wrong_name(cls)


def _wrong_name(cls: type[BenchmarkConfig]) -> str | None:
    if cls.kind not in get_args(InputKind):
        return f"kind {cls.kind!r}: expected one of {', '.join(get_args(InputKind))}"
    unknown = [name for name in cls.metrics if name not in METRICS]
    if unknown or not cls.metrics:
        found = ", ".join(map(str, unknown)) or "none"
        return f"metrics: unknown {found} (known: {', '.join(sorted(METRICS))})"
    return None


_FACTS = frozenset(
    {
        "name",
        "kind",
        "label_range",
        "label_low",
        "label_high",
        "label_unit",
        "label_dim",
        "bin_width",
        "target_scale",
        "metrics",
        "similar_within",
        "synthetic",
        "shot_rule",
        "many_above",
        "few_below",
    }
)
