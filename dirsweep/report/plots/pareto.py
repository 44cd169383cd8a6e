"""Two goals against each other, one mark per point, with the Pareto front.

The goals are the first two objectives of a search that has several, else many-shot and few-shot
error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from dirsweep.analysis.measurements import points_of
from dirsweep.analysis.objectives import default_point, objective_of
from dirsweep.analysis.region_sizes import says_nothing
from dirsweep.analysis.summaries import PointSummary, best_point
from dirsweep.domain import MetricColumn, non_dominated
from dirsweep.report import figure_style as style
from dirsweep.report.axis_labels import column_label
from dirsweep.report.figure_notes import sentences
from dirsweep.report.figure_parts import draw_star, legend_above, number_point
from dirsweep.report.plot import EmptyPlotError, Plot
from dirsweep.run.reader import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: points of the front that are labelled
MAX_LABELS = 8


@dataclass(frozen=True)
class Pareto:
    """What ``draw`` needs; everything on validation, means over seeds.

    Attributes:
        goals: columns along x and along y.
        axis_labels: their metrics and units.
        x: (P,) values of the first goal.
        y: (P,) values of the second goal.
        deviations: (P, 2) sample deviations over seeds of both, 0 for one seed.
        labels: how each point differs from the base.
        num_objectives: of the search; 2 for many and few.
        feasible: (P,) whether the point satisfies the search's constraints.
        front: (P,) feasible, and no other feasible point is at least as good in all objectives and
            better in one.
        best: position of the point chosen on validation; None when it is not among them.
        base: position of the base; None when it is not among them.
    """

    goals: tuple[MetricColumn, MetricColumn]
    axis_labels: tuple[str, str]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    deviations: NDArray[np.float64]
    labels: list[str]
    num_objectives: int
    feasible: NDArray[np.bool_]
    front: NDArray[np.bool_]
    best: int | None
    base: int | None

    @property
    def front_order(self) -> NDArray[np.int64]:
        """Positions of the front's points, by ascending x."""
        members = np.flatnonzero(self.front)
        return members[np.argsort(self.x[self.front])]


def numbers(run: Run, study: str) -> Pareto:
    """Collect the complete points that have both values.

    Raises:
        EmptyPlotError: there are fewer than three of them.
    """
    objective, columns = objective_of(run, study), run.manifest.study(study).columns
    several = len(columns) > 1
    goals = _goals(run, study)
    points = [
        point
        for point in points_of(run, study)
        if not point.preliminary and all(goal.name in point.metrics for goal in goals)
    ]
    if len(points) < 3:
        raise EmptyPlotError("fewer than three complete points have both goals")
    values = np.array([[point.metrics[goal.name].mean for goal in goals] for point in points])
    feasible = np.array([point.feasible for point in points], dtype=np.bool_)
    front = np.array([bool(point.front) for point in points])  # over all objectives of the search
    if not several:
        costs = values * np.array([goal.cost_sign for goal in goals])
        front[feasible] = non_dominated(costs[feasible])
    x_label, y_label = (column_label(run, goal) for goal in goals)
    return Pareto(
        goals=(goals[0], goals[1]),
        axis_labels=(x_label, y_label),
        x=values[:, 0],
        y=values[:, 1],
        deviations=np.array(
            [[point.metrics[goal.name].deviation or 0.0 for goal in goals] for point in points]
        ),
        labels=[point.label for point in points],
        num_objectives=max(2, len(columns)),
        feasible=feasible,
        front=front,
        best=_position(points, best_point(points, objective)),
        base=_position(points, default_point(run, study)),
    )


def _goals(run: Run, study: str) -> tuple[MetricColumn, ...]:
    """The first two objectives of a search that has several, else many-shot and few-shot."""
    objective, goals = objective_of(run, study), run.manifest.study(study).columns[:2]
    if len(goals) < 2:
        goals = tuple(objective._replace(region=region) for region in ("many", "few"))
    if any(says_nothing(run, goal) for goal in goals):
        raise EmptyPlotError("a goal is a correlation of fewer than three samples")
    return goals


def _position(points: Sequence[PointSummary], wanted: PointSummary | None) -> int | None:
    for position, point in enumerate(points):
        if wanted is not None and point.index == wanted.index:
            return position
    return None


def draw(numbers: Pareto) -> Figure:
    """Draw dots, the labelled front, a square for the base and a star for the best."""
    with style.styled():
        figure = style.new_figure(style.NARROW, 5.2)
        axes = figure.subplots()
        _draw_behind(axes, numbers)
        _draw_front(axes, numbers)
        if numbers.base is not None:
            at = [numbers.x[numbers.base]], [numbers.y[numbers.base]]
            axes.plot(*at, "s", color=style.INK, label="base", markersize=7, zorder=4)
        if numbers.best is not None:
            at_best = numbers.x[numbers.best], numbers.y[numbers.best]
            draw_star(axes, *at_best, label="best by validation")
        axes.set_xlabel(numbers.axis_labels[0])
        axes.set_ylabel(numbers.axis_labels[1])
        axes.margins(0.1)
        _, labels = axes.get_legend_handles_labels()
        legend_above(axes, labels, style.NARROW - 1)
        _list_front(figure, axes, numbers)
        return figure


def _draw_behind(axes: Axes, numbers: Pareto) -> None:
    """Dominated and infeasible points."""
    dominated, infeasible = ~numbers.front & numbers.feasible, ~numbers.feasible
    axes.plot(numbers.x[dominated], numbers.y[dominated], "o", color=style.LIGHT, label="dominated")
    if infeasible.any():
        at = numbers.x[infeasible], numbers.y[infeasible]
        axes.plot(*at, "x", color=style.GREY, label="infeasible", markersize=5, alpha=0.7)


def _draw_front(axes: Axes, numbers: Pareto) -> None:
    order = numbers.front_order
    x, y = numbers.x[order], numbers.y[order]
    if (
        numbers.num_objectives == 2
    ):  # of more than two objectives the front is no line in this plane
        where: Literal["pre", "post"] = "pre" if numbers.goals[0].higher_is_better else "post"
        axes.step(x, y, where=where, color=style.BLUE, linewidth=1.2, alpha=0.7)
    if numbers.deviations.any():
        axes.errorbar(
            x,
            y,
            xerr=numbers.deviations[order, 0],
            yerr=numbers.deviations[order, 1],
            fmt="none",
            ecolor=style.BLUE,
            alpha=0.35,
            elinewidth=1.2,
        )
    axes.plot(x, y, "o", color=style.BLUE, label="Pareto front")


def _list_front(figure: Figure, axes: Axes, numbers: Pareto) -> None:
    """Number the front's points and list their labels beside the axes."""
    order = numbers.front_order
    lines = []
    for number, position in enumerate(order[:MAX_LABELS], 1):
        number_point(axes, str(number), numbers.x[position], numbers.y[position])
        lines.append(style.wrapped(f"{number}  {numbers.labels[position]}", 24, 3))
    style.listing(figure, ["Pareto front", *lines])


def caption(numbers: Pareto) -> str:
    """Say what is drawn."""
    across, up = numbers.goals
    corner = f"{'upper' if up.higher_is_better else 'lower'} "
    corner += "right" if across.higher_is_better else "left"
    num_front = len(numbers.front_order)
    several = numbers.num_objectives > 2
    return sentences(
        "Two goals against each other on the validation split, one mark per point; the "
        f"{corner} is better in both. No other point is at least as good in both goals as a point "
        "of the Pareto front and better in one; the list names its points by their numbers.",
        f"The first {MAX_LABELS} of {num_front} are listed." if num_front > MAX_LABELS else "",
        "Bars are the sample deviation over seeds." if numbers.deviations.any() else "",
        f"The front is over all {numbers.num_objectives} objectives, of which two are drawn."
        if several
        else "",
        "A cross violates a constraint." if not numbers.feasible.all() else "",
    )


PLOT = Plot(
    title="Pareto front",
    caption=caption,
    order=80,
    numbers=numbers,
    draw=draw,
)
