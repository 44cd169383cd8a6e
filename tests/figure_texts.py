"""The texts of a figure and where they lie, for tests of plots."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

#: pixels by which boxes of texts may touch: they include the space of letters that are not there
TOLERANCE = 3.0


def texts(figure: Figure) -> str:
    """Return every text of the figure, one per line."""
    return "\n".join(text.get_text() for text in figure.findobj(Text))


def shown_texts(figure: Figure) -> list[Text]:
    """Return the texts that a reader sees; the figure must have been drawn."""
    hidden = {id(text) for axis in figure.findobj(Axis) for text in _labels_outside(axis)}
    for axes in figure.findobj(Axes):
        if not axes.get_visible() or not axes.axison:
            inside = axes.findobj(Text)
            hidden |= {id(text) for text in inside if not _drawn_without_axes(axes, text)}
    found = [text for text in figure.findobj(Text) if text.get_text().strip()]
    return [text for text in found if text.get_visible() and id(text) not in hidden]


def _drawn_without_axes(axes: Axes, text: Text) -> bool:
    return bool(axes.get_visible()) and text in axes.texts


def _labels_outside(axis: Axis) -> Iterator[Text]:
    """Labels of ticks that the axis does not draw."""
    drawn = axis._update_ticks()
    shown = {id(label) for tick in drawn for label in (tick.label1, tick.label2)}
    for tick in (*axis.majorTicks, *axis.minorTicks):
        for label in (tick.label1, tick.label2):
            if id(label) not in shown:
                yield label


def overlaps(figure: Figure) -> list[str]:
    """Return the pairs of texts that overlap, in words."""
    boxes = [(text.get_text(), text.get_window_extent()) for text in shown_texts(figure)]
    return [
        f"{one!r} lies on {other!r}"
        for (one, first), (other, second) in combinations(boxes, 2)
        if _overlap(first, second)
    ]


def _overlap(first: Bbox, second: Bbox) -> bool:
    shared = Bbox.intersection(first, second)
    return shared is not None and min(shared.width, shared.height) > TOLERANCE


def outside(figure: Figure) -> list[str]:
    """Return the texts that run out of the figure."""
    frame = figure.bbox.padded(1.0)
    boxes = [(text.get_text(), text.get_window_extent()) for text in shown_texts(figure)]
    return [
        text
        for text, box in boxes
        if box.x0 < frame.x0 or box.x1 > frame.x1 or box.y0 < frame.y0 or box.y1 > frame.y1
    ]


def contrasts(figure: Figure) -> Iterator[tuple[str, tuple[float, ...], tuple[float, ...]]]:
    """Yield each text outside of coloured cells with its colour and the one behind it."""
    for text in shown_texts(figure):
        patch = text.get_bbox_patch()
        behind = (1.0, 1.0, 1.0) if patch is None else to_rgb(patch.get_facecolor())
        yield text.get_text(), to_rgb(text.get_color()), behind
