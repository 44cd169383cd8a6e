"""Tables as GitHub's Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from dirsweep.marks import stand_in
from dirsweep.report.number_format import DIAMOND, STAR
from dirsweep.report.table import SIGNS, Cell, Mark, Row, Table, worded_notes
from dirsweep.terminal import printable

#: what Markdown, or GitHub's ($, ~), would read as something else
_SPECIAL = re.compile(r"[\\`*_\[\]<>|~$&]")
#: what begins a list, a quotation or a heading
_BLOCKS = frozenset("*+->#")
_COMMAND = re.compile("(`[^`]*`)")
_SPACE = re.compile(r"\s+")

SYMBOLS = {
    Mark.CHOSEN: STAR,
    Mark.BEST_OF_SECTION: "bold:",
    Mark.BEST_OF_COLUMN: f"{DIAMOND}:",
    **SIGNS,
    Mark.WITHHELD: "–:",
}


def markdown(table: Table) -> str:
    """Return the table with its heading and notes; the best results are bold."""
    rule = ["---:" if column.align == "right" else ":---" for column in table.columns]
    mark = " (SYNTHETIC DATA)" if table.synthetic else ""
    return "\n".join(
        [
            f"### {escape(table.heading)}{mark}",
            "",
            _line([escape(column.heading) for column in table.columns]),
            _line(rule),
            *_rows(table),
            "",
            *(f"{with_commands(note.text)}  " for note in worded_notes(table, SYMBOLS)),
            "",
        ]
    )


def escape(text: str) -> str:
    """Return a text of a user as Markdown that shows it as it is, on one line."""
    return _SPECIAL.sub(r"\\\g<0>", _SPACE.sub(" ", printable(text)))


def with_commands(text: str) -> str:
    """Return a sentence as Markdown; the commands in backquotes that it names stay code."""
    parts = _COMMAND.split(text)
    return "".join(part if number % 2 else escape(part) for number, part in enumerate(parts))


def encodable(text: str, encoding: str) -> str:
    """Return Markdown for a stream whose encoding may lack marks.

    Args:
        text: the Markdown.
        encoding: of the stream, which writes an ASCII stand-in for what it lacks.

    Returns:
        The text; a stand-in at the beginning of a line begins no list there.
    """
    return "\n".join(_escaped_mark(line, encoding) for line in text.split("\n"))


def _escaped_mark(line: str, encoding: str) -> str:
    mark = line[:1]
    try:
        mark.encode(encoding)
    except UnicodeEncodeError:
        if (written := stand_in(mark)) in _BLOCKS:
            return f"\\{written}{line[1:]}"
    return line


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _rows(table: Table) -> Iterator[str]:
    sections = table.show_sections and len(table.sections()) > 1
    for number, row in enumerate(table.rows):
        if sections and (number == 0 or table.begins_section(number)):
            yield _line([f"*{escape(row.section)}*", *[""] * (len(table.columns) - 1)])
        yield _line(_texts(row))


def _texts(row: Row) -> list[str]:
    texts = [_text(cell) for cell in row.cells]
    if row.chosen:
        texts[0] += f" {STAR}"
    if row.footnote:
        texts[0] += f"<sup>{row.footnote}</sup>"
    return texts


def _text(cell: Cell) -> str:
    deviation = f" ± {cell.deviation_text}" if cell.deviation_text else ""
    text = f"{escape(cell.text)}{deviation} {cell.detail}".strip()
    if text and Mark.BEST_OF_SECTION in cell.marks:
        text = f"**{text}**"
    if Mark.BEST_OF_COLUMN in cell.marks:
        text += f" {DIAMOND}"
    text += cell.sign
    published = f"({escape(cell.published)})" if cell.published else ""
    return f"{text} {published}".strip()
