"""Probe points of a search space: every end, every choice and every pair of choices."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from dirsweep.config.model import Overrides
from dirsweep.config.overrides import MISSING, with_overrides
from dirsweep.config.ranges import Choice
from dirsweep.config.space import Entry, SearchSpace, can_exist, parent_of, setter_of


@dataclass(frozen=True)
class _Forced:
    """A value of an entry, with the values of other entries under which the entry exists."""

    entry: Entry
    value: Any
    others: Overrides

    @property
    def values(self) -> Overrides:
        return {**self.others, self.entry.key: self.value}

    def is_in(self, point: Overrides) -> bool:
        return self.entry.key in point and bool(point[self.entry.key] == self.value)


def probe_points(space: SearchSpace) -> Iterator[Overrides]:
    """Yield points that touch both ends of every range and every pair of choices.

    Args:
        space: to probe.

    Yields:
        The overrides of a point; points may repeat.
    """
    for end in (0, -1):
        ends = {entry.key: entry.range.extremes[end] for entry in space.entries}
        yield point_with(space, ends)
    forced = [
        _Forced(entry, value, values_enabling(space, entry))
        for entry in space.entries
        for value in entry.range.extremes
    ]
    for item in forced:
        point = point_with(space, item.values)
        if item.entry.key in point:
            yield point
    yield from _pairs(space, [item for item in forced if isinstance(item.entry.range, Choice)])


def _pairs(space: SearchSpace, choices: list[_Forced]) -> Iterator[Overrides]:
    """Yield a point for each two choices that can occur together."""
    for one, other in combinations(choices, 2):
        if one.entry.key == other.entry.key:
            continue
        own = {other.entry.key: other.value, one.entry.key: one.value}
        point = point_with(space, {**other.others, **one.values, **own})
        if one.is_in(point) and other.is_in(point):
            yield point


def point_with(space: SearchSpace, forced: Mapping[str, Any]) -> Overrides:
    """Build the point with some values given; the others are the first of their ranges."""
    return space.sample(lambda key, range_: forced[key] if key in forced else range_.extremes[0])


def values_enabling(space: SearchSpace, entry: Entry) -> Overrides:
    """Find values of other entries under which ``entry`` exists.

    Each of the others gets one value, so contradicting conditions find none.
    """
    by_key = {other.key: other for other in space.entries}
    forced: Overrides = {}
    for setter, holds, wanted in _needs(entry, by_key):
        if setter is None or setter == entry.key:
            continue
        forced |= values_enabling(space, by_key[setter])
        range_ = by_key[setter].range
        candidates = [*range_.extremes, *(value for value in wanted if range_.contains(value))]
        values = [
            value
            for value in candidates
            if holds(with_overrides(space.base, {**forced, setter: value}))
        ]
        if values and forced.get(setter, MISSING) not in values:
            forced[setter] = values[0]
    return forced


_Need = tuple[str | None, Callable[[Mapping[str, Any]], bool], tuple[Any, ...]]


def _needs(entry: Entry, by_key: Mapping[str, Entry]) -> Iterator[_Need]:
    """Yield (entry to set, what must hold then, values that are asked for)."""
    yield parent_of(entry.key, by_key), lambda raw: can_exist(entry.key, raw), ()
    for condition in entry.when:
        yield setter_of(condition.key, by_key), condition.holds, condition.values
