"""What a study's keys do one by one: main effects, and where the default lies. Numbers only.

All of it looks at the validation split, as the choice did, unless asked for another.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dirsweep.analysis.differences import Difference, contrast
from dirsweep.analysis.intervals import Interval, interval_of, interval_of_mean
from dirsweep.analysis.measurements import DEFAULT_RESAMPLING, Resampling, measure, points_of
from dirsweep.analysis.objectives import default_point, objective_of
from dirsweep.analysis.parameters import ABSENT, numbers_of, planned_value
from dirsweep.analysis.selection import could_be_chosen, searched, top_points
from dirsweep.analysis.summaries import PointSummary, varied_keys
from dirsweep.domain import MetricColumn
from dirsweep.run.reader import Run

#: levels into which a searched number is cut for main effects
NUM_LEVELS = 5


@dataclass(frozen=True)
class MainEffect:
    """The mean over all points that have a value, whatever else they change.

    Attributes:
        key: dotted.
        level: the value, or the range of values, in words.
        values: of the points, in ascending order for numbers.
        points: their indices.
        interval: of their mean.
    """

    key: str
    level: str
    values: tuple[Any, ...]
    points: tuple[int, ...]
    interval: Interval


def main_effects(
    run: Run,
    study: str,
    column: MetricColumn | None = None,
    *,
    resampling: Resampling = DEFAULT_RESAMPLING,
) -> list[MainEffect]:
    """Key by key, level by level. A searched number is cut into ``NUM_LEVELS`` levels with as many
    points each.
    """
    column = objective_of(run, study) if column is None else column
    measured = measure(run, study, column, resampling=resampling)
    points = [point for point in points_of(run, study) if point.index in measured.values]
    found = []
    for key in varied_keys(points):
        for level, values, members in _levels(run, study, points, key):
            interval = interval_of_mean(measured, members, seed=resampling.seed)
            if interval is not None:
                found.append(MainEffect(key, level, values, tuple(members), interval))
    return found


def _levels(
    run: Run, study: str, points: Sequence[PointSummary], key: str
) -> list[tuple[str, tuple[Any, ...], list[int]]]:
    pairs = [
        (value, point.index)
        for point in points
        if (value := _plain_value(run, study, point, key)) is not ABSENT
    ]
    numbers = numbers_of([value for value, _ in pairs])
    if numbers is not None and len(set(numbers)) > NUM_LEVELS and searched(run, study):
        order = sorted(range(len(pairs)), key=lambda i: numbers[i])
        parts = [part for part in np.array_split(np.array(order), NUM_LEVELS) if len(part)]
        return [
            (
                f"{numbers[part[0]]:.3g} to {numbers[part[-1]]:.3g}",
                tuple(numbers[i] for i in part),
                [pairs[i][1] for i in part],
            )
            for part in parts
        ]
    groups: dict[str, tuple[Any, list[int]]] = {}
    for value, index in pairs:
        groups.setdefault(json.dumps(value, sort_keys=True), (value, []))[1].append(index)
    items = list(groups.values())
    if numbers is not None:
        items.sort(key=lambda item: float(item[0]))
    return [(_word(value), (value,), members) for value, members in items]


def _plain_value(run: Run, study: str, point: PointSummary, key: str) -> Any:
    if searched(run, study):
        return point.overrides.get(key, ABSENT)
    return planned_value(run, study, point, key)


def _word(value: Any) -> str:
    if value is True or value == {} or value == "default":
        return "on"
    if value is False or value is None:
        return "off"
    return f"{value:g}" if isinstance(value, float) else str(value)


# ---- the default's place


@dataclass(frozen=True)
class Plateau:
    """Whether the default is as good as the best, as far as one can tell. Validation, as the choice
    was.

    Attributes:
        default, best: their intervals, of the study's objective.
        breaks: the constraints that the default breaks; then the best is not compared with it.
        overlap: whether the two intervals share a value; None where one of them has none.
        difference: best minus default, paired; the stricter test, corrected for the best having
            been picked among so many points. None when the default is the best, or breaks a
            constraint.
    """

    default: Interval
    best: Interval
    breaks: tuple[str, ...]
    overlap: bool | None
    difference: Difference | None

    @property
    def on_plateau(self) -> bool | None:
        """The intervals overlap and the paired difference leaves a doubt; None where that cannot be
        told, or makes no sense because the default breaks a constraint."""
        separable = self.difference is not None and self.difference.separable
        return None if self.overlap is None or self.breaks else self.overlap and not separable

    @property
    def is_best(self) -> bool:
        """Whether the default was chosen itself."""
        return self.default.point == self.best.point


def plateau(run: Run, study: str, *, resampling: Resampling = DEFAULT_RESAMPLING) -> Plateau | None:
    """The base's own point against the study's best; None when the study has no such point."""
    default, best = default_point(run, study), next(iter(top_points(run, study, 1)), None)
    if default is None or best is None:
        return None
    measured = measure(run, study, objective_of(run, study), resampling=resampling)
    seed = resampling.seed
    if default.index not in measured.values or best.index not in measured.values:
        return None
    ends = (
        interval_of(measured, default.index, seed=seed),
        interval_of(measured, best.index, seed=seed),
    )
    lows = [item.low for item in ends if item.low is not None]
    highs = [item.high for item in ends if item.high is not None]
    overlap = max(lows) <= min(highs) if len(lows) == len(highs) == 2 else None
    common = set(measured.values[default.index]) & set(measured.values[best.index])
    difference = None
    breaks = tuple(name for name, beyond in default.violations.items() if beyond > 0)
    if default.index != best.index and common and not breaks:
        difference = contrast(measured, {best.index: 1.0}, {default.index: 1.0}, seed=seed)
        num = len(could_be_chosen(measured)) - 1
        p = None if difference.p is None else min(1.0, num * difference.p)
        difference = replace(difference, p_corrected=p, num_comparisons=num)
    return Plateau(ends[0], ends[1], breaks, overlap, difference)
