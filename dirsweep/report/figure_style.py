"""Style of every figure: sizes, fonts, and colours for colour-blind readers.

The colours are those of Okabe and Ito, 2008. Green and red mean better and worse and nothing else.
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
    from matplotlib.typing import ColorType

BLUE, ORANGE, GREEN, PINK, SKY, RED, YELLOW = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#D55E00",
    "#F0E442",
)
INK, GREY, LIGHT, GRID = "#222222", "#666666", "#C9C9C9", "#E6E6E6"
BROWN = "#8C6D31"
BETTER, WORSE = GREEN, RED
#: colours of lines, in this order
LINES = (BLUE, ORANGE, PINK, SKY, BROWN, "#9467BD", INK, "#8A8A8A")
REGION_COLORS = {"all": INK, "many": BLUE, "median": ORANGE, "few": PINK, "zero": BROWN}
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")

#: points; the same in every figure: heading, titles and labels of axes, everything else
HEADING_SIZE, TEXT_SIZE, SMALL_SIZE = 13.0, 11.0, 10.0
#: width of a figure in inches; one that is wider takes the whole width of the page
NARROW = 8.0
#: pixels per inch of a file
DPI = 150
#: width of a character in its font size: on average in long texts, and of a wide one
_CHARACTER, _WIDE_CHARACTER = 0.56, 0.6
#: height of a line in its font size
_LINE = 1.25
#: inches that the mark of synthetic data takes
_MARK_WIDTH = 1.7

_SETTINGS: dict[str, Any] = {
    "font.size": TEXT_SIZE,
    "axes.titlesize": TEXT_SIZE,
    "axes.labelsize": TEXT_SIZE,
    "legend.fontsize": SMALL_SIZE,
    "legend.title_fontsize": SMALL_SIZE,
    "xtick.labelsize": SMALL_SIZE,
    "ytick.labelsize": SMALL_SIZE,
    "figure.titlesize": TEXT_SIZE,
    "figure.labelsize": TEXT_SIZE,
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

    # laid out at the resolution of its file: widths of texts depend on it
    return Figure(figsize=(width, height), layout="constrained", dpi=DPI)


def add_heading(figure: Figure, title: str, *, synthetic: bool) -> None:
    """Add the heading, and a mark where the numbers come from a synthetic benchmark."""
    with styled():
        room = figure.get_figwidth() - (_MARK_WIDTH if synthetic else 0.2)
        width = characters(room, HEADING_SIZE * 1.1)
        lines = textwrap.wrap(title, width, break_on_hyphens=False)
        figure.suptitle(
            "\n".join(lines), fontsize=HEADING_SIZE, fontweight="bold", x=0.01, ha="left"
        )
        if synthetic:
            box = {"boxstyle": "round,pad=0.3", "facecolor": YELLOW, "edgecolor": "none"}
            mark = figure.text(0.99, 0.985, "SYNTHETIC DATA", ha="right", va="top", bbox=box)
            # part of the layout: the heading's line is kept free for it
            mark.set(fontsize=SMALL_SIZE, fontweight="bold", color=readable_on(YELLOW))


def add_caption(figure: Figure, text: str) -> None:
    """Add the caption below the figure, which becomes higher by it."""
    room = figure.get_figwidth() - 0.2
    width = int(room * 72 / (SMALL_SIZE * _CHARACTER))
    lines = textwrap.wrap(text.replace("`", "'"), width, break_on_hyphens=False)
    with styled():
        figure.set_figheight(figure.get_figheight() + len(lines) * SMALL_SIZE * _LINE / 72)
        figure.supxlabel("\n".join(lines), fontsize=SMALL_SIZE, color=GREY, x=0.01, ha="left")


def characters(inches: float, size: float = TEXT_SIZE) -> int:
    """Return how many characters of a font size in points fit into a width."""
    return max(4, int(inches * 72 / (size * _WIDE_CHARACTER)))


def contrast(one: ColorType, other: ColorType) -> float:
    """Return the contrast between two opaque colours, 1 to 21, as WCAG 2.2 defines it."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: ColorType) -> float:
    from matplotlib.colors import to_rgb

    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in to_rgb(color)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def readable_on(color: ColorType) -> str:
    """Return black or white, whichever can be read on the colour.

    Neither is a colour of the page's theme: what it stands on is the same in light and dark.
    """
    black, white = "#010101", "#FEFEFE"
    return max(black, white, key=lambda ink: contrast(ink, color))


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


def short_number(value: float) -> str:
    """Write a value with three digits, without an exponent where that is possible."""
    return f"{value:.0f}" if 1000 <= abs(value) < 1e6 else f"{value:.3g}"


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
