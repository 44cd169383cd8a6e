"""Which columns of a table a console of a given width shows, and how tightly."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len

from dirsweep.domain import REPORTED_SPLITS
from dirsweep.report.number_format import DIAMOND
from dirsweep.report.table import (
    METRICS,
    SECONDARY,
    SIGNS,
    Cell,
    Column,
    Mark,
    Row,
    Table,
    column_groups,
)

#: widths at which columns of text are still readable; their cells wrap between words
_TEXT_WIDTH = 13
_LABEL_WIDTH = 20
_ROOMY_LABEL_WIDTH = 48
_NARROW_LABEL_WIDTH = 13


@dataclass(frozen=True)
class Layout:
    """How a table is drawn.

    Attributes:
        places: indices of the columns that are shown.
        compact: little space between columns, ``7.02±0.20``, details dropped where allowed.
        deviation: whether deviations and intervals are shown.
        label_width: width up to which the first column is not wrapped.
    """

    places: tuple[int, ...]
    compact: bool = False
    deviation: bool = True
    label_width: int = _LABEL_WIDTH

    @property
    def gap(self) -> int:
        """Blanks between two columns."""
        return 2 if self.compact else 3


def layouts_for(table: Table, width: int) -> list[Layout]:
    """Return the layouts in which a console of ``width`` columns shows the table.

    Returns:
        One layout, or one per group of columns where ``table.split_by_group`` is set and they do
        not fit next to each other.
    """
    if table.split_by_group:
        return _split(table, width)
    return [_without_least_important(table, width)]


def header(table: Table, layout: Layout, position: int) -> str:
    """Return a column's heading; a group is named above its first column only.

    The group's name has one line, or where space is short one line per word.

    Args:
        table: the table.
        layout: how it is drawn.
        position: of the column in the layout.
    """
    column = table.columns[layout.places[position]]
    if not column.group:
        return column.title
    before = table.columns[layout.places[position - 1]] if position else None
    repeated = before is not None and before.group_heading == column.group_heading
    if repeated:
        return f"\n{column.title}"
    group = column.group_heading
    return f"{group if layout.deviation else _stacked(group)}\n{column.title}"


def _stacked(heading: str) -> str:
    """Return the heading of a group with the split on a line of its own."""
    first, _, rest = heading.partition(" ")
    return f"{first}\n{rest}" if rest and first in REPORTED_SPLITS else heading


def cell_text(table: Table, layout: Layout, place: int, row: Row) -> str:
    """Return the row's cell as the layout shows it."""
    cell, column = row.cells[place], table.columns[place]
    text = cell.text
    if place == 0 and row.footnote:
        text += f" {row.footnote}"
    if layout.deviation and cell.deviation_text:
        text += f"{'±' if layout.compact else ' ± '}{cell.deviation_text}"
    if cell.detail and layout.deviation and not (layout.compact and column.drop_detail):
        text += f" {cell.detail}"
    if cell.published:
        text = f"{text} ({cell.published})".strip()
    if _has_any(table, place, {Mark.BEST_OF_COLUMN}):
        text += DIAMOND if Mark.BEST_OF_COLUMN in cell.marks else " "
    if _has_any(table, place, SIGNS):
        text += cell.sign or " "
    return text


def _has_any(table: Table, place: int, marks: Iterable[Mark]) -> bool:
    """Return whether a cell of the column has one of the marks, so that all are padded for it."""
    return any(not row.cells[place].marks.isdisjoint(marks) for row in table.rows)


def _width(table: Table, layout: Layout, position: int) -> int:
    """Return the width of a column's widest line."""
    place = layout.places[position]
    texts = [header(table, layout, position)]
    texts += [cell_text(table, layout, place, row) for row in table.rows]
    return max(cell_len(line) for text in texts for line in text.split("\n"))


# ---- hiding columns


def _without_least_important(table: Table, width: int) -> Layout:
    """Hide secondary columns first, then draw compactly, then hide deviations, then more."""
    for candidate in _candidates(table):
        if _needed(table, candidate) <= width:
            return candidate
    return _first_columns(table, replace(candidate, places=_up_to(table, 0)), width)


def _first_columns(table: Table, layout: Layout, width: int) -> Layout:
    """Return the layout with as many columns as fit, the names of the rows at the least."""
    while len(layout.places) > 1 and _needed(table, layout) > width:
        layout = replace(layout, places=layout.places[:-1])
    return layout


def _candidates(table: Table) -> Iterator[Layout]:
    """Yield the layouts to try, the best first."""
    headline = max((c.priority for c in table.columns if c.priority < SECONDARY), default=0)
    priorities = sorted({column.priority for column in table.columns}, reverse=True)
    for limit in priorities:
        if limit >= headline:
            roomy = _ROOMY_LABEL_WIDTH if limit > headline else _LABEL_WIDTH
            yield Layout(_up_to(table, limit), label_width=roomy)
    results = min(METRICS, headline)
    for limit in priorities:
        if results <= limit <= headline:
            yield Layout(_up_to(table, limit), compact=True)
    tight = Layout(_up_to(table, results), compact=True, label_width=_NARROW_LABEL_WIDTH)
    yield tight
    for limit in priorities:
        if limit <= results:
            bare = replace(tight, places=_up_to(table, limit), deviation=False)
            yield replace(bare, label_width=_LABEL_WIDTH)
            yield bare


def _up_to(table: Table, limit: int) -> tuple[int, ...]:
    return tuple(place for place, column in enumerate(table.columns) if column.priority <= limit)


def _needed(table: Table, layout: Layout) -> int:
    """Return the width that the layout needs, the column of stars included."""
    widths = [1] if any(row.chosen for row in table.rows) else []
    for position, place in enumerate(layout.places):
        width = _width(table, layout, position)
        if table.columns[place].align == "left":
            width = min(width, layout.label_width if place == 0 else _TEXT_WIDTH)
        widths.append(width)
    return sum(widths) + layout.gap * (len(widths) - 1)


# ---- splitting by group


def _split(table: Table, width: int) -> list[Layout]:
    """Draw the whole table if it fits, without deviations if need be, else in several parts."""
    whole = Layout(tuple(range(len(table.columns))), label_width=_ROOMY_LABEL_WIDTH)
    for attempt in _tighter(whole):
        if attempt.label_width == whole.label_width and _needed(table, attempt) <= width:
            return [attempt]
    groups = _by_group(table)
    for layouts in zip(*(list(_tighter(group)) for group in groups), strict=True):
        if all(_needed(table, layout) <= width for layout in layouts):
            return list(layouts)
    return [part for group in groups for part in _in_parts(table, group, width)]


def _tighter(layout: Layout) -> Iterator[Layout]:
    """Yield the layout with ever less: space, deviations, width of the labels."""
    compact = replace(layout, compact=True)
    bare = replace(compact, deviation=False)
    yield from (layout, compact, bare)
    for label_width in (_LABEL_WIDTH, _NARROW_LABEL_WIDTH):
        yield replace(bare, label_width=label_width)


def _by_group(table: Table) -> list[Layout]:
    """Return one layout per group that has something to show, each with the ungrouped columns."""
    ungrouped = [place for place, column in enumerate(table.columns) if not column.group]
    layouts = []
    for _, members in column_groups([column for column in table.columns if column.group]):
        places = [table.columns.index(column) for column in members]
        if any(_shows_something(row.cells[place]) for row in table.rows for place in places):
            layouts.append(Layout((*ungrouped, *places), label_width=_ROOMY_LABEL_WIDTH))
    first = [table.columns.index(column) for column in _first_group(table)]
    return layouts or [Layout((*ungrouped, *first), label_width=_ROOMY_LABEL_WIDTH)]


def _first_group(table: Table) -> list[Column]:
    _, members = next(column_groups([column for column in table.columns if column.group]))
    return members


def _in_parts(table: Table, group: Layout, width: int) -> Iterator[Layout]:
    """Yield a group of columns a few at a time, as many as fit next to the row names."""
    *_, tight = _tighter(group)
    names = tuple(
        place
        for place in tight.places
        if not table.columns[place].group and table.columns[place].priority == 0
    )
    shown: tuple[int, ...] = ()
    for place in tight.places:
        if place in names or not table.columns[place].group:
            continue
        if shown and _needed(table, replace(tight, places=(*names, *shown, place))) > width:
            yield replace(tight, places=(*names, *shown))
            shown = ()
        shown = (*shown, place)
    yield replace(tight, places=(*names, *shown))


def _shows_something(cell: Cell) -> bool:
    return bool(cell.text or cell.published)


def longest_word(column: Column, texts: Sequence[str]) -> int:
    """Return the width below which a column of text would cut a word, at most 13."""
    words = [word for text in (*texts, column.title) for word in text.split()]
    return min(_TEXT_WIDTH, max((cell_len(word) for word in words), default=1))
