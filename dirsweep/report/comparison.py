"""Two runs side by side as a console table, Markdown or JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from rich import box
from rich.table import Table

from dirsweep.analysis.comparison import ComparedPoint, Comparison
from dirsweep.domain import metric_of
from dirsweep.report.number_text import digits, p_words, with_interval
from dirsweep.report.tables import NOTHING

FORMATS = ("console", "md", "json")
_HEAD = ("configuration", "region", "A", "B", "B - A", "p", "seeds", "remarks")
_RIGHT = ("A", "B", "B - A", "p", "seeds")


def _cells(row: ComparedPoint, *, short: bool = False) -> tuple[str, ...]:
    item = row.difference
    sides = [with_interval(side) for side in (row.a, row.b)]
    if item.low is None or item.high is None:
        change = f"{item.difference:+.4g}"
    else:
        places = digits(item.low, item.high)
        change = f"{item.difference:+.{places}f} [{item.low:+.{places}f}, {item.high:+.{places}f}]"
    if short:
        sides = [side.partition(" ")[0] for side in sides]
    words = []
    if item.separable:
        words.append("better" if item.better else "worse")
    elif item.basis in ("samples", "none") and not row.same_trials:
        words.append("one seed: nothing claimed")
    if row.same_trials:
        words.append("same trials")
    elif not item.paired:
        words.append("other seeds")
    p = (
        NOTHING
        if item.p_corrected is None
        else p_words(item.p_corrected).removeprefix("p ").removeprefix("= ")
    )
    return (
        row.label_a,
        item.region,
        *sides,
        change,
        p,
        f"{row.a.num_seeds}/{row.b.num_seeds}",
        ", ".join(words),
    )


def _notes(found: Comparison) -> list[str]:
    alone = ((found.name_a, len(found.only_a)), (found.name_b, len(found.only_b)))
    notes = [
        f"{num} configuration{'s' if num > 1 else ''} only in {name}" for name, num in alone if num
    ]
    return [*notes, "p-values are corrected for all rows together (Holm)"]


def heading(found: Comparison) -> str:
    """What is compared, in a line."""
    metric = metric_of(found.rows[0].difference.metric).title if found.rows else ""
    mark = " (SYNTHETIC DATA)" if found.synthetic else ""
    return f"{found.split} {metric}: A = {found.name_a}, B = {found.name_b}{mark}"


def console_table(found: Comparison, width: int = 80) -> Table:
    """For a terminal of ``width`` columns: where room is short A and B go without their intervals.

    What all rows share (number of seeds, a remark) stands below the table.
    """
    rows = [_cells(row, short=width < 140) for row in found.rows]
    notes = _notes(found)
    hidden = set()
    for name, words in (("seeds", "{} seeds in A/B"), ("remarks", "{}")):
        place = _HEAD.index(name)
        if len({row[place] for row in rows}) == 1:
            hidden.add(place)
            notes = [words.format(rows[0][place]), *notes] if rows[0][place] else notes
    table = Table(
        title=heading(found),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        caption="\n".join(notes),
        caption_justify="left",
    )
    for place, name in enumerate(_HEAD):
        if place not in hidden:
            right = name in _RIGHT
            table.add_column(
                name, justify="right" if right else "left", no_wrap=right or name == "region"
            )
    above = None
    for row in rows:
        cells = [cell for place, cell in enumerate(row) if place not in hidden]
        table.add_row("" if cells[0] == above else cells[0], *cells[1:])
        above = cells[0]
    return table


def markdown(found: Comparison) -> str:
    """A GitHub table."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    rule = line(["---:" if name in _RIGHT else ":---" for name in _HEAD])
    rows = [line(_cells(row)) for row in found.rows]
    notes = [f"{note}  " for note in _notes(found)]
    return "\n".join([f"### {heading(found)}", "", line(_HEAD), rule, *rows, "", *notes, ""])


def as_json(found: Comparison) -> str:
    """Everything, as one object."""
    return json.dumps(asdict(found), indent=2, ensure_ascii=False)
