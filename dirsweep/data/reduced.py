"""A benchmark whose splits are parts of another benchmark's splits."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from dirsweep.data.base import Benchmark, Samples, Split, SplitName, Views


class Reduced(Benchmark):
    """A benchmark without some samples of another one.

    Args:
        whole: any benchmark; whatever is not taken out is its own.
    """

    def __init__(self, whole: Benchmark) -> None:
        super().__init__(whole.config)
        self.whole = whole
        self._kept: dict[SplitName, NDArray[np.int64] | None] = {}
        self._splits: dict[SplitName, Split] = {}

    @abstractmethod
    def keep(self, name: SplitName, samples: Samples) -> NDArray[np.int64] | None:
        """Return which rows of a split of the whole benchmark stay; None for all of them.

        Args:
            name: of the split.
            samples: of the whole split.

        Raises:
            SpecError: the settings do not suit the data.
        """

    @property
    def source(self) -> Benchmark:
        """The benchmark from which nothing is taken out."""
        return self.whole.source if isinstance(self.whole, Reduced) else self.whole

    def split(self, name: SplitName) -> Split:
        """Return what stays of a split.

        Raises:
            SpecError: see ``keep``.
        """
        rows = self._rows(name)
        if rows is None:
            return self.whole.split(name)
        if name not in self._splits:
            split = self.whole.split(name)
            ids = tuple(split.ids[row] for row in rows)
            self._splits[name] = Split(ids, _rows_of(split.inputs, rows), split.labels[rows])
        return self._splits[name]

    def samples(self, name: SplitName) -> Samples:
        """Return ids and labels of what stays of a split.

        Raises:
            SpecError: see ``keep``.
        """
        rows, samples = self._rows(name), self.whole.samples(name)
        if rows is None:
            return samples
        return Samples(tuple(samples.ids[row] for row in rows), samples.labels[rows])

    def read_samples(self, path: Path) -> Split:
        """Read samples outside of the splits, as the whole benchmark does."""
        return self.whole.read_samples(path)

    def views(self) -> Views:
        """Return the whole benchmark's views."""
        return self.whole.views()

    def bin_labels(self, labels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the number by which the whole benchmark bins each label, (N, ...) -> (N,)."""
        return self.whole.bin_labels(labels)

    def person_of(self, sample_id: str) -> str | None:
        """Return who a sample shows, as the whole benchmark does."""
        return self.whole.person_of(sample_id)

    @property
    def variant(self) -> str:
        """Which of several splits in circulation the whole benchmark is."""
        return self.whole.variant

    def _rows(self, name: SplitName) -> NDArray[np.int64] | None:
        if name not in self._kept:
            self._kept[name] = self.keep(name, self.whole.samples(name))
        return self._kept[name]


def _rows_of(inputs: Any, kept: NDArray[np.int64]) -> Any:
    if isinstance(inputs, tuple):  # text pairs: lists side by side
        return tuple([side[row] for row in kept] for side in inputs)
    # indexing a memory map would read all of it into the memory of every process
    return Rows(inputs, kept) if isinstance(inputs, np.memmap) else inputs[kept]


class Rows:
    """Some rows of an array, in their order, without a copy of it; indexed as the array is.

    Args:
        array: (M, ...).
        kept: (N,) row numbers.
    """

    def __init__(self, array: NDArray[Any], kept: NDArray[np.int64]) -> None:
        self.array, self.kept = array, kept
        self.shape, self.dtype = (len(kept), *array.shape[1:]), array.dtype

    def __len__(self) -> int:
        return len(self.kept)

    def __getitem__(self, rows: Any) -> NDArray[Any]:
        numbers = rows.numpy() if isinstance(rows, Tensor) else rows
        found: NDArray[Any] = self.array[self.kept[numbers]]
        return found

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self.array[self.kept], dtype=dtype)
