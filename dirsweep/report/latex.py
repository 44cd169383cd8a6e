r"""Tables as LaTeX, ruled by booktabs: a study's points, or a published table's layout with one's
own numbers.

Each table is one ``table`` environment, to be pasted or ``\input``; a document needs
``\usepackage{booktabs}`` and, for wide tables, ``\usepackage{graphicx}``. ``document`` wraps them
into one that compiles by itself.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from dirsweep.domain import metric_of
from dirsweep.report.layouts import Cell, Layout, plain
from dirsweep.report.tables import MAX_ROWS, NOTHING, STAR, Column, StudyTable, study_table
from dirsweep.run.reader import Run

#: letters in a row beyond which a table is scaled to the width of the text
WIDE = 84
#: columns of a lower rank are set
HEADLINE = 9

_ESCAPED = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    "±": r"$\pm$",
    "★": r"$\star$",
    "·": r"$\cdot$",
    "–": "--",
    "—": "---",
    "…": r"\ldots{}",
    "×": r"$\times$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "→": r"$\to$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "°": r"$^\circ$",
    "µ": r"$\mu$",
    "²": "$^2$",
    "ß": r"\ss{}",
    "\n": " ",
    "\t": " ",
}
_GREEK = {
    "α": "alpha",
    "β": "beta",
    "γ": "gamma",
    "δ": "delta",
    "ε": "epsilon",
    "η": "eta",
    "λ": "lambda",
    "μ": "mu",
    "σ": "sigma",
    "τ": "tau",
    "ω": "omega",
}
#: grave, acute, circumflex, tilde, macron, breve, dot, diaeresis, ring, double acute, caron,
#: cedilla
_ACCENTS = "\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u030b\u030c\u0327"


def escape(text: str) -> str:
    """Plain text as LaTeX in an engine that knows only Latin letters; what it cannot set becomes
    ``?``.
    """
    return "".join(_character(character) for character in text)


def _character(character: str) -> str:
    if character in _ESCAPED:
        return _ESCAPED[character]
    if character in _GREEK:
        return f"$\\{_GREEK[character]}$"
    if character.isascii():
        return character if character.isprintable() else ""
    # letters with an accent are kept, which \usepackage[utf8]{inputenc} and newer engines set;
    # others are not
    parts = unicodedata.normalize("NFD", character)
    known = len(parts) == 2 and parts[0].isascii() and parts[1] in _ACCENTS and character < "\u0180"
    return character if known else "?"


@dataclass(frozen=True)
class _Rule:
    """A line between sections."""


def _tabular(
    groups: Sequence[tuple[str, Sequence[str]]], rows: Sequence[Sequence[str] | _Rule], first: str
) -> str:
    """Rows of ready LaTeX below two lines of titles.

    Args:
        groups: (title over several columns, the columns' own titles), as LaTeX.
        rows: first cell and one cell per column.
        first: title of the first column.
    """
    widths = [len(titles) for _, titles in groups]
    ends = [1 + sum(widths[: number + 1]) for number in range(len(widths))]
    above = [
        f"\\multicolumn{{{width}}}{{c}}{{{title}}}"
        for (title, _), width in zip(groups, widths, strict=True)
    ]
    rules = [
        f"\\cmidrule(lr){{{end - width + 1}-{end}}}"
        for (title, _), width, end in zip(groups, widths, ends, strict=True)
        if title
    ]
    lines = [
        f"\\begin{{tabular}}{{@{{}}l{'r' * sum(widths)}@{{}}}}",
        r"\toprule",
        " & ".join(["", *above]) + r" \\",
    ]
    lines += ["".join(rules)] if rules else []
    lines += [
        " & ".join([first, *(title for _, titles in groups for title in titles)]) + r" \\",
        r"\midrule",
    ]
    lines += [r"\midrule" if isinstance(row, _Rule) else " & ".join(row) + r" \\" for row in rows]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"])


def _table(
    tabular: str, caption: str, notes: Sequence[str], label: str, width: float, *, synthetic: bool
) -> str:
    wide = width > WIDE
    body = f"\\resizebox{{\\linewidth}}{{!}}{{%\n{tabular}}}" if wide else tabular
    marked = r"\textbf{SYNTHETIC DATA.} " if synthetic else ""
    below = (
        [f"\\par\\smallskip\\footnotesize {' '.join(_sentence(note) for note in notes)}"]
        if notes
        else []
    )
    return "\n".join(
        [
            r"\begin{table*}[t]" if wide else r"\begin{table}[t]",
            r"\centering",
            r"\small",
            f"\\caption{{{marked}{caption}}}",
            f"\\label{{tab:{re.sub(r'[^A-Za-z0-9]+', '-', label).strip('-')}}}",
            body,
            *below,
            r"\end{table*}" if wide else r"\end{table}",
            "",
        ]
    )


def _sentence(note: str) -> str:
    text = escape(note)
    marked = note[1:2] == ":"  # a row's mark, as it stands in the table
    return (text if marked else text[:1].upper() + text[1:]) + ("" if text.endswith(".") else ".")


def _arrow(metric: str) -> str:
    return r"$\uparrow$" if metric_of(metric).higher_is_better else r"$\downarrow$"


# ---- a published table's layout


def layout_table(layout: Layout, *, beside: bool = False, deviation: bool = True) -> str:
    """The filled layout: best of each section bold, best of each column underlined as well.

    Args:
        beside: the published number in brackets after the measured one.
        deviation: the sample deviation over seeds after the measured number.
    """
    metrics = list(dict.fromkeys((metric, unit) for metric, _, unit in layout.columns))
    groups = [
        (
            f"{escape(metric_of(metric).title)}{escape(' (%)') if unit == '%' else ''} {_arrow(metric)}",
            [region for name, region, of in layout.columns if (name, of) == (metric, unit)],
        )
        for metric, unit in metrics
    ]
    marks = layout.marks()
    rows: list[Sequence[str] | _Rule] = []
    for number, row in enumerate(layout.rows):
        if number and row.section != layout.rows[number - 1].section:
            rows.append(_Rule())
        mark = f"$^{{{marks[row.differs]}}}$" if row.differs in marks else ""
        rows.append(
            [escape(row.label) + mark, *(_cell(cell, beside, deviation) for cell in row.cells)]
        )
    notes = [note.replace(f"{STAR}: best", "underlined: best") for note in layout.notes]
    texts = [
        [row.label, *(plain(cell, beside=beside, deviation=deviation) for cell in row.cells)]
        for row in layout.rows
    ]
    texts.append(["", *(region for _, region, _ in layout.columns)])
    width = sum(max(map(_letters, cells)) + 2 for cells in zip(*texts, strict=True))
    return _table(
        _tabular(groups, rows, ""),
        escape(layout.title),
        [*notes, *(["in brackets: published"] if beside else [])],
        layout.name,
        width,
        synthetic=layout.synthetic,
    )


def _cell(cell: Cell, beside: bool, deviation: bool) -> str:
    text = cell.text
    if text and deviation and cell.deviation is not None:
        text += _deviation(f"{cell.deviation:.{cell.places}f}")
    text = f"\\textbf{{{text}}}" if text and cell.best_in_section else text
    text = f"\\underline{{{text}}}" if text and cell.best_in_column else text
    return (
        f"{text} {{\\footnotesize({escape(cell.published)})}}".strip()
        if beside and cell.published
        else text
    )


def _letters(text: str) -> float:
    """How wide a cell is, in letters: deviation and published number are set smaller."""
    value, _, beside = text.partition(" ± ")
    return len(value) + 0.6 * len(beside)


def _deviation(text: str) -> str:
    return f"\\,{{\\scriptsize$\\pm$\\,{text}}}"


# ---- a study's points


def latex(run: Run, *, studies: Sequence[str] | None = None) -> str:
    """Every study as a table, its best point by validation bold; of a search the best points only.

    Raises: StoreError: no complete trial.
    """
    run.require_finished()
    chosen = run.studies if studies is None else studies
    return "\n".join(_study(study_table(run, study, max_rows=MAX_ROWS)) for study in chosen)


def _study(table: StudyTable) -> str:
    # what the papers print; further metrics and times would leave no number readable
    first, columns = (
        table.columns[0],
        [column for column in table.columns[1:] if column.rank < HEADLINE],
    )
    groups: list[tuple[str, list[str]]] = []
    for column in columns:
        above, _, own = column.title.partition("\n")
        if own and above:
            groups.append((escape(above), [escape(own)]))
        elif own:  # a region of the metric to the left
            groups[-1][1].append(escape(own))
        else:
            groups.append(("", [escape(above)]))
    rows: list[Sequence[str] | _Rule] = []
    for number in range(len(table.points)):
        cells = [escape(first.cells[number]), *(_number(column, number) for column in columns)]
        best = number == table.best
        rows.append([f"\\textbf{{{cell}}}" if cell else cell for cell in cells] if best else cells)
    notes = [line.replace(STAR, "bold:") for line in table.caption]
    width = sum(
        max(map(_letters, (*column.cells, *column.title.split("\n")))) + 2
        for column in (first, *columns)
    )
    return _table(
        _tabular(groups, rows, first.title),
        escape(table.title),
        notes,
        table.title,
        width,
        synthetic=table.synthetic,
    )


def _number(column: Column, row: int) -> str:
    value, _, deviation = column.cells[row].partition(" ± ")
    return escape(value).replace(escape(NOTHING), "--") + (
        _deviation(escape(deviation)) if deviation else ""
    )


def document(body: str) -> str:
    """The tables as a document that compiles by itself."""
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
