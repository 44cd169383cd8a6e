"""Tables as GitHub's Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dirsweep.report.number_format import STAR
from dirsweep.report.table import Cell, Mark, Row, Table, worded_notes

SYMBOLS = {
    Mark.CHOSEN: STAR,
    Mark.BEST_OF_SECTION: "bold:",
    Mark.BEST_OF_COLUMN: f"{STAR}:",
    Mark.BETTER: "better:",
    Mark.WORSE: "worse:",
    Mark.WITHHELD: "–:",
}


def markdown(table: Table) -> str:
    """Return the table with its heading and notes; the chosen row is bold."""
    rule = ["---:" if column.align == "right" else ":---" for column in table.columns]
    mark = " (SYNTHETIC DATA)" if table.synthetic else ""
    return "\n".join(
        [
            f"### {table.heading}{mark}",
            "",
            _line([column.heading for column in table.columns]),
            _line(rule),
            *_rows(table),
            "",
            *(f"{note.text}  " for note in worded_notes(table, SYMBOLS)),
            "",
        ]
    )


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _rows(table: Table) -> Iterator[str]:
    sections = table.show_sections and len(table.sections()) > 1
    for number, row in enumerate(table.rows):
        if sections and (number == 0 or table.begins_section(number)):
            yield _line([f"*{row.section}*", *[""] * (len(table.columns) - 1)])
        yield _line(_texts(row))


def _texts(row: Row) -> list[str]:
    texts = [_text(cell) for cell in row.cells]
    if row.chosen:
        texts = [f"**{text}**" if text else text for text in texts]
        texts[0] += f" {STAR}"
    if row.footnote:
        texts[0] += f"<sup>{row.footnote}</sup>"
    return texts


def _text(cell: Cell) -> str:
    deviation = f" ± {cell.deviation_text}" if cell.deviation_text else ""
    text = f"{cell.text}{deviation} {cell.detail}".strip()
    if text and Mark.BEST_OF_SECTION in cell.marks:
        text = f"**{text}**"
    if Mark.BEST_OF_COLUMN in cell.marks:
        text += f" {STAR}"
    published = f"({cell.published})" if cell.published else ""
    return f"{text} {published}".strip()
