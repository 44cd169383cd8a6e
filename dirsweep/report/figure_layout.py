"""The last pass over a figure: long labels are wrapped and texts that overlap are moved.

Sizes of texts are known only once a figure is laid out, so this comes after everything is drawn.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from dirsweep.report import figure_style as style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure
    from matplotlib.text import Annotation, Text
    from matplotlib.transforms import Bbox

#: marks a number beside a point, which may move around it
MOVABLE = "movable"
#: offsets in points, alignment; the first without an overlap is taken
_PLACES = (
    (6, 5, "left"),
    (6, -12, "left"),
    (-6, 5, "right"),
    (-6, -12, "right"),
    (0, 9, "center"),
    (0, -17, "center"),
    (14, 0, "left"),
    (-14, 0, "right"),
    (14, 14, "left"),
    (14, -22, "left"),
    (-14, 14, "right"),
    (-14, -22, "right"),
    (0, 24, "center"),
    (0, -32, "center"),
)
#: share of the axes that the label of an axis may take
_FULL = 0.95
#: pixels between the labels of neighbouring ticks
_GAP = 4.0


def settle(figure: Figure) -> None:
    """Wrap labels of axes, thin out labels of ticks and move numbers until no text overlaps.

    The layout is fixed afterwards.
    """
    with style.styled():
        figure.draw_without_rendering()
        grid = [axes for axes in _all_axes(figure) if axes.get_visible()]
        wrapped = [_wrap_labels(axes, figure.dpi) for axes in grid]
        thinned = [_spell_out(axes) or _thin_ticks(axes) for axes in grid]
        if any([*wrapped, *thinned]):
            figure.draw_without_rendering()
            # a rotated or wrapped label takes room from others
            for axes in grid:
                _wrap_labels(axes, figure.dpi)
                _thin_ticks(axes)
            figure.draw_without_rendering()
        figure.set_layout_engine("none")
        for axes in grid:
            _move_apart(axes)


def _all_axes(figure: Figure) -> list[Axes]:
    from matplotlib.axes import Axes

    return list(figure.findobj(Axes))


def _wrap_labels(axes: Axes, dpi: float) -> bool:
    """Break the labels of both axes into lines that are no longer than the axes."""
    box = axes.get_window_extent()
    wrapped = False
    for label, room in ((axes.xaxis.label, box.width), (axes.yaxis.label, box.height)):
        text = label.get_text()
        lines = textwrap.fill(text, style.characters(room / dpi))
        if text and lines != text and _length(label) > _FULL * room:
            label.set_text(lines)
            wrapped = True
    return wrapped


def _length(text: Text) -> float:
    box = text.get_window_extent()
    return float(max(box.width, box.height))


def _spell_out(axes: Axes) -> bool:
    """Write numbers of ticks in full where matplotlib would put a factor or offset above them."""
    found = False
    for axis in (axes.xaxis, axes.yaxis):
        if axis.get_offset_text().get_text():
            axis.set_major_formatter(lambda value, _: f"{value:.6g}")
            found = True
    return found


def _thin_ticks(axes: Axes) -> bool:
    """Turn names of ticks that overlap; of overlapping numbers leave out every second one."""
    across = _thin_axis(axes.xaxis, "x")
    return _thin_axis(axes.yaxis, "y") or across


def _thin_axis(axis: Axis, along: str) -> bool:
    places, labels = list(axis.get_ticklocs()), axis.get_ticklabels()
    low, high = sorted(axis.get_view_interval())
    margin = 1e-6 * (high - low)
    shown = [
        label
        for place, label in zip(places, labels, strict=False)
        if low - margin <= place <= high + margin and label.get_text() and label.get_visible()
    ]
    boxes = [label.get_window_extent() for label in shown]
    if not _neighbours_overlap(boxes, along):
        return False
    texts = [label.get_text() for label in labels]
    if along == "x" and not all(_is_number(text) for text in texts if text):
        if shown[0].get_rotation():
            return False
        axis.set_ticks(places, [text.replace("\n", " ") for text in texts], rotation=90)
        return True
    axis.set_ticks(places[::2], texts[::2])
    return True


def _is_number(text: str) -> bool:
    try:
        float(text.replace("\N{MINUS SIGN}", "-"))
    except ValueError:
        return False
    return True


def _neighbours_overlap(boxes: Sequence[Bbox], along: str) -> bool:
    ends = [(box.x0, box.x1) if along == "x" else (box.y0, box.y1) for box in boxes]
    ends.sort()
    gap = _GAP if along == "x" else 0.0
    return any(after[0] < before[1] + gap for before, after in pairwise(ends))


def _move_apart(axes: Axes) -> None:
    """Move the numbers beside points so that they overlap neither each other nor a point."""
    from matplotlib.text import Annotation

    movable = [text for text in axes.texts if text.get_gid() == MOVABLE]
    notes = [text for text in movable if isinstance(text, Annotation)]
    taken = list(_mark_boxes(notes))
    frame = axes.get_window_extent()
    for note in notes:
        overlaps = [_overlap(_placed(note, place), taken, frame) for place in _PLACES]
        taken.append(_placed(note, _PLACES[overlaps.index(min(overlaps))]))


def _placed(note: Annotation, place: tuple[int, int, str]) -> Bbox:
    """Put a number at an offset from its point and return its box."""
    across, up, alignment = place
    note.set(position=(across, up), ha=alignment)
    return note.get_window_extent()


def _mark_boxes(notes: Iterable[Annotation]) -> Iterator[Bbox]:
    """The boxes of the points that the numbers belong to."""
    from matplotlib.transforms import Bbox

    for note in notes:
        assert note.axes is not None
        x, y = note.axes.transData.transform(note.xy)
        yield Bbox.from_extents(x - 6, y - 6, x + 6, y + 6)


def _overlap(box: Bbox, taken: Sequence[Bbox], frame: Bbox) -> float:
    """Pixels squared of a box that lie on others, or outside the axes."""
    from matplotlib.transforms import Bbox

    inside = Bbox.intersection(box, frame)
    outside = box.width * box.height - (0 if inside is None else inside.width * inside.height)
    found = float(outside)
    for other in taken:
        shared = Bbox.intersection(box, other)
        found += 0 if shared is None else shared.width * shared.height
    return found
