r"""Tables as LaTeX, ruled by booktabs.

Each table becomes one or more ``table`` environments, to be pasted or ``\input``; a comment at the
top says which packages they need. The size of the text, and whether a table spans a column or the
page, follow from its width. ``document`` wraps tables into a document that compiles by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from dirsweep.report.latex_text import breakable, escape, with_commands
from dirsweep.report.latex_width import Form, fitting, with_columns
from dirsweep.report.number_format import MISSING
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
    worded_notes,
)

_STAR = r"$\star$"
_SIGNS = {
    Mark.BETTER: r"\raisebox{.2ex}{$^{\blacktriangle}$}",
    Mark.WORSE: r"\raisebox{.2ex}{$^{\blacktriangledown}$}",
}
_SYMBOLS = {
    Mark.CHOSEN: "★",
    Mark.BEST_OF_SECTION: "bold:",
    Mark.BEST_OF_COLUMN: "underlined:",
    **SIGNS,
    Mark.WITHHELD: "–:",
}


def latex(table: Table) -> str:
    """Return ``table`` environments, without the columns for which there is no room.

    The best value of each column is bold, section by section where there are several; the best of
    all sections is underlined as well.
    """
    parts = fitting(_up_to(table, SECONDARY - 1))
    if len(parts) > 1:  # rather one table without remarks
        parts = fitting(_up_to(table, METRICS))
    return "\n".join(
        _environment(part, form, number, len(parts))
        for number, (part, form) in enumerate(parts, start=1)
    )


def document(body: str, options: str = "10pt") -> str:
    r"""Return tables as a document that compiles by itself.

    Args:
        body: the tables.
        options: of ``\documentclass{article}``, such as ``10pt,twocolumn``.
    """
    return "\n".join(
        [
            f"\\documentclass[{options}]{{article}}",
            r"\usepackage[utf8]{inputenc}",
            *(f"\\usepackage{{{package}}}" for package in ("array", "booktabs", "amssymb")),
            r"\begin{document}",
            body,
            r"\end{document}",
            "",
        ]
    )


def _up_to(table: Table, priority: int) -> Table:
    return with_columns(table, [column for column in table.columns if column.priority <= priority])


def _environment(table: Table, form: Form, number: int, num_parts: int) -> str:
    """Return one part of a table.

    Args:
        table: its columns.
        form: how it is set.
        number: of the part, from 1.
        num_parts: of the whole table.
    """
    environment = "table*" if form.wide else "table"
    mark = r"\textbf{SYNTHETIC DATA.} " if table.synthetic else ""
    part = f" ({number} of {num_parts})" if num_parts > 1 else ""
    label = re.sub(r"[^A-Za-z0-9]+", "-", table.name or table.title).strip("-") or "table"
    suffix = f"-{number}" if num_parts > 1 else ""
    return "\n".join(
        [
            f"% needs {', '.join(_packages(table, form))}",
            f"% {form.width:.0f} pt wide in Computer Modern",
            f"\\begin{{{environment}}}[t]",
            r"\centering",
            f"\\caption{{{mark}{breakable(table.title)}{part}}}",
            f"\\label{{tab:{label}{suffix}}}",
            form.size.command,
            f"\\setlength{{\\tabcolsep}}{{{form.gap:g}pt}}",
            _tabular(table, form),
            *_notes(table),
            f"\\end{{{environment}}}",
            "",
        ]
    )


def _packages(table: Table, form: Form) -> Iterator[str]:
    """Yield the commands that load the packages."""
    yield r"\usepackage{booktabs}"
    if any(form.wrapped):
        yield r"\usepackage{array}"
    cells = (cell for row in table.rows for cell in row.cells)
    if any(cell.sign for cell in cells):
        yield r"\usepackage{amssymb}"


def _notes(table: Table) -> list[str]:
    sentences = []
    if not any(cell.sign for row in table.rows for cell in row.cells):  # another part has them
        kept = [note for note in table.notes if note.mark not in SIGNS]
        table = replace(table, notes=tuple(kept))
    for note in worded_notes(table, _SYMBOLS):
        text = note.text
        if not note.footnote:  # a footnote begins with the letter that marks its rows
            text = text[:1].upper() + text[1:]
        sentences.append(with_commands(text if text.endswith(".") else f"{text}."))
    if not sentences:
        return []
    return [f"\\par\\smallskip{{\\footnotesize\\raggedright {' '.join(sentences)}\\par}}"]


# ---- rows


def _tabular(table: Table, form: Form) -> str:
    first, *others = table.columns
    alignment = "".join(
        _alignment(column, width) for column, width in zip(table.columns, form.wrapped, strict=True)
    )
    titles = [escape(first.title), *(escape(column.title) for column in others)]
    stretched = form.stretched
    name = r"tabular*" if stretched else "tabular"
    spread = r"@{\extracolsep{\fill}}" if stretched else "@{}"
    width = r"{\textwidth}" if stretched else ""
    return "\n".join(
        [
            f"\\begin{{{name}}}{width}{{{spread}{alignment}@{{}}}}",
            r"\toprule",
            *_group_headings(others),
            f"{' & '.join(titles)} \\\\",
            r"\midrule",
            *_rows(table, form),
            r"\bottomrule",
            f"\\end{{{name}}}",
        ]
    )


def _alignment(column: Column, wrapped: float) -> str:
    if wrapped:
        return f">{{\\raggedright\\arraybackslash}}p{{{wrapped:.0f}pt}}"
    return "r" if column.align == "right" else "l"


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


def _rows(table: Table, form: Form) -> Iterator[str]:
    small = form.size.small_command
    for number, row in enumerate(table.rows):
        if table.begins_section(number):
            yield r"\midrule"
        yield f"{' & '.join(_texts(row, form.wrapped, small))} \\\\"


def _texts(row: Row, wrapped: Sequence[float], small: str) -> list[str]:
    texts = [
        breakable(cell.text) if width else _text(cell, small)
        for cell, width in zip(row.cells, wrapped, strict=True)
    ]
    if row.footnote:
        texts[0] += f"$^{{{row.footnote}}}$"
    if row.chosen:
        texts[0] += f" {_STAR}"
    return texts


def _text(cell: Cell, small: str) -> str:
    text = "--" if cell.text == MISSING else escape(cell.text)
    if cell.deviation_text:
        text += f"{{{small}$\\pm${cell.deviation_text}}}"
    if cell.detail:
        text += f" {{{small} {escape(cell.detail)}}}"
    if text and Mark.BEST_OF_SECTION in cell.marks:
        text = f"\\textbf{{{text}}}"
    if text and Mark.BEST_OF_COLUMN in cell.marks:
        text = f"\\underline{{{text}}}"
    text += "".join(sign for mark, sign in _SIGNS.items() if mark in cell.marks)
    published = f"{{{small} ({escape(cell.published)})}}" if cell.published else ""
    return f"{text} {published}".strip()
