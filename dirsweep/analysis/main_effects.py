"""Main effects: the mean over all points that share one value of a key.

They are about the validation split, as the choice was, unless another column is asked for.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dirsweep.analysis.intervals import Interval, interval_of_mean
from dirsweep.analysis.measurements import DEFAULT_RESAMPLING, Resampling, measure, points_of
from dirsweep.analysis.objectives import objective_of
from dirsweep.analysis.parameters import numbers_of, planned_value
from dirsweep.analysis.selection import searched
from dirsweep.analysis.summaries import PointSummary, varied_keys
from dirsweep.domain import MetricColumn
from dirsweep.run.reader import Run

#: levels into which a searched number is cut
NUM_LEVELS = 5


@dataclass(frozen=True)
class MainEffect:
    """The mean over all points of one level of a key, whatever else they change.

    Attributes:
        key: dotted.
        level: the value, or the range of values, as text.
        values: of the points, ascending for numbers.
        points: their indices.
        interval: of their mean.
    """

    key: str
    level: str
    values: tuple[Any, ...]
    points: tuple[int, ...]
    interval: Interval


@dataclass(frozen=True)
class _Level:
    """The points that count as one level of a key."""

    text: str
    values: tuple[Any, ...]
    points: tuple[int, ...]


def main_effects(
    run: Run,
    study: str,
    column: MetricColumn | None = None,
    *,
    resampling: Resampling = DEFAULT_RESAMPLING,
) -> list[MainEffect]:
    """Return the main effects of every varied key, level by level.

    A searched number is cut into ``NUM_LEVELS`` levels with equal numbers of points.

    Args:
        run: the run.
        study: its key in the sweep file.
        column: by default the objective by which the study's points are chosen.
        resampling: number of draws and seed.
    """
    column = objective_of(run, study) if column is None else column
    measured = measure(run, study, column, resampling=resampling)
    points = [point for point in points_of(run, study) if point.index in measured.values]
    found = []
    for key in varied_keys(points):
        for level in _levels(points, key, searched=searched(run, study)):
            interval = interval_of_mean(measured, level.points, seed=resampling.seed)
            if interval is not None:
                found.append(MainEffect(key, level.text, level.values, level.points, interval))
    return found


def _levels(points: Sequence[PointSummary], key: str, *, searched: bool) -> list[_Level]:
    if searched:  # a searched key exists only where the sampler set it
        pairs = [(p.changes[key], p.index) for p in points if key in p.changes]
    else:
        pairs = [(planned_value(point, key), point.index) for point in points]
    numbers = numbers_of([value for value, _ in pairs])
    if numbers is not None and len(set(numbers)) > NUM_LEVELS and searched:
        return _ranges(numbers, [index for _, index in pairs])
    groups: dict[str, tuple[Any, list[int]]] = {}
    for value, index in pairs:
        groups.setdefault(json.dumps(value, sort_keys=True), (value, []))[1].append(index)
    levels = [_Level(_text(value), (value,), tuple(members)) for value, members in groups.values()]
    if numbers is not None:
        levels.sort(key=lambda level: float(level.values[0]))
    return levels


def _ranges(numbers: Sequence[float], indices: Sequence[int]) -> list[_Level]:
    """Cut numbers into levels with equal numbers of points."""
    order = sorted(range(len(numbers)), key=lambda i: numbers[i])
    levels = []
    for part in np.array_split(np.array(order), NUM_LEVELS):
        if len(part):
            values = tuple(numbers[i] for i in part)
            text = f"{values[0]:.3g} to {values[-1]:.3g}"
            levels.append(_Level(text, values, tuple(indices[i] for i in part)))
    return levels


def _text(value: Any) -> str:
    if value is True or value == {} or value == "default":
        return "on"
    if value is False or value is None:
        return "off"
    return f"{value:g}" if isinstance(value, float) else str(value)
