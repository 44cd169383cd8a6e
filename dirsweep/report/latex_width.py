"""How wide a table is in LaTeX, and the widest form of it that fits.

Widths are those of Computer Modern in a document of 10 pt; Times and its relatives are narrower.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from dirsweep.report.table import SIGNS, Cell, Column, Mark, Row, Table, column_groups

#: widths that fit a column of two, and a page of one column. At 10 pt the article class, the
#: narrowest in use, has 200 and 345 pt; at 11 and 12 pt its letters grow by 5 % more than its page
COLUMN_PT, PAGE_PT = 190.0, 330.0
#: share of the page from which a table is stretched to its whole width
_STRETCHED = 0.8

#: size of the text -> factor by which letters are narrower than at 10 pt
_FACTORS = {10: 1.0, 9: 0.925, 8: 0.85, 7: 0.8, 6: 0.735, 5: 0.685}
_BOLD = 1.15
_DIGIT = 5.0
_SPACE = 3.34
#: width of a character at 10 pt, in pt, by the characters that have it
_WIDTHS = {
    2.78: "ijl.,:;!'|[]`",
    3.34: " -–",
    3.92: "rst()",
    4.45: "cezI",
    5.0: "0123456789aog/\\*?",
    5.56: "bdhnpuSfJkvxyq",
    6.26: "L",
    7.23: "wABCDFPTRZE",
    7.8: "GHKNOQUVXY+=<>~^±_&#$@",
    8.34: "m%",
    10.3: "MW",
}
_CHARACTERS = {character: width for width, letters in _WIDTHS.items() for character in letters}
_OTHER = 7.8


@dataclass(frozen=True)
class Size:
    """A size of text in a table.

    Attributes:
        command: of LaTeX.
        small_command: for deviations, intervals and published numbers.
        points: of the text at 10 pt.
        small_points: of the smaller text.
        gaps: half the space between columns to try, in pt, the best first.
        wrapped: width at which long texts are wrapped, in pt; 0 where they are not.
    """

    command: str
    small_command: str
    points: int
    small_points: int
    gaps: tuple[float, ...]
    wrapped: float


SMALL = Size(r"\small", r"\scriptsize", 9, 7, (6.0, 4.5, 3.5), 0.0)
FOOTNOTE = Size(r"\footnotesize", r"\scriptsize", 8, 7, (4.5, 3.5, 2.5), 96.0)
SCRIPT = Size(r"\scriptsize", r"\tiny", 7, 5, (3.5, 2.5, 1.5), 70.0)


@dataclass(frozen=True)
class Form:
    """How a table is set.

    Attributes:
        size: of the text.
        gap: half the space between columns, in pt.
        wide: whether it spans both columns of a page.
        wrapped: width of each column of text that is wrapped, in pt; 0 for one that is not.
        width: of the whole table, in pt.
    """

    size: Size
    gap: float
    wide: bool
    wrapped: tuple[float, ...]
    width: float

    @property
    def stretched(self) -> bool:
        """Whether the columns are spread over the whole width."""
        return self.wide and self.width >= _STRETCHED * PAGE_PT


def fitting(table: Table) -> list[tuple[Table, Form]]:
    """Return the table in a form that fits, or in several parts side by side.

    A column of a page is tried first, then the whole page with ever smaller text, then long texts
    are wrapped, and at last the table is split into groups of columns.
    """
    form = _form(table)
    parts = [] if form is not None else _halves(table)
    if form is None and not parts:
        form = _smallest(table)  # one column of numbers: nothing is left to split
    if form is not None:
        return [(table, form)]
    return [fitted for part in parts for fitted in fitting(part)]


def _form(table: Table) -> Form | None:
    for form in _forms(table):
        if form.width <= (PAGE_PT if form.wide else COLUMN_PT):
            return form
    return None


def _forms(table: Table) -> Iterator[Form]:
    """Yield the forms to try, the best first."""
    unwrapped = tuple(0.0 for _ in table.columns)
    for size in (SMALL, FOOTNOTE):
        for gap in size.gaps:
            yield _measured(table, size, gap, unwrapped, wide=False)
    for size in (SMALL, FOOTNOTE, SCRIPT):
        for wrapped in (unwrapped, _wrapped(table, size)) if size.wrapped else (unwrapped,):
            for gap in size.gaps:
                yield _measured(table, size, gap, wrapped, wide=True)


def _smallest(table: Table) -> Form:
    return _measured(table, SCRIPT, SCRIPT.gaps[-1], _wrapped(table, SCRIPT), wide=True)


def _wrapped(table: Table, size: Size) -> tuple[float, ...]:
    """Return the widths of columns of text that are longer than the size allows."""
    limit = size.wrapped
    return tuple(
        limit if column.align == "left" and _column_width(table, place, size) > limit else 0.0
        for place, column in enumerate(table.columns)
    )


def _halves(table: Table) -> list[Table]:
    """Split the columns into two tables that both have the column of names."""
    first, *others = table.columns
    groups = [members for _, members in column_groups(others)]
    if len(groups) < 2:
        groups = [[column] for column in others]
    if len(groups) < 2:
        return []
    middle = (len(groups) + 1) // 2
    return [
        with_columns(table, [first, *(column for group in half for column in group)])
        for half in (groups[:middle], groups[middle:])
    ]


def with_columns(table: Table, columns: Sequence[Column]) -> Table:
    """Return the table with some of its columns."""
    kept = [place for place, column in enumerate(table.columns) if column in columns]
    rows = [replace(row, cells=tuple(row.cells[place] for place in kept)) for row in table.rows]
    return replace(table, columns=tuple(table.columns[place] for place in kept), rows=tuple(rows))


# ---- widths


def text_width(text: str, points: int, *, bold: bool = False) -> float:
    """Return the width of a text in pt.

    Args:
        text: without LaTeX's escapes.
        points: size of the text, 5 to 10.
        bold: whether it is bold.
    """
    width = sum(_CHARACTERS.get(character, _OTHER) for character in text)
    return width * _FACTORS[points] * (_BOLD if bold else 1.0)


def _measured(
    table: Table, size: Size, gap: float, wrapped: tuple[float, ...], *, wide: bool
) -> Form:
    widths = [
        wrapped[place] or _column_width(table, place, size) for place in range(len(table.columns))
    ]
    total = sum(widths) + 2 * gap * (len(widths) - 1)
    total += _excess_of_headings(table, widths, size, gap)
    return Form(size, gap, wide, wrapped, total)


def _column_width(table: Table, place: int, size: Size) -> float:
    title = text_width(table.columns[place].title.replace("\n", " "), size.points)
    return max([title, *(_cell_width(row, place, size) for row in table.rows)])


def _cell_width(row: Row, place: int, size: Size) -> float:
    cell = row.cells[place]
    bold = Mark.BEST_OF_SECTION in cell.marks
    width = text_width(cell.text, size.points, bold=bold)
    width += sum(text_width(text, size.small_points, bold=bold) for text in _small_texts(cell))
    if not cell.marks.isdisjoint(SIGNS):
        width += _DIGIT  # a raised triangle
    if place == 0:
        width += _DIGIT * bool(row.footnote) + (_SPACE + _DIGIT) * row.chosen
    return width


def _small_texts(cell: Cell) -> Iterator[str]:
    if cell.deviation_text:
        yield f"±{cell.deviation_text}"
    if cell.detail:
        yield f" {cell.detail}"
    if cell.published:
        yield f" ({cell.published})"


def _excess_of_headings(table: Table, widths: Sequence[float], size: Size, gap: float) -> float:
    """Return by how much headings over several columns are wider than these."""
    excess, start = 0.0, 1
    for heading, members in column_groups(table.columns[1:]):
        inside = widths[start : start + len(members)]
        start += len(members)
        needed = text_width(heading, size.points)
        excess += max(0.0, needed - sum(inside) - 2 * gap * (len(members) - 1))
    return excess
