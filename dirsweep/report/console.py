"""Tables on a console: numbers are never cut or wrapped; whole columns are hidden instead."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import replace

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from dirsweep.domain import plural
from dirsweep.report.console_layout import Layout, cell_text, header, layouts_for, longest_word
from dirsweep.report.number_format import DIAMOND, STAR
from dirsweep.report.table import SIGNS, Cell, Mark, Note, Row, Table, worded_notes
from dirsweep.terminal import PlainConsole

SYMBOLS = {
    Mark.CHOSEN: STAR,
    Mark.BEST_OF_SECTION: "bold:",
    Mark.BEST_OF_COLUMN: f"{DIAMOND}:",
    **SIGNS,
    Mark.WITHHELD: "·:",
}


_SIGN_COLOURS = {Mark.BETTER: "green", Mark.WORSE: "red"}


def rendered(table: Table, width: int, *, styles: bool = True) -> RenderableType:
    """Return the table for a console of ``width`` columns, with its heading and notes.

    Args:
        table: the table.
        width: of the console, in columns.
        styles: whether the console shows bold text, so that it needs a legend.
    """
    shown = _without_shared(table)
    if not styles:
        notes = [note for note in shown.notes if note.mark is not Mark.BEST_OF_SECTION]
        shown = replace(shown, notes=tuple(notes))
    layouts = layouts_for(shown, width)
    grids: list[RenderableType] = [_grid(shown, layout) for layout in layouts]
    for place in range(len(grids) - 1, 0, -1):
        grids.insert(place, Text())
    return Group(_heading(shown), *grids, *_notes(shown, layouts))


def print_tables(console: Console, tables: Iterable[Table]) -> None:
    """Print tables below each other, each with a blank line before it."""
    for table in tables:
        shown = rendered(table, console.width, styles=console.color_system is not None)
        console.print(Padding(shown, (1, 0, 0, 0), expand=False))
    console.print()


def plain_text(table: Table, width: int) -> str:
    """Return what a console of ``width`` columns shows, without colours."""
    console = PlainConsole(width=width, file=io.StringIO(), colours=False)
    with console.capture() as captured:
        console.print(rendered(table, width, styles=False))
    return "".join(f"{line.rstrip()}\n" for line in captured.get().splitlines())


def _without_shared(table: Table) -> Table:
    """Replace columns in which all rows agree by their note, where they have one."""
    kept, notes = [], []
    for place, column in enumerate(table.columns):
        texts = {row.cells[place].text for row in table.rows}
        if column.shared_note is None or len(texts) != 1:
            kept.append(place)
            continue
        (text,) = texts
        if text:
            notes.append(Note(column.shared_note.format(text)))
    rows = [replace(row, cells=tuple(row.cells[place] for place in kept)) for row in table.rows]
    return replace(
        table,
        columns=tuple(table.columns[place] for place in kept),
        rows=tuple(rows),
        notes=(*notes, *table.notes),
    )


def _heading(table: Table) -> Text:
    title = Text(table.heading, style="bold")
    if table.synthetic:
        title.append("  SYNTHETIC DATA", style="bold black on yellow")
    return title


def _notes(table: Table, layouts: list[Layout]) -> list[Text]:
    lines = [
        Text(note.text, style="red" if note.error else "dim")
        for note in worded_notes(table, SYMBOLS)
    ]
    hidden = len(table.columns) - len({place for layout in layouts for place in layout.places})
    if hidden and not table.split_by_group:
        text = f"{plural(hidden, 'column')} hidden (terminal too narrow)"
        lines.append(Text(text, style="dim"))
    if not all(layout.deviation for layout in layouts):
        cells = [cell for row in table.rows for cell in row.cells]
        what = ["standard deviations"] * any(cell.deviation is not None for cell in cells)
        what += ["intervals"] * any(cell.interval is not None for cell in cells)
        if what:
            text = f"{' and '.join(what)} hidden (terminal too narrow)"
            lines.append(Text(text, style="dim"))
    return lines


def _grid(table: Table, layout: Layout) -> Grid:
    grid = Grid(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        padding=(0, 1, 0, 0) if layout.compact else (0, 1),
        pad_edge=False,
        header_style="bold",
    )
    starred = any(row.chosen for row in table.rows)
    if starred:
        grid.add_column("", width=1, no_wrap=True)
    for position, place in enumerate(layout.places):
        column, title = table.columns[place], header(table, layout, position)
        if column.align == "right":
            grid.add_column(title, justify="right", no_wrap=True, vertical="top")
        else:
            texts = [row.cells[place].text for row in table.rows]
            grid.add_column(title, min_width=longest_word(column, texts), overflow="fold")
    for number in range(len(table.rows)):
        _add_row(grid, table, layout, number, starred=starred)
    return grid


def _add_row(grid: Grid, table: Table, layout: Layout, number: int, *, starred: bool) -> None:
    row = table.rows[number]
    star = [Text(STAR if row.chosen else "", style="yellow")] if starred else []
    texts = [
        _styled(_text(table, layout, number, place), row.cells[place]) for place in layout.places
    ]
    last_of_section = number + 1 < len(table.rows) and table.begins_section(number + 1)
    grid.add_row(*star, *texts, style=_row_style(row), end_section=last_of_section)


def _text(table: Table, layout: Layout, number: int, place: int) -> str:
    text = cell_text(table, layout, place, table.rows[number])
    if not (table.columns[place].blank_repeats and number):
        return text
    return "" if cell_text(table, layout, place, table.rows[number - 1]) == text else text


def _styled(text: str, cell: Cell) -> Text:
    styled = Text(text, style="bold" if Mark.BEST_OF_SECTION in cell.marks else "")
    for mark, colour in _SIGN_COLOURS.items():
        if mark in cell.marks:
            styled.highlight_words([SIGNS[mark]], style=colour)
    return styled


def _row_style(row: Row) -> str:
    return "dim" if Mark.PRELIMINARY in row.marks else ""
