"""Zero-shot targets: a benchmark whose training split lacks label ranges.

Source: RankSim, Gong et al., ICML 2022, Fig. 5. Validation and test stay whole, since the question
is how well labels are predicted that no training sample has. Metrics get a region of their own for
them, ``zero``, so that ``few`` keeps its meaning: rare in training, but present.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dirsweep.config.file_content import content_hash
from dirsweep.data.base import Benchmark, Samples, SplitName
from dirsweep.data.label_ranges import LabelRange, in_range, range_text
from dirsweep.data.reduced import Reduced
from dirsweep.domain import plural
from dirsweep.errors import SpecError

#: the key of a sweep file that every error is about
KEY = "benchmark.zero_shot"


class ZeroShot(Reduced):
    """A benchmark without the training samples whose label lies in the given ranges.

    Args:
        whole: any benchmark; everything but the training split is its own.
        ranges: [low, high) in the label unit; a range that ends at the benchmark's highest label
            includes it.
    """

    def __init__(self, whole: Benchmark, ranges: tuple[LabelRange, ...]) -> None:
        super().__init__(whole)
        self.ranges = ranges

    @property
    def zero_shot(self) -> tuple[LabelRange, ...]:
        """The ranges, and those that the whole benchmark lacks."""
        return (*self.whole.zero_shot, *self.ranges)

    def prepare(self) -> None:
        """Prepare the whole benchmark and check that each range removes something.

        Raises:
            DataError: as the whole benchmark does.
            SpecError: see ``keep``.
        """
        self.whole.prepare()
        self.split("train")

    def fingerprint(self) -> str:
        """Hash the whole benchmark's fingerprint and the ranges."""
        ends = [end for span in self.ranges for end in span]
        return content_hash(self.whole.fingerprint(), *ends)

    def keep(self, name: SplitName, samples: Samples) -> NDArray[np.int64] | None:
        """Return the training rows outside the ranges.

        Raises:
            SpecError: a range holds no training sample, or the ranges leave none.
        """
        if name != "train":
            return None
        labels, highest = self.bin_labels(samples.labels), self.config.label_range[1]
        inside = [in_range(labels, span, highest) for span in self.ranges]
        for span, found in zip(self.ranges, inside, strict=True):
            if not found.any():
                raise SpecError(
                    f"{range_text(span)} contains no training label of {self.name}, so nothing "
                    "would be removed",
                    key=KEY,
                )
        kept: NDArray[np.int64] = np.flatnonzero(~np.any(inside, axis=0))
        if not len(kept):
            raise SpecError(
                f"would remove all {plural(len(samples), 'training sample')} of {self.name}; leave "
                "some labels to learn from",
                key=KEY,
            )
        return kept
