"""Which columns of a table a console of a given width shows, and how tightly."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len

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
_TEXT_WIDTH = 12
_LABEL_WIDTH = 20
_ROOMY_LABEL_WIDTH = 48
_NARROW_LABEL_WIDTH = 12


@dataclass(frozen=True)
class Layout:
    """How a table is drawn.

    Attributes:
        places: indices of the columns that are shown.
        compact: little space between columns, ``7.02±0.20``, details dropped where allowed.
        deviation: whether deviations are shown.
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
    """Return a column's heading in two lines; a group is named above its first column only.

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
    return f"{'' if repeated else column.group_heading}\n{column.title}"


def cell_text(table: Table, layout: Layout, place: int, row: Row) -> str:
    """Return the row's cell as the layout shows it."""
    cell = row.cells[place]
    text = cell.text
    if place == 0 and row.footnote:
        text += f" {row.footnote}"
    if layout.deviation and cell.deviation_text:
        text += f"{'±' if layout.compact else ' ± '}{cell.deviation_text}"
    if cell.detail and not (layout.compact and table.columns[place].drop_detail):
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
    return replace(candidate, places=_up_to(table, 0))


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
    needed = 1
    for position, place in enumerate(layout.places):
        width = _width(table, layout, position)
        if table.columns[place].align == "left":
            width = min(width, layout.label_width if place == 0 else _TEXT_WIDTH)
        needed += layout.gap + width
    return needed


# ---- splitting by group


def _split(table: Table, width: int) -> list[Layout]:
    """Draw the whole table if it fits, without deviations if need be, else group by group."""
    everything = [Layout(tuple(range(len(table.columns))))]
    for layouts in (everything, _by_group(table)):
        for attempt in _ever_tighter(layouts):
            if all(_full_width(table, layout) <= width for layout in attempt):
                return attempt
    return attempt


def _ever_tighter(layouts: Sequence[Layout]) -> Iterator[list[Layout]]:
    yield list(layouts)
    yield [replace(layout, compact=True) for layout in layouts]
    yield [replace(layout, compact=True, deviation=False) for layout in layouts]


def _by_group(table: Table) -> list[Layout]:
    """Return one layout per group that has something to show, each with the ungrouped columns."""
    ungrouped = [place for place, column in enumerate(table.columns) if not column.group]
    layouts = []
    for _, members in column_groups([column for column in table.columns if column.group]):
        places = [table.columns.index(column) for column in members]
        if any(_shows_something(row.cells[place]) for row in table.rows for place in places):
            layouts.append(Layout((*ungrouped, *places)))
    return layouts or [Layout((*ungrouped, *_first_group(table)))]


def _first_group(table: Table) -> list[int]:
    _, members = next(column_groups([column for column in table.columns if column.group]))
    return [table.columns.index(column) for column in members]


def _shows_something(cell: Cell) -> bool:
    return bool(cell.text or cell.published)


def _full_width(table: Table, layout: Layout) -> int:
    widths = [_width(table, layout, position) for position in range(len(layout.places))]
    return sum(widths) + layout.gap * (len(widths) - 1)


def longest_word(column: Column, texts: Sequence[str]) -> int:
    """Return the width below which a column of text would cut a word, at most 12."""
    words = [word for text in (*texts, column.title) for word in text.split()]
    return min(_TEXT_WIDTH, max((cell_len(word) for word in words), default=1))
