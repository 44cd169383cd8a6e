"""Which columns of a table a console of a given width shows, and how tightly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len

from dirsweep.report.number_format import STAR
from dirsweep.report.table import SECONDARY, Cell, Column, Mark, Row, Table, column_groups

#: widths at which columns of text are still readable; their cells wrap between words
_TEXT_WIDTH = 12
_LABEL_WIDTH = 20
_ROOMY_LABEL_WIDTH = 48


@dataclass(frozen=True)
class Layout:
    """How a table is drawn.

    Attributes:
        places: indices of the columns that are shown.
        compact: little space between columns, ``7.02±0.20``, details dropped where allowed.
        deviation: whether deviations are shown.
    """

    places: tuple[int, ...]
    compact: bool = False
    deviation: bool = True

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
    if _has_best(table, place):
        text += STAR if Mark.BEST_OF_COLUMN in cell.marks else " "
    return text


def _has_best(table: Table, place: int) -> bool:
    return any(Mark.BEST_OF_COLUMN in row.cells[place].marks for row in table.rows)


def _width(table: Table, layout: Layout, position: int) -> int:
    """Return the width of a column's widest line."""
    place = layout.places[position]
    texts = [header(table, layout, position)]
    texts += [cell_text(table, layout, place, row) for row in table.rows]
    return max(cell_len(line) for text in texts for line in text.split("\n"))


# ---- hiding columns


def _without_least_important(table: Table, width: int) -> Layout:
    """Hide secondary columns first, then draw compactly, then hide more."""
    headline = max((c.priority for c in table.columns if c.priority < SECONDARY), default=0)
    for candidate in _candidates(table, headline):
        if _needed(table, candidate, headline) <= width:
            return candidate
    return Layout(_up_to(table, 0), compact=True)


def _candidates(table: Table, headline: int) -> Iterator[Layout]:
    """Yield the layouts to try, the best first."""
    priorities = sorted({column.priority for column in table.columns}, reverse=True)
    for limit in priorities:
        if limit >= headline:
            yield Layout(_up_to(table, limit))
    for limit in priorities:
        if limit <= headline:
            yield Layout(_up_to(table, limit), compact=True)


def _up_to(table: Table, limit: int) -> tuple[int, ...]:
    return tuple(place for place, column in enumerate(table.columns) if column.priority <= limit)


def _needed(table: Table, layout: Layout, headline: int) -> int:
    """Return the width that the layout needs, the column of stars included."""
    largest = max(table.columns[place].priority for place in layout.places)
    roomy = not layout.compact and largest > headline
    needed = 1
    for position, place in enumerate(layout.places):
        width = _width(table, layout, position)
        if table.columns[place].align == "left":
            width = min(width, _text_width(place, roomy=roomy))
        needed += layout.gap + width
    return needed


def _text_width(place: int, *, roomy: bool) -> int:
    """Return the width up to which a column of text is not wrapped."""
    if place > 0:
        return _TEXT_WIDTH
    # rather a label on one line than one more metric
    return _ROOMY_LABEL_WIDTH if roomy else _LABEL_WIDTH


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
