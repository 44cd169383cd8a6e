"""Seconds per epoch of every combination of techniques, and its part in forward passes.

After ConR (Keramati et al., ICLR 2024), Table 5, which prints both times for each method.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dirsweep.analysis.compared_points import ComparedPoints
from dirsweep.analysis.epoch_times import (
    DEFINITION,
    FORWARD_DEFINITION,
    TimeColumn,
    epoch_seconds,
)
from dirsweep.analysis.measurements import points_of
from dirsweep.analysis.method_names import PLAIN, method_of
from dirsweep.analysis.summaries import PointSummary, Spread
from dirsweep.report import figure_style as style
from dirsweep.report.figure_notes import points_note, sentences
from dirsweep.report.figure_parts import legend_above
from dirsweep.report.plot import EmptyPlotError, Plot
from dirsweep.run.reader import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: methods that are drawn, in the order in which they were proposed
MAX_ROWS = 40


@dataclass(frozen=True)
class EpochTime:
    """What ``draw`` needs.

    Attributes:
        methods: combinations of techniques in the order in which they were proposed.
        seconds: per method, number of the trial -> seconds, see ``epoch_times.epoch_seconds``.
        plain: position of plain training; None when the study has none.
        num_methods: of the study, with recorded times.
        forward: per method, mean of the seconds in forward passes; None where not measured.
        note: which points are compared; empty for all methods.
    """

    methods: list[str]
    seconds: list[Spread]
    plain: int | None
    num_methods: int
    forward: list[float | None]
    note: str = ""


def numbers(run: Run, study: str, compared: ComparedPoints | None = None) -> EpochTime:
    """Collect the seconds per epoch by method.

    Args:
        run: the run.
        study: its key in the sweep file.
        compared: points with a bar each; by default each method of the study has one.

    Raises:
        EmptyPlotError: fewer than two methods have recorded times.
    """
    if compared is None:
        points = _points_by_method(run, study)
    else:
        points = {point.label: [point] for point in compared.points}
    if len(points) < 2:
        raise EmptyPlotError("the study has fewer than two methods")
    found, forward = _times(run, points, "epoch_time_s"), _times(run, points, "forward_time_s")
    if len(found) < 2:
        raise EmptyPlotError("fewer than two methods have recorded times")
    methods = list(found)[:MAX_ROWS]
    return EpochTime(
        methods=[_name(method, points[method]) for method in methods],
        seconds=[found[method] for method in methods],
        plain=next((n for n, name in enumerate(methods) if _is_plain(points[name])), None),
        num_methods=len(found),
        forward=[forward[method].mean if method in forward else None for method in methods],
        note="" if compared is None else points_note(compared),
    )


def _is_plain(points: Sequence[PointSummary]) -> bool:
    return method_of(points[0]) == PLAIN


def _times(
    run: Run, points: Mapping[str, Sequence[PointSummary]], column: TimeColumn
) -> dict[str, Spread]:
    """Method -> seconds per epoch of its trials; a method without recorded times is absent."""
    times = epoch_seconds(run, column)
    found = {}
    for method, those in points.items():
        ids = [trial for point in those for trial in point.trial_ids.values()]
        values = [times[trial] for trial in ids if trial in times]
        if values:
            found[method] = Spread(dict(enumerate(values)))
    return found


def _name(method: str, points: Sequence[PointSummary]) -> str:
    """A point has one name in all outputs; a method of several points has its own."""
    return points[0].label if len(points) == 1 else method


def _points_by_method(run: Run, study: str) -> dict[str, list[PointSummary]]:
    """The complete points of each method, in the order in which they were proposed."""
    points: dict[str, list[PointSummary]] = {}
    for point in points_of(run, study):
        if not point.preliminary:
            points.setdefault(method_of(point), []).append(point)
    return points


def draw(numbers: EpochTime) -> Figure:
    """Draw one bar per method, with seconds and the ratio to plain training as text."""
    with style.styled():
        rows = len(numbers.methods)
        names = [style.wrapped(method, 36, 2) for method in numbers.methods]
        num_lines = sum(1 + name.count("\n") for name in names)
        figure = style.new_figure(style.NARROW, 1.3 + 0.13 * rows + 0.2 * num_lines)
        axes = figure.subplots()
        means = [spread.mean for spread in numbers.seconds]
        deviations = [spread.deviation or 0.0 for spread in numbers.seconds]
        colors = [style.GREY if row == numbers.plain else style.BLUE for row in range(rows)]
        axes.barh(range(rows), means, xerr=deviations, color=colors, height=0.66, ecolor=style.INK)
        _draw_forward(axes, numbers.forward)
        _annotate(axes, means, deviations, numbers.plain)
        axes.set_yticks(range(rows), names)
        axes.set_ylim(rows - 0.4, -0.6)
        axes.set_xlim(0, max(m + d for m, d in zip(means, deviations, strict=True)) * 1.3 or 1.0)
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel("time per epoch, validation included (s)")
        axes.set_ylabel("method")
        return figure


def _draw_forward(axes: Axes, forward: Sequence[float | None]) -> None:
    """Draw the part of each bar that the forward passes take."""
    measured = {row: seconds for row, seconds in enumerate(forward) if seconds is not None}
    if not measured:
        return
    own: dict[str, Any] = {"height": 0.3, "color": style.ORANGE, "label": "forward pass"}
    axes.barh(list(measured), list(measured.values()), **own)
    legend_above(axes, ["forward pass"], style.NARROW - 1)


def _annotate(axes: Axes, means: list[float], deviations: list[float], plain: int | None) -> None:
    reference = None if plain is None else means[plain]
    for row, (mean, deviation) in enumerate(zip(means, deviations, strict=True)):
        ratio = f"  ×{mean / reference:.2f}" if reference and row != plain else ""
        axes.annotate(
            f"{mean:.3g} s{ratio}",
            (mean + deviation, row),
            xytext=(5, 0),
            va="center",
            textcoords="offset points",
            fontsize=style.SMALL_SIZE,
        )


def caption(numbers: EpochTime) -> str:
    """Say what is drawn."""
    relative = f"After × stands the time relative to training with {PLAIN}."
    num_left_out = numbers.num_methods - len(numbers.methods)
    shown = "the named points" if numbers.note else "every combination of techniques"
    return sentences(
        f"Seconds per epoch of {shown}, validation included; a shorter bar is faster.",
        f"The orange part is the forward pass: {FORWARD_DEFINITION}."
        if any(seconds is not None for seconds in numbers.forward)
        else "",
        "" if numbers.plain is None else relative,
        f"The time of a trial is the {DEFINITION}; bars are means over trials, black lines their "
        "sample deviation.",
        f"The last {num_left_out} of {numbers.num_methods} combinations are left out."
        if num_left_out
        else "",
        numbers.note,
    )


PLOT = Plot(
    title="Time per epoch",
    caption=caption,
    source="After ConR (Keramati et al., ICLR 2024), Table 5.",
    order=40,
    numbers=numbers,
    numbers_of=numbers,
    draw=draw,
    dimensionless=("method",),
)
