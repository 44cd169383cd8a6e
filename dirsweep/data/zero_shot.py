"""Zero-shot targets: a benchmark whose training split lacks label ranges (RankSim, Gong et al.,
ICML 2022, Fig. 5).

Validation and test stay whole: how well labels are predicted that no training sample has is what is
    asked. Metrics get
a region of their own for them, ``zero``, so that ``few`` keeps its meaning: seldom seen, but seen.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from dirsweep.data.base import Benchmark, LabelRange, Split, SplitName, Views, range_text
from dirsweep.data.cache import content_hash
from dirsweep.errors import SpecError

#: the key of a sweep file that all complaints are about
KEY = "benchmark.zero_shot"
_COPIED = (
    "name",
    "kind",
    "label_low",
    "label_high",
    "label_unit",
    "bin_width",
    "target_scale",
    "label_dim",
    "metrics",
    "synthetic",
    "many_above",
    "few_below",
)


class ZeroShot(Benchmark):
    """``whole`` without the training samples whose label lies in ``ranges``; everything else is
    ``whole``'s own.

    Args:
        whole: any benchmark.
        ranges: [low, high) in the label unit; a range that ends at the benchmark's highest label
            includes it.
    """

    def __init__(self, whole: Benchmark, ranges: tuple[LabelRange, ...]) -> None:
        self.whole, self.zero_shot = whole, ranges
        for name in _COPIED:
            setattr(self, name, getattr(whole, name))
        self._train: Split | None = None

    def prepare(self) -> None:
        """Also looks whether each range takes something away and something is left.

        Raises: DataError: as ``whole`` does. SpecError: see ``split``.
        """
        self.whole.prepare()
        self.split("train")

    def fingerprint(self) -> str:
        """Hash of the whole's fingerprint and the ranges."""
        return content_hash(
            self.whole.fingerprint(), *(end for span in self.zero_shot for end in span)
        )

    def split(self, name: SplitName) -> Split:
        """The training split reduced, the others whole.

        Raises: SpecError: a range that holds no training sample, or ranges that leave none.
        """
        if name != "train":
            return self.whole.split(name)
        if self._train is None:
            self._train = self._reduced(self.whole.split("train"))
        return self._train

    def views(self) -> Views:
        """The whole's."""
        return self.whole.views()

    def counted(self, labels: NDArray[np.float32]) -> NDArray[np.float32]:
        """The whole's."""
        return self.whole.counted(labels)

    def _reduced(self, split: Split) -> Split:
        labels = self.counted(split.labels)
        inside = [in_range(labels, span, self.label_high) for span in self.zero_shot]
        for span, found in zip(self.zero_shot, inside, strict=True):
            if not found.any():
                raise SpecError(
                    f"{range_text(span)} holds no training label of {self.name}, so nothing would be removed",
                    key=KEY,
                )
        kept = np.flatnonzero(~np.any(inside, axis=0))
        if not len(kept):
            raise SpecError(
                f"would remove all {len(split):,} training samples of {self.name}; leave some labels to learn from",
                key=KEY,
            )
        ids = tuple(split.ids[row] for row in kept)
        return Split(ids, _rows_of(split.inputs, kept), split.labels[kept])


def in_range(labels: NDArray[np.float32], span: LabelRange, label_high: float) -> NDArray[np.bool_]:
    """(N,) labels -> (N,) whether each lies in [low, high), or [low, high] where high is the
    highest label.
    """
    # as float32, so that 3.1 of a sweep file and 3.1 of the data are one number
    low, high = np.float32(span[0]), np.float32(span[1])
    found: NDArray[np.bool_] = (labels >= low) & (
        (labels <= high) if span[1] >= label_high else (labels < high)
    )
    return found


def _rows_of(inputs: Any, kept: NDArray[np.int64]) -> Any:
    if isinstance(inputs, tuple):  # text pairs: lists side by side
        return tuple([side[row] for row in kept] for side in inputs)
    # indexing a memory map would read all of it into the memory of every process
    return Rows(inputs, kept) if isinstance(inputs, np.memmap) else inputs[kept]


class Rows:
    """Some rows of an array, in their order, without a copy of it; indexed by rows as the array is.

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
        found: NDArray[Any] = self.array[
            self.kept[rows.numpy() if isinstance(rows, Tensor) else rows]
        ]
        return found

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self.array[self.kept], dtype=dtype)
