"""How every figure looks: sizes, type, and colours that colour-blind readers can tell apart (Okabe and Ito, 2008)."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, PINK, SKY, RED, YELLOW = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442",
)  # fmt: skip
INK, GREY, LIGHT = "#222222", "#777777", "#C9C9C9"
#: in the order in which lines should take them
LINES = (BLUE, RED, GREEN, ORANGE, PINK, SKY, INK, "#8C6D31")
REGION_COLORS = {"all": INK, "many": BLUE, "median": ORANGE, "few": RED}
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")

_SETTINGS: dict[str, Any] = {
    "font.size": 10, "axes.titlesize": 11, "axes.labelsize": 10, "legend.fontsize": 9, "xtick.labelsize": 9,
    "ytick.labelsize": 9, "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": GREY,
    "axes.labelcolor": INK, "text.color": INK, "xtick.color": GREY, "ytick.color": GREY, "xtick.labelcolor": INK,
    "ytick.labelcolor": INK, "axes.grid": True, "grid.color": "#E6E6E6", "grid.linewidth": 0.8, "axes.axisbelow": True,
    "legend.frameon": False, "lines.linewidth": 1.8, "lines.markersize": 5, "savefig.facecolor": "white",
}  # fmt: skip


@contextmanager
def styled() -> Iterator[None]:
    """Matplotlib's settings inside the block; whatever the user's own are, they come back afterwards."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        yield


def new_figure(width: float, height: float, *, title: str, synthetic: bool) -> Figure:
    """A figure in inches, laid out so that nothing is clipped, that says when its numbers are made up.

    It has no window and no global state: drawing works without a display and from several threads.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    figure.suptitle(title, fontsize=12, fontweight="bold", x=0.01, ha="left")
    if synthetic:
        box = {"boxstyle": "round,pad=0.3", "facecolor": YELLOW, "edgecolor": "none"}
        # in the layout, the title's line is kept free for it
        figure.text(0.99, 0.985, "SYNTHETIC DATA", ha="right", va="top", fontsize=9, fontweight="bold", bbox=box)
    return figure


def wrapped(text: str, width: int = 34, max_lines: int = 3) -> str:
    """Long labels on several lines, cut after ``max_lines``."""
    lines = textwrap.wrap(text, width, break_long_words=True) or [""]
    return (
        "\n".join(lines)
        if len(lines) <= max_lines
        else "\n".join([*lines[: max_lines - 1], lines[max_lines - 1] + "…"])
    )


def use_log(values: list[float]) -> bool:
    """Whether a logarithmic axis reads better: all positive and over a decade wide."""
    return len(values) > 1 and min(values) > 0 and max(values) / min(values) >= 20


def plain_ticks(axes: Axes, values: list[float]) -> None:
    """Label a logarithmic axis with the values that were run where they have room, else with plain decades."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator

    axes.set_xscale("log")
    ticks = spread_out(sorted(set(values)))
    axes.xaxis.set_major_locator(FixedLocator(ticks) if len(values) <= 24 else LogLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())


def spread_out(values: list[float], share: float = 0.09) -> list[float]:
    """Those of the ascending positive ``values`` whose labels would not touch on a logarithmic axis."""
    from math import log

    span = log(values[-1] / values[0]) or 1.0
    kept: list[float] = []
    for value in values:
        if not kept or log(value / kept[-1]) / span >= share:
            kept.append(value)
    return kept
