"""A metric over what a study varies: one-factor curves, grids, lists of points, scatters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from dirsweep.analysis.summaries import (
    PointSummary,
    Spread,
    number_of,
    short_key,
    value_of,
    varied_keys,
)
from dirsweep.domain import REGIONS, MetricColumn

#: panels of one-factor curves; further factors are listed as points
MAX_PANELS = 9
#: points in a list; of more points the best are listed
MAX_LISTED = 30


@dataclass(frozen=True)
class Series:
    """One line.

    Attributes:
        name: a region, a value of the second factor, ``complete`` or ``pruned``.
        x: places along the axis.
        ys: values over seeds at each place.
    """

    name: str
    x: list[float]
    ys: list[Spread]


@dataclass(frozen=True)
class Panel:
    """One pair of axes.

    Attributes:
        kind: curve: lines over numbers. dots: one row per point. scatter: one mark per point.
        key: the varied dotted key, for curve and scatter; empty for dots.
        series: curve and dots: one per region, or one per value of the second factor; scatter:
            complete and pruned points.
        labels: dots: one per row; scatter: the names along the axis, empty for numbers.
        best: series and x of the best point by validation; None when it is not in the panel.
        higher_is_better: direction of the metric.
        num_points: points that the panel could list, of which it lists the best.
    """

    kind: Literal["curve", "dots", "scatter"]
    key: str
    series: list[Series]
    labels: list[str] = field(default_factory=list)
    best: tuple[str, float] | None = None
    higher_is_better: bool = False
    num_points: int = 0


def planned_panels(
    points: Sequence[PointSummary], objective: MetricColumn, best: PointSummary | None
) -> list[Panel]:
    """Return the panels of a planned study.

    Two numbers varied on a grid give one panel with a line per value of the second; else each
    number varied alone gives a panel. Points that the panels cannot place are listed in a last one.

    Args:
        points: with a value of the objective.
        objective: the validation column.
        best: the best point by validation.
    """
    keys = varied_keys(points)
    if _is_grid(points, keys):
        return [_grid_panel(points, keys, objective, best)]
    alone = {key: _varied_alone(points, key) for key in keys}
    curved = [key for key in keys if len(set(_numbers(alone[key], key))) >= 3][:MAX_PANELS]
    panels = [_curve_panel(alone[key], key, objective, best) for key in curved]
    placed = {point.index for key in curved for point in alone[key]}
    rest = [point for point in points if point.index not in placed]
    if panels and not rest:
        return panels
    base = [point for point in points if not point.changes and point.index in placed]
    return [*panels, _list_panel([*base, *rest], objective, best)]


def _curve_panel(
    points: Sequence[PointSummary], key: str, objective: MetricColumn, best: PointSummary | None
) -> Panel:
    xs = _numbers(points, key)
    star = _place_of_best(points, xs, objective, best)
    return Panel("curve", key, _by_region(points, xs, objective), best=star)


def search_panels(
    points: Sequence[PointSummary], objective: MetricColumn, best: PointSummary | None
) -> list[Panel]:
    """Return one scatter per searched key, at most ``MAX_PANELS``; arguments as above."""
    return [
        _scatter_panel(points, key, objective, best) for key in varied_keys(points)[:MAX_PANELS]
    ]


def _numbers(points: Sequence[PointSummary], key: str) -> list[float]:
    return [x for point in points if (x := number_of(point, key)) is not None]


def _varied_alone(points: Sequence[PointSummary], key: str) -> list[PointSummary]:
    """The points that change nothing but the key, where it is a number."""
    alone = [point for point in points if set(point.changes) <= {key}]
    return [point for point in alone if number_of(point, key) is not None]


def _is_grid(points: Sequence[PointSummary], keys: Sequence[str]) -> bool:
    """Whether most points vary two numbers together."""
    if len(keys) != 2:
        return False
    if sum(len(point.changes) == 2 for point in points) <= max(3, len(points) // 2):
        return False
    return all(number_of(point, key) is not None for point in points for key in keys)


def _grid_panel(
    points: Sequence[PointSummary],
    keys: Sequence[str],
    objective: MetricColumn,
    best: PointSummary | None,
) -> Panel:
    # the factor with more values makes the better axis
    across, lines = sorted(keys, key=lambda key: -len({number_of(point, key) for point in points}))
    series = []
    for value in sorted(set(_numbers(points, lines))):
        members = [point for point in points if number_of(point, lines) == value]
        members.sort(key=lambda point: number_of(point, across) or 0.0)
        name = f"{short_key(lines)} = {value:g}"
        ys = [point.metrics[objective.name] for point in members]
        series.append(Series(name, _numbers(members, across), ys))
    star = None
    if best is not None:
        name = f"{short_key(lines)} = {number_of(best, lines):g}"
        star = name, number_of(best, across) or 0.0
    return Panel("curve", across, series, best=star)


def _list_panel(
    points: Sequence[PointSummary], objective: MetricColumn, best: PointSummary | None
) -> Panel:
    listed = list(points)
    if len(listed) > MAX_LISTED:
        sign = objective.cost_sign
        listed.sort(key=lambda point: sign * point.metrics[objective.name].mean)
        listed = listed[:MAX_LISTED]
    rows = [float(row) for row in range(len(listed))]
    return Panel(
        "dots",
        "",
        _by_region(listed, rows, objective),
        labels=[("(pruned) " if point.preliminary else "") + point.label for point in listed],
        best=_place_of_best(listed, rows, objective, best),
        num_points=len(points),
    )


def _by_region(
    points: Sequence[PointSummary], xs: Sequence[float], objective: MetricColumn
) -> list[Series]:
    """One series per shot region that has values; points in the order of x."""
    order = sorted(range(len(points)), key=lambda i: xs[i])
    series = []
    for region in REGIONS:
        column = objective._replace(region=region).name
        measured = [i for i in order if column in points[i].metrics]
        if measured:
            ys = [points[i].metrics[column] for i in measured]
            series.append(Series(region, [xs[i] for i in measured], ys))
    return series


def _place_of_best(
    points: Sequence[PointSummary],
    xs: Sequence[float],
    objective: MetricColumn,
    best: PointSummary | None,
) -> tuple[str, float] | None:
    """The best point's place, on the line of the objective's region."""
    for point, x in zip(points, xs, strict=True):
        if best is not None and point.index == best.index:
            return objective.region, x
    return None


def _scatter_panel(
    points: Sequence[PointSummary], key: str, objective: MetricColumn, best: PointSummary | None
) -> Panel:
    members = [point for point in points if value_of(point, key) is not None]
    names: list[str] = []
    if any(number_of(point, key) is None for point in members):
        names = sorted({_choice_name(point, key) for point in members})
    complete = [point for point in members if not point.preliminary]
    pruned = [point for point in members if point.preliminary]
    series = [
        Series(name, _places(group, key, names), _spreads(group, objective))
        for name, group in (("complete", complete), ("pruned", pruned))
    ]
    star = None
    if best is not None and value_of(best, key) is not None:
        star = "complete", _place(best, key, names)
    return Panel(
        "scatter",
        key,
        [one for one in series if one.x],
        labels=names,
        best=star,
        higher_is_better=objective.higher_is_better,
    )


def _spreads(points: Sequence[PointSummary], objective: MetricColumn) -> list[Spread]:
    return [point.metrics[objective.name] for point in points]


def _places(points: Sequence[PointSummary], key: str, names: Sequence[str]) -> list[float]:
    return [_place(point, key, names) for point in points]


def _place(point: PointSummary, key: str, names: Sequence[str]) -> float:
    """Where the point is along the axis: the position of its choice, else its number."""
    if names:
        return float(names.index(_choice_name(point, key)))
    return number_of(point, key) or 0.0


def _choice_name(point: PointSummary, key: str) -> str:
    value = value_of(point, key)
    return "on" if value == {} else str(value)
