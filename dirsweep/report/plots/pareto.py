"""Two goals against each other, one mark per point: who buys one with the other, and who gets both.

The goals are the first two objectives of a search that has several, else many-shot and few-shot
error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dirsweep.analysis.measurements import points_of
from dirsweep.analysis.objectives import aims_of, default_point
from dirsweep.analysis.summaries import PointSummary, best_point
from dirsweep.domain import MetricColumn, metric_of, non_dominated
from dirsweep.report.plots import _style as style
from dirsweep.run.reader import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: points of the front that get their label written beside them
MAX_LABELS = 8


@dataclass(frozen=True)
class Pareto:
    """What ``draw`` needs; all on validation, means over seeds.

    Attributes:
        goals: what lies along x and along y; many and few of the objective's metric, or the first
            two objectives.
        many, few: (P,) values of the first goal and of the second.
        deviations: (P, 2) sample deviations over seeds of both, 0 for one seed.
        labels: what each point changes in the base.
        feasible: (P,) keeps to the search's constraints.
        num_objectives: of the search; 2 for many and few.
        front: (P,) feasible, and no other feasible point is at least as good in all objectives and
            better in one.
        best, base: positions of the point chosen on validation and of the base; None when not among
            them.
    """

    title: str
    synthetic: bool
    goals: tuple[MetricColumn, MetricColumn]
    many: NDArray[np.float64]
    few: NDArray[np.float64]
    deviations: NDArray[np.float64]
    labels: list[str]
    num_objectives: int
    feasible: NDArray[np.bool_]
    front: NDArray[np.bool_]
    best: int | None
    base: int | None


def numbers(run: Run, study: str) -> Pareto | None:
    """Complete points with both values; None for fewer than three of them."""
    aims = aims_of(run, study)
    objective = aims.objective
    several = len(aims.objectives) > 1
    goals = (
        aims.objectives[:2]
        if several
        else [objective._replace(region=region) for region in ("many", "few")]
    )
    columns = [goal.name for goal in goals]
    points = [
        point
        for point in points_of(run, study)
        if not point.preliminary and all(column in point.metrics for column in columns)
    ]
    if len(points) < 3:
        return None
    values = np.array([[point.metrics[column].mean for column in columns] for point in points])
    base = default_point(run, study)
    costs = values * np.array([goal.cost_sign for goal in goals])
    feasible = np.array([point.feasible for point in points], dtype=np.bool_)
    front = np.array([bool(point.front) for point in points])  # over all objectives of the search
    if not several:
        front[feasible] = non_dominated(costs[feasible])
    return Pareto(
        title=f"{_goal(goals[0])} against {_goal(goals[1])} · {study} · {run.name}"
        if several
        else f"many against few · {study} · {run.name}",
        synthetic=run.synthetic,
        goals=(goals[0], goals[1]),
        many=values[:, 0],
        few=values[:, 1],
        deviations=np.array(
            [[point.metrics[column].deviation or 0.0 for column in columns] for point in points]
        ),
        labels=[point.label for point in points],
        num_objectives=len(aims.objectives) if several else 2,
        feasible=feasible,
        front=front,
        best=_position(points, best_point(points, objective)),
        base=_position(points, base),
    )


def _goal(column: MetricColumn) -> str:
    return f"{metric_of(column.metric).title}, {column.region}"


def _position(points: list[PointSummary], wanted: PointSummary | None) -> int | None:
    there = (
        i for i, point in enumerate(points) if wanted is not None and point.index == wanted.index
    )
    return next(there, None)


def draw(numbers: Pareto) -> Figure:
    """Dots, the front joined by steps and labelled, the base as a square, the chosen point as a
    star.
    """
    across, up = numbers.goals
    with style.styled():
        figure = style.new_figure(8.0, 5.4, title=numbers.title, synthetic=numbers.synthetic)
        axes = figure.subplots()
        behind = ~numbers.front & numbers.feasible
        axes.plot(
            numbers.many[behind], numbers.few[behind], "o", color=style.LIGHT, label="dominated"
        )
        if not numbers.feasible.all():
            out = ~numbers.feasible
            axes.plot(
                numbers.many[out],
                numbers.few[out],
                "x",
                color=style.RED,
                label="breaks a constraint",
                markersize=5,
                alpha=0.7,
            )
        order = np.flatnonzero(numbers.front)[np.argsort(numbers.many[numbers.front])]
        if numbers.num_objectives == 2:  # of more than two the front is no line in this plane
            axes.step(
                numbers.many[order],
                numbers.few[order],
                where="pre" if across.higher_is_better else "post",
                color=style.BLUE,
                linewidth=1.2,
                alpha=0.7,
            )
        if numbers.deviations.any():
            axes.errorbar(
                numbers.many[order],
                numbers.few[order],
                xerr=numbers.deviations[order, 0],
                yerr=numbers.deviations[order, 1],
                fmt="none",
                ecolor=style.BLUE,
                alpha=0.35,
                elinewidth=1.2,
            )
        axes.plot(
            numbers.many[order], numbers.few[order], "o", color=style.BLUE, label="Pareto front"
        )
        if numbers.base is not None:
            axes.plot(
                numbers.many[numbers.base],
                numbers.few[numbers.base],
                "s",
                color=style.INK,
                label="base",
                markersize=7,
                zorder=4,
            )
        if numbers.best is not None:
            axes.plot(
                numbers.many[numbers.best],
                numbers.few[numbers.best],
                "*",
                markersize=15,
                color=style.YELLOW,
                markeredgecolor=style.INK,
                label="best by validation",
                zorder=5,
            )
        keys = [str(number) for number in range(1, len(order) + 1)]
        for key, at in zip(keys[:MAX_LABELS], order, strict=False):
            axes.annotate(
                key,
                (numbers.many[at], numbers.few[at]),
                xytext=(6, 5),
                textcoords="offset points",
                fontsize=8.5,
                color=style.BLUE,
            )
        listed = [
            f"{key}  {style.wrapped(numbers.labels[at], 38, 2)}"
            for key, at in zip(keys, order, strict=True)
        ]
        axes.set_xlabel(f"validation {_goal(across)}")
        axes.set_ylabel(f"validation {_goal(up)}")
        axes.margins(0.1)
        axes.legend(
            loc="lower left", bbox_to_anchor=(0, 1.0), ncols=4, columnspacing=1.2, handletextpad=0.3
        )
        title = (
            "on the front"
            if len(order) <= MAX_LABELS
            else f"on the front, {MAX_LABELS} of {len(order)}"
        )
        style.listing(figure, [title, *listed[:MAX_LABELS]])
        corner = f"{'upper' if up.higher_is_better else 'lower'} {'right' if across.higher_is_better else 'left'}"
        bars = "; bars: sample deviation over seeds" if numbers.deviations.any() else ""
        more = f"; front over all {numbers.num_objectives} objectives; two shown" * (
            numbers.num_objectives > 2
        )
        style.note(figure, f"{corner} is better in both{bars}{more}")
        return figure
