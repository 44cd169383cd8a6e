"""How every figure looks: sizes, type, and colours that colour-blind readers can tell apart (Okabe
and Ito, 2008).
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, PINK, SKY, RED, YELLOW = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#D55E00",
    "#F0E442",
)
INK, GREY, LIGHT, GRID = "#222222", "#777777", "#C9C9C9", "#E6E6E6"
#: in the order in which lines should take them
LINES = (BLUE, RED, GREEN, ORANGE, PINK, SKY, INK, "#8C6D31")
REGION_COLORS = {"all": INK, "many": BLUE, "median": ORANGE, "few": RED, "zero": PINK}
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")

_SETTINGS: dict[str, Any] = {
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.labelsize": 10,
    "legend.fontsize": 9,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "savefig.facecolor": "white",
    "text.parse_math": False,  # a label with dollars is a label
}


@contextmanager
def styled() -> Iterator[None]:
    """Matplotlib's settings inside the block; whatever the user's own are, they come back
    afterwards.
    """
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        yield


def new_figure(width: float, height: float, *, title: str, synthetic: bool) -> Figure:
    """A figure in inches, laid out so that nothing is clipped, that says when its numbers are made
    up.

    It has no window and no global state: drawing works without a display and from several threads.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    figure.suptitle(title, fontsize=12, fontweight="bold", x=0.01, ha="left")
    if synthetic:
        box = {"boxstyle": "round,pad=0.3", "facecolor": YELLOW, "edgecolor": "none"}
        # in the layout, the title's line is kept free for it
        figure.text(
            0.99,
            0.985,
            "SYNTHETIC DATA",
            ha="right",
            va="top",
            fontsize=9,
            fontweight="bold",
            bbox=box,
        )
    return figure


def note(figure: Figure, text: str) -> None:
    """How to read the figure, small, below it."""
    figure.supxlabel(text, fontsize=8.5, color=GREY, x=0.01, ha="left")


def listing(figure: Figure, lines: list[str]) -> None:
    """Lines of text to the right of the axes, room kept for them."""
    from matplotlib.lines import Line2D

    blank = [Line2D([], [], linestyle="none") for _ in lines[1:]]
    figure.legend(
        blank,
        lines[1:],
        title=lines[0],
        loc="outside right center",
        alignment="left",
        handlelength=0,
        handletextpad=0,
        labelspacing=0.7,
    )


def wrapped(text: str, width: int = 34, max_lines: int = 3) -> str:
    """Long labels on several lines, cut after ``max_lines``."""
    lines = textwrap.wrap(text, width, break_long_words=True) or [""]
    return (
        "\n".join(lines)
        if len(lines) <= max_lines
        else "\n".join([*lines[: max_lines - 1], lines[max_lines - 1] + "…"])
    )


def tail(key: str) -> str:
    """``ranksim.gamma`` of ``regularizers.ranksim.gamma``."""
    return ".".join(key.removesuffix(".name").split(".")[-2:])


def use_log(values: list[float]) -> bool:
    """Whether a logarithmic axis reads better: all positive and over a decade wide."""
    return len(values) > 1 and min(values) > 0 and max(values) / min(values) >= 20


def plain_ticks(
    axes: Axes, values: list[float], *, planned: bool = True, which: Literal["x", "y"] = "x"
) -> None:
    """Label a logarithmic axis with the values that were run where they have room, else with plain
    decades.

    Args:
        planned: the values are few and chosen by a person; those of a search are arbitrary numbers.
        which: axis.
    """
    from matplotlib.ticker import (
        FixedLocator,
        FuncFormatter,
        LogLocator,
        NullFormatter,
        NullLocator,
    )

    axes.set_xscale("log") if which == "x" else axes.set_yscale("log")
    axis = axes.xaxis if which == "x" else axes.yaxis
    if planned and len(set(values)) <= 24:
        axis.set_major_locator(FixedLocator(spread_out(sorted(set(values)))))
    else:
        # where it spans little 1, 2 and 5 as well: a decade alone may have one tick only
        narrow = max(values) / min(values) < 30
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if narrow else (1.0,)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())


def spread_out(values: list[float], share: float = 0.09) -> list[float]:
    """Those of the ascending positive ``values`` whose labels would not touch on a logarithmic
    axis.
    """
    from math import log

    span = log(values[-1] / values[0]) or 1.0
    kept: list[float] = []
    for value in values:
        if not kept or log(value / kept[-1]) / span >= share:
            kept.append(value)
    return kept
