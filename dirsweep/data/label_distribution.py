"""A benchmark with another label distribution: ranges kept, training counts flattened or listed.

Source: RankSim, Gong et al., ICML 2022, Fig. 3a (a balanced subset) and Fig. 5 (a hand-drawn
distribution of training labels).
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dirsweep.config.file_content import content_hash
from dirsweep.config.trial import canonical_json
from dirsweep.data.base import SPLITS, Benchmark, Samples, SplitName
from dirsweep.data.label_ranges import LabelRange, in_range, range_text
from dirsweep.data.label_settings import LabelSettings
from dirsweep.data.reduced import Reduced
from dirsweep.data.splits import SPLIT_WORDS
from dirsweep.data.text_files import check_header, csv_rows, lines_of, number_of, read_bytes
from dirsweep.domain import LabelBins, plural
from dirsweep.errors import DataError, SpecError

#: the key of a sweep file that every error is about
KEY = "benchmark.labels"
_COLUMNS = ("label", "count")


class LabelDistribution(Reduced):
    """A benchmark of which only some samples stay, chosen by their labels.

    Args:
        whole: any benchmark.
        settings: what stays.
    """

    def __init__(self, whole: Benchmark, settings: LabelSettings) -> None:
        super().__init__(whole)
        self.settings = settings

    def prepare(self) -> None:
        """Prepare the whole benchmark and check that the settings suit its labels.

        Raises:
            DataError: as the whole benchmark does; or the file of counts is broken.
            SpecError: see ``keep``.
        """
        self.whole.prepare()
        for name in SPLITS:
            self.samples(name)

    def fingerprint(self) -> str:
        """Hash the whole benchmark's fingerprint, the settings and the listed counts."""
        counts = [] if self._counts is None else self._counts.tolist()
        settings = canonical_json(self.settings.identity())
        return content_hash(self.whole.fingerprint(), settings, *counts)

    @property
    def zero_shot(self) -> tuple[LabelRange, ...]:
        """The bins that lost all of their training samples and are tested on."""
        bins = self._whole_bins
        now = self._count("train")
        tested = self._count("val") + self._count("test")
        emptied = (bins.counts > 0) & (now == 0) & (tested > 0)
        edges = bins.edges.tolist()
        return tuple((edges[bin_], edges[bin_ + 1]) for bin_ in np.flatnonzero(emptied).tolist())

    def keep(self, name: SplitName, samples: Samples) -> NDArray[np.int64] | None:
        """Return the rows that stay: those of the ranges, and of training those of the counts.

        Raises:
            DataError: the file of counts cannot be read or is broken.
            SpecError: a range holds no sample of a split; nothing would change; counts that are
                larger than there are samples; no training sample would stay.
        """
        labels = self.bin_labels(samples.labels)
        stays = np.ones(len(labels), dtype=np.bool_)
        if self.settings.keep is not None and name in self.settings.splits:
            stays = self._inside(name, labels)
        if name == "train" and (self._counts is not None or self.settings.flatten is not None):
            stays = self._thinned(samples, stays)
        if not stays.any():
            raise SpecError(
                f"would remove every {SPLIT_WORDS[name]} sample of {self.name}", key=KEY
            )
        return None if stays.all() else np.flatnonzero(stays)

    def _inside(self, name: SplitName, labels: NDArray[np.float32]) -> NDArray[np.bool_]:
        """(N,) whether each label lies in a range that is kept."""
        assert self.settings.keep is not None
        highest = self.config.label_range[1]
        inside = [in_range(labels, span, highest) for span in self.settings.keep]
        for span, found in zip(self.settings.keep, inside, strict=True):
            if not found.any():
                raise SpecError(
                    f"{range_text(span)} contains no {SPLIT_WORDS[name]} label of {self.name}",
                    key=f"{KEY}.keep",
                )
        kept: NDArray[np.bool_] = np.any(inside, axis=0)
        return kept

    def _thinned(self, samples: Samples, stays: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """(N,) whether each training sample stays, given those that the ranges leave."""
        positions = self._whole_bins.bin_of(self.bin_labels(samples.labels))
        present = np.bincount(positions[stays], minlength=self._whole_bins.num_bins)
        wanted = self._wanted(present)
        if (wanted == present).all():
            most = plural(int(present.max()), "training sample")
            what = f"changes nothing: no label bin has more than {most}"
            if self._counts is not None:
                what = "changes nothing: every label bin has its count of training samples already"
            key = "flatten" if self._counts is None else "counts"
            raise SpecError(what, key=f"{KEY}.{key}")
        rank = np.full(len(positions), len(positions))
        seen = np.zeros_like(present)
        order = sorted(np.flatnonzero(stays).tolist(), key=lambda row: _place_of(samples.ids[row]))
        for row in order:
            rank[row] = seen[positions[row]]
            seen[positions[row]] += 1
        thinned: NDArray[np.bool_] = rank < wanted[positions]
        return thinned

    def _wanted(self, present: NDArray[np.int64]) -> NDArray[np.int64]:
        """(B,) training samples that stay, given those (B,) that there are."""
        wanted = present
        if self._counts is not None:
            short = np.flatnonzero(self._counts > present)
            if len(short):
                bin_ = int(short[0])
                label = f"{self._whole_bins.edges[bin_]:g}"
                raise SpecError(
                    f"{self.settings.counts}: label {label}: count {self._counts[bin_]}, but there "
                    f"are only {plural(int(present[bin_]), 'training sample')}",
                    key=f"{KEY}.counts",
                )
            wanted = self._counts
        flat = self.settings.flatten
        return wanted if flat is None else np.minimum(wanted, flat)

    @cached_property
    def _counts(self) -> NDArray[np.int64] | None:
        if self.settings.counts is None:
            return None
        file = Path(self.settings.counts)
        return read_counts(read_bytes(file), file, self._whole_bins)

    @cached_property
    def _whole_bins(self) -> LabelBins:
        return self.whole.bins

    def _count(self, name: SplitName) -> NDArray[np.int64]:
        """(B,) samples of a split that stay in each bin."""
        positions = self._whole_bins.bin_of(self.bin_labels(self.samples(name).labels))
        counts: NDArray[np.int64] = np.bincount(positions, minlength=self._whole_bins.num_bins)
        return counts


def read_counts(content: bytes, file: Path, bins: LabelBins) -> NDArray[np.int64]:
    """Read how many training samples each label bin keeps.

    Args:
        content: of the file.
        file: where it comes from, for messages.
        bins: of the benchmark; a label stands for the bin that it lies in.

    Returns:
        (B,); 0 for a bin that is not listed.

    Raises:
        DataError: ``file:line: what`` for an absent column, a label outside the benchmark's labels,
            two labels of one bin, a count that is no whole number from 0; a file without a row.
    """
    numbered = csv_rows(lines_of(content, file), file)
    _, header = next(numbered, (1, []))
    check_header(header, _COLUMNS, file)
    at_label, at_count = (header.index(column) for column in _COLUMNS)
    counts = np.zeros(bins.num_bins, dtype=np.int64)
    line_of: dict[int, int] = {}
    for line, fields in numbered:
        bin_ = _bin_at(fields[at_label], bins, f"{file}:{line}")
        if line_of.setdefault(bin_, line) != line:
            raise DataError(
                f"{file}:{line}: label '{fields[at_label]}' is of the bin of line {line_of[bin_]}; "
                "give each bin once"
            )
        counts[bin_] = _count_of(fields[at_count], f"{file}:{line}")
    if not line_of:
        raise DataError(f"{file}: no row below the header; list labels and their counts")
    return counts


def _bin_at(text: str, bins: LabelBins, where: str) -> int:
    label, low, high = number_of(text), float(bins.edges[0]), float(bins.edges[-1])
    if not low <= label <= high:  # true for NaN as well
        raise DataError(f"{where}: label '{text}'; expected a number from {low:g} to {high:g}")
    return int(bins.bin_of(np.array([label], dtype=np.float32))[0])


def _count_of(text: str, where: str) -> int:
    count = number_of(text)
    if not (count >= 0 and count.is_integer()):
        raise DataError(f"{where}: count '{text}'; expected a whole number from 0")
    return int(count)


def _place_of(sample_id: str) -> str:
    """Return by what the samples of a bin are ordered: the same everywhere, unlike the labels."""
    return content_hash("benchmark.labels", sample_id)
