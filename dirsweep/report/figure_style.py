"""Style of every figure: sizes, fonts, and colours for colour-blind readers.

The colours are those of Okabe and Ito, 2008.
"""

from __future__ import annotations

import math
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
#: colours of lines, in this order
LINES = (BLUE, RED, GREEN, ORANGE, PINK, SKY, INK, "#8C6D31")
REGION_COLORS = {"all": INK, "many": BLUE, "median": ORANGE, "few": RED, "zero": PINK}
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")

#: characters of a note per inch of the figure
_NOTE_CHARACTERS = 14

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
    """Apply the style inside the block and restore the user's own settings afterwards."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        yield


def new_figure(width: float, height: float) -> Figure:
    """Create a figure, in inches, laid out so that nothing is clipped.

    It has no window and no global state: drawing works without a display and from several threads.
    """
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def add_header(figure: Figure, title: str, *, synthetic: bool) -> None:
    """Add the title, and a mark where the numbers come from a synthetic benchmark."""
    with styled():
        figure.suptitle(title, fontsize=12, fontweight="bold", x=0.01, ha="left")
        if synthetic:
            box = {"boxstyle": "round,pad=0.3", "facecolor": YELLOW, "edgecolor": "none"}
            mark = figure.text(0.99, 0.985, "SYNTHETIC DATA", ha="right", va="top", bbox=box)
            # part of the layout: the title's line is kept free for it
            mark.set(fontsize=9, fontweight="bold")


def note(figure: Figure, text: str) -> None:
    """Add a small note below the figure that says how to read it, broken into lines that fit."""
    width = int(figure.get_figwidth() * _NOTE_CHARACTERS)
    lines = [part for line in text.split("\n") for part in textwrap.wrap(line, width) or [""]]
    figure.supxlabel("\n".join(lines), fontsize=8.5, color=GREY, x=0.01, ha="left")


def listing(figure: Figure, lines: list[str]) -> None:
    """Add lines of text to the right of the axes; the layout keeps room for them."""
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
    """Break a long label into lines and cut it after ``max_lines``."""
    lines = textwrap.wrap(text, width, break_long_words=True) or [""]
    if len(lines) > max_lines:
        lines = [*lines[: max_lines - 1], lines[max_lines - 1] + "…"]
    return "\n".join(lines)


def use_log(values: list[float]) -> bool:
    """Return whether to use a logarithmic axis: all values positive, spread over a decade."""
    return len(values) > 1 and min(values) > 0 and max(values) / min(values) >= 20


def plain_ticks(
    axes: Axes, values: list[float], *, planned: bool = True, which: Literal["x", "y"] = "x"
) -> None:
    """Make an axis logarithmic, labelled with the values themselves or with decades.

    Args:
        axes: where.
        values: positive values along the axis.
        planned: whether the values are few and chosen by a person, so that each gets a tick as far
            as there is room; those of a search are arbitrary numbers.
        which: axis.
    """
    from matplotlib.ticker import (
        FixedLocator,
        FuncFormatter,
        LogLocator,
        NullFormatter,
        NullLocator,
    )

    axis = axes.xaxis if which == "x" else axes.yaxis
    axes.set(**{f"{which}scale": "log"})
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
    """Select the ascending positive values whose labels do not overlap on a logarithmic axis."""
    span = math.log(values[-1] / values[0]) or 1.0
    kept: list[float] = []
    for value in values:
        if not kept or math.log(value / kept[-1]) / span >= share:
            kept.append(value)
    return kept
