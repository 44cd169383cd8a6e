"""Two runs side by side as a table or as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict

from dirsweep.analysis.comparison import ComparedPoint, Comparison
from dirsweep.analysis.differences import Difference
from dirsweep.analysis.intervals import Interval
from dirsweep.analysis.region_sizes import FEW_SAMPLES
from dirsweep.domain import metric_of, plural
from dirsweep.report.number_format import MISSING, signed
from dirsweep.report.region_notes import sizes_text
from dirsweep.report.statistics_text import digits, p_words
from dirsweep.report.study_signs import sign_legend, signs_of
from dirsweep.report.table import METRICS, Cell, Column, Note, Row, Table, region_title

FORMATS = ("console", "md", "json")
_COLUMNS = (
    Column("configuration", "configuration", align="left", blank_repeats=True),
    Column("region", "region", align="left"),
    Column("a", "A", drop_detail=True, priority=2),
    Column("b", "B", drop_detail=True, priority=2),
    Column("difference", "B - A"),
    Column("p", "p", priority=2),
    Column("p_corrected", "corrected", priority=1),
    Column("num_seeds", "seeds", shared_note="{} seeds in A/B", priority=3),
    Column("remarks", "remarks", align="left", shared_note="{}", priority=METRICS),
)


def comparison_table(found: Comparison) -> Table:
    """Return the points that two runs have in common, one row per region.

    Args:
        found: the comparison.
    """
    metric = metric_of(found.rows[0].difference.metric).title if found.rows else ""
    return Table(
        title=f"{found.split} {metric}: A = {found.name_a}, B = {found.name_b}",
        columns=_COLUMNS,
        rows=tuple(_row(row) for row in found.rows),
        notes=tuple(_notes(found)),
        synthetic=found.synthetic,
    )


def as_json(found: Comparison) -> str:
    """Return everything as one JSON object."""
    return json.dumps(asdict(found), indent=2, ensure_ascii=False)


def _row(row: ComparedPoint) -> Row:
    item = row.difference
    seeds = f"{row.a.num_seeds}/{row.b.num_seeds}"
    few = item.num_samples if 0 < item.num_samples < FEW_SAMPLES else None
    return Row(
        (
            Cell(row.label_a),
            Cell(region_title(item.region, few)),
            _mean(row.a),
            _mean(row.b),
            _difference(item),
            _p_value(item.p),
            _p_value(item.p_corrected),
            Cell(seeds),
            Cell(_remarks(row)),
        )
    )


def _mean(item: Interval) -> Cell:
    if item.low is None or item.high is None:
        return Cell(f"{item.mean:.4g}", item.mean, remark="(no interval)")
    places = digits(item.low, item.high)
    return Cell(
        text=f"{item.mean:.{places}f}",
        value=item.mean,
        interval=(item.low, item.high),
        num_seeds=item.num_seeds,
        remark="over samples only" if item.basis == "samples" else "",
        places=places,
    )


def _difference(item: Difference) -> Cell:
    marks = signs_of(item)
    if item.low is None or item.high is None:
        return Cell(f"{item.difference:+.4g}", item.difference, marks=marks)
    places = digits(item.low, item.high)
    return Cell(
        text=signed(item.difference, places),
        value=item.difference,
        interval=(item.low, item.high),
        places=places,
        signed=True,
        marks=marks,
    )


def _p_value(p: float | None) -> Cell:
    if p is None:
        return Cell(MISSING)
    return Cell(p_words(p).removeprefix("p ").removeprefix("= "), p)


def _remarks(row: ComparedPoint) -> str:
    item, words = row.difference, []
    if item.basis in ("samples", "none") and not row.same_trials:
        words.append("one seed, no test")
    if row.same_trials:
        words.append("same trials")
    elif not item.paired:
        words.append("no seed in common")
    return ", ".join(words)


def _notes(found: Comparison) -> Iterator[Note]:
    for name, labels in ((found.name_a, found.only_a), (found.name_b, found.only_b)):
        if labels:
            yield Note(f"{plural(len(labels), 'configuration')} only in {name}")
    sizes = {row.difference.region: row.difference.num_samples for row in found.rows}
    if text := sizes_text(sizes, f"samples of {found.split} that both predicted"):
        yield Note(text)
    for text in found.undefined:
        yield Note(f"not compared: {text}, the worst result there is", error=True)
    yield from sign_legend((row.difference for row in found.rows), "B is ")
    yield Note("p: of one comparison; corrected: for all rows together (Holm)")
