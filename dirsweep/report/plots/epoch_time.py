"""Seconds per epoch of every combination of techniques, relative to plain training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dirsweep.analysis.epoch_times import DEFINITION, epoch_seconds
from dirsweep.analysis.measurements import points_of
from dirsweep.analysis.summaries import PointSummary, Spread
from dirsweep.report import figure_style as style
from dirsweep.report.plot import EmptyPlotError, Plot
from dirsweep.run.reader import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_ROWS = 40
#: the method without any technique
PLAIN = "no technique"
_OFF = {
    "loss.name": ("l1", "mse", "huber"),
    "schedule.name": ("plain",),
    "reweighting.name": ("none",),
    "smoothing.name": ("none",),
}


@dataclass(frozen=True)
class EpochTime:
    """What ``draw`` needs.

    Attributes:
        methods: combinations of techniques in the order in which they were proposed.
        seconds: per method, number of the trial -> seconds, see ``epoch_times.epoch_seconds``.
        plain: position of plain training; None when the study has none.
    """

    methods: list[str]
    seconds: list[Spread]
    plain: int | None


def numbers(run: Run, study: str) -> EpochTime:
    """Collect the seconds per epoch by method.

    Raises:
        EmptyPlotError: fewer than two methods have recorded times.
    """
    points: dict[str, list[PointSummary]] = {}
    for point in points_of(run, study):
        if not point.preliminary:
            points.setdefault(method_of(point), []).append(point)
    if len(points) < 2:
        raise EmptyPlotError("the study has fewer than two methods")
    times = epoch_seconds(run)
    found: dict[str, Spread] = {}
    plain = None
    for method, those in points.items():
        ids = [trial for point in those for trial in point.trial_ids.values()]
        values = [times[trial] for trial in ids if trial in times]
        if values and len(found) < MAX_ROWS:
            plain = len(found) if method == PLAIN else plain
            # a point has one name in all outputs; a method of several points has its own
            name = those[0].label if len(those) == 1 else method
            found[name] = Spread(dict(enumerate(values)))
    if len(found) < 2:
        raise EmptyPlotError("fewer than two methods have recorded times")
    return EpochTime(list(found), list(found.values()), plain)


def method_of(point: PointSummary) -> str:
    """Return ``focal_r + lds + ranksim``: the techniques that are on; ``PLAIN`` for none."""
    merged = {**point.config, **point.overrides}
    names = [str(merged[key]) for key, off in _OFF.items() if merged.get(key) not in (None, *off)]
    for key, value in merged.items():
        room, _, rest = key.partition(".")
        if room == "regularizers" and value not in (None, False, "off", "none"):
            names.append(rest.partition(".")[0])
    return " + ".join(dict.fromkeys(names)) or PLAIN


def draw(numbers: EpochTime) -> Figure:
    """Draw one bar per method, with seconds and the ratio to plain training as text."""
    with style.styled():
        rows = len(numbers.methods)
        figure = style.new_figure(8.0, 1.3 + 0.3 * rows)
        axes = figure.subplots()
        means = [spread.mean for spread in numbers.seconds]
        deviations = [spread.deviation or 0.0 for spread in numbers.seconds]
        colors = [style.GREY if row == numbers.plain else style.BLUE for row in range(rows)]
        axes.barh(range(rows), means, xerr=deviations, color=colors, height=0.66, ecolor=style.INK)
        _annotate(axes, means, deviations, numbers.plain)
        axes.set_yticks(range(rows), [style.wrapped(method, 44, 2) for method in numbers.methods])
        axes.set_ylim(rows - 0.4, -0.6)
        axes.set_xlim(0, max(m + d for m, d in zip(means, deviations, strict=True)) * 1.22 or 1.0)
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel("time per epoch, validation included (s)")
        axes.set_ylabel("method")
        style.note(
            figure,
            f"{DEFINITION};\nmean and sample deviation over trials; ×: relative to plain training",
        )
        return figure


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
            fontsize=8.5,
        )


PLOT = Plot(
    title="Time per epoch",
    caption="Seconds per epoch of every combination of techniques, relative to plain training.",
    order=40,
    numbers=numbers,
    draw=draw,
)
