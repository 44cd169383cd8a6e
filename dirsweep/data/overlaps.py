"""What the splits of a benchmark have in common: samples, people, pairs of sentences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dirsweep.data.base import SPLITS, Benchmark, SplitName
from dirsweep.data.splits import SPLIT_WORDS
from dirsweep.domain import is_or_are, plural

Kind = Literal["id", "person", "pair"]
#: label bins within which two samples of a person count as near
NEAR_BINS = 2
_NONE: NDArray[np.float32] = np.empty(0, dtype=np.float32)


@dataclass(frozen=True)
class Overlap:
    """What two splits have in common.

    Attributes:
        kind: the same sample id, the same person, or the same two sentences.
        split: the split that is looked at: the later one of train, val, test.
        other: the split in which its samples are found again.
        num: number of ids, people or pairs of ``split`` that are in ``other`` too.
        total: number of ids, people or pairs of ``split``.
        near: of people: share of the samples of ``split`` of whom ``other`` has a sample with
            nearly the same label; else None.
        text: one sentence without a full stop.
    """

    kind: Kind
    split: SplitName
    other: SplitName
    num: int
    total: int
    near: float | None
    text: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return asdict(self)


def overlaps_of(benchmark: Benchmark) -> list[Overlap]:
    """Find what each two splits have in common; test and training first.

    Args:
        benchmark: need not be prepared; inputs are read for pairs of sentences only.

    Raises:
        DataError: the data is absent or broken.
    """
    found: list[Overlap] = []
    for other, split in sorted(combinations(SPLITS, 2), key=_importance):
        found += _same_ids(benchmark, split, other)
        found += _same_people(benchmark, split, other)
        if benchmark.kind == "text_pair":
            found += _same_pairs(benchmark, split, other)
    return found


def overlaps_line(overlaps: Iterable[Overlap]) -> str:
    """Return one line about what the test split has in common with training; empty for nothing."""
    return "; ".join(o.text for o in overlaps if (o.split, o.other) == ("test", "train"))


def _importance(pair: tuple[SplitName, SplitName]) -> int:
    order: list[tuple[SplitName, SplitName]] = [("train", "test"), ("train", "val")]
    return order.index(pair) if pair in order else len(order)


def _same_ids(benchmark: Benchmark, split: SplitName, other: SplitName) -> list[Overlap]:
    ids = benchmark.samples(split).ids
    num = len(set(ids) & set(benchmark.samples(other).ids))
    if not num:
        return []
    text = _found_again(num, "sample id", split, other)
    return [Overlap("id", split, other, num, len(set(ids)), None, text)]


def _same_people(benchmark: Benchmark, split: SplitName, other: SplitName) -> list[Overlap]:
    people = [benchmark.person_of(sample) for sample in benchmark.samples(split).ids]
    labels_of = _labels_by_person(benchmark, other)
    known = {person for person in people if person is not None}
    shared = known & labels_of.keys()
    if not shared:
        return []
    unit, width = benchmark.config.label_unit, benchmark.config.bin_width
    reach = NEAR_BINS * width
    labels = benchmark.bin_labels(benchmark.samples(split).labels)
    near = [
        person is not None and bool((np.abs(labels_of.get(person, _NONE) - label) <= reach).any())
        for person, label in zip(people, labels, strict=True)
    ]
    share = sum(near) / len(near)
    some = "all" if shared == known else f"{len(shared):,} of"
    what = "image" if benchmark.kind == "image" else "sample"
    here, there = SPLIT_WORDS[split], SPLIT_WORDS[other]
    text = (
        f"{some} {len(known):,} people of the {here} split are in {there}; {100 * share:.0f} % of "
        f"{here} {what}s have a {there} {what} of the same person within {reach:g} {unit}"
    )
    return [Overlap("person", split, other, len(shared), len(known), share, text)]


def _labels_by_person(benchmark: Benchmark, split: SplitName) -> dict[str, NDArray[np.float32]]:
    samples = benchmark.samples(split)
    found: dict[str, list[float]] = {}
    labels = benchmark.bin_labels(samples.labels).tolist()
    for sample, label in zip(samples.ids, labels, strict=True):
        person = benchmark.person_of(sample)
        if person is not None:
            found.setdefault(person, []).append(label)
    return {person: np.array(values, dtype=np.float32) for person, values in found.items()}


def _same_pairs(benchmark: Benchmark, split: SplitName, other: SplitName) -> list[Overlap]:
    pairs, others = _pairs(benchmark, split), set(_pairs(benchmark, other))
    num = sum(pair in others for pair in pairs)
    turned = sum(pair not in others and pair[::-1] in others for pair in pairs)
    if not num and not turned:
        return []
    pairs_text = (
        f"{plural(num, 'sentence pair')} of the {SPLIT_WORDS[split]} split {is_or_are(num)}"
    )
    text = f"{pairs_text} in {SPLIT_WORDS[other]} too"
    if turned:
        text += f", {turned} more with the sentences in the other order"
    return [Overlap("pair", split, other, num, len(pairs), None, text)]


def _pairs(benchmark: Benchmark, split: SplitName) -> Sequence[tuple[str, str]]:
    return list(zip(*benchmark.split(split).inputs, strict=True))


def _found_again(num: int, noun: str, split: SplitName, other: SplitName) -> str:
    of = f"{plural(num, noun)} of the {SPLIT_WORDS[split]} split"
    return f"{of} {is_or_are(num)} in {SPLIT_WORDS[other]} too"
