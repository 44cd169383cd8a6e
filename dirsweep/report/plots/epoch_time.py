"""What a method costs: seconds per epoch of every combination of techniques, beside plain
training.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dirsweep.analysis.epoch_times import DEFINITION, epoch_seconds
from dirsweep.analysis.measurements import points_of
from dirsweep.analysis.summaries import PointSummary, Spread
from dirsweep.report.plots import _style as style
from dirsweep.run.reader import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_ROWS = 40
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
        seconds: per method, trial -> see ``times.epoch_seconds`` (the keys of ``by_seed`` only
            number the trials).
        plain: position of plain training; None when the study has none.
    """

    title: str
    synthetic: bool
    methods: list[str]
    seconds: list[Spread]
    plain: int | None


def numbers(run: Run, study: str) -> EpochTime | None:
    """Seconds per epoch by method; None for a study with fewer than two methods, or without
    times.
    """
    points = [point for point in points_of(run, study) if not point.preliminary]
    trials: dict[str, list[str]] = {}
    for point in points:
        trials.setdefault(method_of(point), []).extend(point.trial_ids.values())
    if len(trials) < 2:
        return None
    times = epoch_seconds(run)
    found = {
        method: values
        for method, ids in trials.items()
        if (values := [times[trial] for trial in ids if trial in times])
    }
    if len(found) < 2:
        return None
    chosen = dict(list(found.items())[:MAX_ROWS])
    return EpochTime(
        title=f"time per epoch · {study} · {run.name}",
        synthetic=run.synthetic,
        methods=list(chosen),
        seconds=[Spread(dict(enumerate(values))) for values in chosen.values()],
        plain=list(chosen).index("vanilla") if "vanilla" in chosen else None,
    )


def method_of(point: PointSummary) -> str:
    """``focal_r + lds + ranksim``: the techniques that are on; ``vanilla`` for none."""
    merged = {**point.config, **point.overrides}
    names = [str(merged[key]) for key, off in _OFF.items() if merged.get(key) not in (None, *off)]
    for key, value in merged.items():
        room, _, rest = key.partition(".")
        name = rest.partition(".")[0]
        if (
            room == "regularizers"
            and value not in (None, False, "off", "none")
            and name not in names
        ):
            names.append(name)
    return " + ".join(names) or "vanilla"


def draw(numbers: EpochTime) -> Figure:
    """One bar per method, seconds and the ratio to plain training written beside it."""
    with style.styled():
        rows = len(numbers.methods)
        figure = style.new_figure(
            8.0, 1.3 + 0.3 * rows, title=numbers.title, synthetic=numbers.synthetic
        )
        axes = figure.subplots()
        means = [spread.mean for spread in numbers.seconds]
        deviations = [spread.deviation or 0.0 for spread in numbers.seconds]
        colors = [style.GREY if row == numbers.plain else style.BLUE for row in range(rows)]
        axes.barh(range(rows), means, xerr=deviations, color=colors, height=0.66, ecolor=style.INK)
        reference = None if numbers.plain is None else means[numbers.plain]
        for row, mean in enumerate(means):
            ratio = f"  ×{mean / reference:.2f}" if reference and row != numbers.plain else ""
            axes.annotate(
                f"{mean:.3g} s{ratio}",
                (mean + deviations[row], row),
                xytext=(5, 0),
                va="center",
                textcoords="offset points",
                fontsize=8.5,
            )
        axes.set_yticks(range(rows), [style.wrapped(method, 44, 2) for method in numbers.methods])
        axes.set_ylim(rows - 0.4, -0.6)
        axes.set_xlim(0, max(m + d for m, d in zip(means, deviations, strict=True)) * 1.22 or 1.0)
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel("seconds per epoch, validation included")
        style.note(
            figure, f"{DEFINITION};\nmean and sample deviation over trials; × beside plain training"
        )
        return figure
