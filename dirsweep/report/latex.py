r"""Tables as LaTeX, ruled by booktabs.

Each table is one ``table`` environment, to be pasted or ``\input``; a document needs
``\usepackage{booktabs}`` and, for wide tables, ``\usepackage{graphicx}``. ``document`` wraps tables
into one that compiles by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from dirsweep.report.latex_text import escape
from dirsweep.report.number_format import MISSING
from dirsweep.report.table import (
    SECONDARY,
    Cell,
    Column,
    Mark,
    Row,
    Table,
    column_groups,
    worded_notes,
)

#: letters in a row beyond which a table is scaled to the width of the text
WIDE = 84

_COMMAND = re.compile("`([^`]*)`")

SYMBOLS = {
    Mark.CHOSEN: "bold:",
    Mark.BEST_OF_SECTION: "bold:",
    Mark.BEST_OF_COLUMN: "underlined:",
    Mark.BETTER: "better:",
    Mark.WORSE: "worse:",
    Mark.WITHHELD: "--:",
}


def latex(table: Table) -> str:
    """Return one ``table`` environment, without the secondary columns.

    The chosen row is bold; so is the best value of each section, and the best one of each column is
    underlined as well.
    """
    shown = _headline(table)
    wide = _letters_in_row(shown) > WIDE
    tabular = _tabular(shown)
    environment = "table*" if wide else "table"
    mark = r"\textbf{SYNTHETIC DATA.} " if shown.synthetic else ""
    label = re.sub(r"[^A-Za-z0-9]+", "-", shown.name or shown.title).strip("-")
    return "\n".join(
        [
            f"\\begin{{{environment}}}[t]",
            r"\centering",
            r"\small",
            f"\\caption{{{mark}{escape(shown.title)}}}",
            f"\\label{{tab:{label}}}",
            f"\\resizebox{{\\linewidth}}{{!}}{{%\n{tabular}}}" if wide else tabular,
            *_notes(shown),
            f"\\end{{{environment}}}",
            "",
        ]
    )


def document(body: str) -> str:
    """Return tables as a document that compiles by itself."""
    return "\n".join(
        [
            r"\documentclass[10pt]{article}",
            r"\usepackage[utf8]{inputenc}",
            r"\usepackage[margin=2cm]{geometry}",
            r"\usepackage{booktabs}",
            r"\usepackage{graphicx}",
            r"\begin{document}",
            body,
            r"\end{document}",
            "",
        ]
    )


def _headline(table: Table) -> Table:
    """Return the table without its secondary columns, which would leave no number readable."""
    kept = [place for place, column in enumerate(table.columns) if column.priority < SECONDARY]
    rows = [replace(row, cells=tuple(row.cells[place] for place in kept)) for row in table.rows]
    return replace(table, columns=tuple(table.columns[place] for place in kept), rows=tuple(rows))


# ---- notes


def _notes(table: Table) -> list[str]:
    sentences = []
    for note in worded_notes(table, SYMBOLS):
        text = _COMMAND.sub(r"\\texttt{\1}", escape(note.text))
        if not note.footnote:  # a footnote begins with the letter that marks its rows
            text = text[:1].upper() + text[1:]
        sentences.append(text if text.endswith(".") else f"{text}.")
    return [f"\\par\\smallskip\\footnotesize {' '.join(sentences)}"] if sentences else []


# ---- rows


def _tabular(table: Table) -> str:
    first, *others = table.columns
    alignment = "".join("r" if column.align == "right" else "l" for column in others)
    titles = [escape(first.title), *(escape(column.title) for column in others)]
    return "\n".join(
        [
            f"\\begin{{tabular}}{{@{{}}l{alignment}@{{}}}}",
            r"\toprule",
            *_group_headings(others),
            f"{' & '.join(titles)} \\\\",
            r"\midrule",
            *_rows(table),
            r"\bottomrule",
            r"\end{tabular}",
        ]
    )


def _group_headings(columns: list[Column]) -> list[str]:
    """Return the line of headings over several columns, and the rules below them."""
    headings, rules, end = [""], [], 1
    for heading, members in column_groups(columns):
        start, end = end + 1, end + len(members)
        headings.append(f"\\multicolumn{{{len(members)}}}{{c}}{{{escape(heading)}}}")
        if heading:
            rules.append(f"\\cmidrule(lr){{{start}-{end}}}")
    line = f"{' & '.join(headings)} \\\\"
    return [line, "".join(rules)] if rules else []


def _rows(table: Table) -> Iterator[str]:
    for number, row in enumerate(table.rows):
        if table.begins_section(number):
            yield r"\midrule"
        yield f"{' & '.join(_texts(row))} \\\\"


def _texts(row: Row) -> list[str]:
    texts = [_text(cell) for cell in row.cells]
    if row.chosen:
        texts = [f"\\textbf{{{text}}}" if text else text for text in texts]
    if row.footnote:
        texts[0] += f"$^{{{row.footnote}}}$"
    return texts


def _text(cell: Cell) -> str:
    text = "--" if cell.text == MISSING else escape(cell.text)
    if cell.deviation_text:
        text += f"\\,{{\\scriptsize$\\pm$\\,{cell.deviation_text}}}"
    if cell.detail:
        text += f" {{\\footnotesize {escape(cell.detail)}}}"
    if text and Mark.BEST_OF_SECTION in cell.marks:
        text = f"\\textbf{{{text}}}"
    if text and Mark.BEST_OF_COLUMN in cell.marks:
        text = f"\\underline{{{text}}}"
    published = f"{{\\footnotesize({escape(cell.published)})}}" if cell.published else ""
    return f"{text} {published}".strip()


# ---- width


def _letters_in_row(table: Table) -> float:
    """Return how wide the table is, in letters."""
    width = 0.0
    for place, column in enumerate(table.columns):
        widths = [_letters(row.cells[place]) for row in table.rows]
        headings = [*column.title.split("\n"), *([column.group] if _alone(table, place) else [])]
        width += max([*widths, *map(len, headings)]) + 2
    return width


def _alone(table: Table, place: int) -> bool:
    """Return whether no neighbour shares the column's group, so that it must hold the heading."""
    heading = table.columns[place].group_heading
    neighbours = [*table.columns[max(0, place - 1) : place], *table.columns[place + 1 : place + 2]]
    return all(column.group_heading != heading for column in neighbours)


def _letters(cell: Cell) -> float:
    """Return how wide a cell is, in letters; all but the value is set smaller."""
    small = [f"± {cell.deviation_text}" if cell.deviation_text else "", cell.detail]
    small.append(f"({cell.published})" if cell.published else "")
    return len(cell.text) + 0.6 * sum(len(text) + 1 for text in small if text)
