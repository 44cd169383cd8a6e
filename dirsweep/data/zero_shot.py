"""Zero-shot targets: a benchmark whose training split lacks label ranges.

Source: RankSim, Gong et al., ICML 2022, Fig. 5. Validation and test stay whole, since the question
is how well labels are predicted that no training sample has. Metrics get a region of their own for
them, ``zero``, so that ``few`` keeps its meaning: rare in training, but present.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from dirsweep.config.file_content import content_hash
from dirsweep.data.base import Benchmark, Split, SplitName, Views
from dirsweep.data.label_ranges import LabelRange, range_text
from dirsweep.domain import plural
from dirsweep.errors import SpecError

#: the key of a sweep file that every error is about
KEY = "benchmark.zero_shot"


class ZeroShot(Benchmark):
    """A benchmark without the training samples whose label lies in the given ranges.

    Args:
        whole: any benchmark; everything but the training split is its own.
        ranges: [low, high) in the label unit; a range that ends at the benchmark's highest label
            includes it.
    """

    def __init__(self, whole: Benchmark, ranges: tuple[LabelRange, ...]) -> None:
        super().__init__(whole.config)
        self.whole, self.zero_shot = whole, ranges
        self._train: Split | None = None

    def prepare(self) -> None:
        """Prepare the whole benchmark and check that each range removes something.

        Raises:
            DataError: as the whole benchmark does.
            SpecError: see ``split``.
        """
        self.whole.prepare()
        self.split("train")

    def fingerprint(self) -> str:
        """Hash the whole benchmark's fingerprint and the ranges."""
        ends = [end for span in self.zero_shot for end in span]
        return content_hash(self.whole.fingerprint(), *ends)

    def split(self, name: SplitName) -> Split:
        """Return the reduced training split, or another split whole.

        Raises:
            SpecError: a range holds no training sample, or the ranges leave none.
        """
        if name != "train":
            return self.whole.split(name)
        if self._train is None:
            self._train = self._reduced(self.whole.split("train"))
        return self._train

    def views(self) -> Views:
        """Return the whole benchmark's views."""
        return self.whole.views()

    def bin_labels(self, labels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the number by which the whole benchmark bins each label, (N, ...) -> (N,)."""
        return self.whole.bin_labels(labels)

    def _reduced(self, split: Split) -> Split:
        labels, highest = self.bin_labels(split.labels), self.config.label_range[1]
        inside = [in_range(labels, span, highest) for span in self.zero_shot]
        for span, found in zip(self.zero_shot, inside, strict=True):
            if not found.any():
                raise SpecError(
                    f"{range_text(span)} contains no training label of {self.name}, so nothing "
                    "would be removed",
                    key=KEY,
                )
        kept = np.flatnonzero(~np.any(inside, axis=0))
        if not len(kept):
            raise SpecError(
                f"would remove all {plural(len(split), 'training sample')} of {self.name}; leave "
                "some labels to learn from",
                key=KEY,
            )
        ids = tuple(split.ids[row] for row in kept)
        return Split(ids, _rows_of(split.inputs, kept), split.labels[kept])


def in_range(labels: NDArray[np.float32], span: LabelRange, highest: float) -> NDArray[np.bool_]:
    """Mark the labels inside a range.

    Args:
        labels: (N,), label unit.
        span: [low, high), or [low, high] where high is the highest label.
        highest: the highest label of the benchmark.

    Returns:
        (N,) bool.
    """
    # as float32, so that 3.1 of a sweep file and 3.1 of the data are one number
    low, high = np.float32(span[0]), np.float32(span[1])
    below = labels <= high if span[1] >= highest else labels < high
    found: NDArray[np.bool_] = (labels >= low) & below
    return found


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
