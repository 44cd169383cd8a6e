"""Rows in which the papers sum up their tables, ``OURS vs. VANILLA``: as printed, and computed.

RankSim's subtract the best row with RankSim from VANILLA, or from the best row without RankSim
(Yang et al.), column by column; improvements are positive. ConR's average, over the combinations
that have a technique, the relative improvement of a combination with ConR over the same one
without.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from dirsweep.domain import metric_of

#: metric and region
CellKey = tuple[str, str]


class SummaryRow(NamedTuple):
    """A printed row that sums up a table.

    Attributes:
        label: ``OURS vs. VANILLA``.
        printed: metric and region -> text: ``+0.71``, ``2.58%``.
    """

    label: str
    printed: dict[CellKey, str]

    @property
    def relative(self) -> bool:
        """Whether it holds relative improvements in percent."""
        return all(text.endswith("%") for text in self.printed.values())

    @property
    def against(self) -> str:
        """What the paper's own rows are compared with: ``VANILLA``, ``Yang et al.``, ``LDS``."""
        return self.label.split(" vs. ")[1]


class LabelledValues(NamedTuple):
    """One column of a table, or a part of it, as far as it has numbers.

    Attributes:
        values: section and label of a row -> its number.
        metric: of the column.
    """

    values: Mapping[tuple[str, str], float]
    metric: str


@cache
def summary_rows(paper: str, table: int, benchmark: str) -> tuple[SummaryRow, ...]:
    """Return the rows in which a paper sums up a table, in its order.

    Args:
        paper: ``ranksim``.
        table: its number.
        benchmark: of the rows.
    """
    found: dict[str, dict[CellKey, str]] = {}
    file = Path(__file__).parent / "summaries.csv"
    with file.open(encoding="utf-8", newline="") as lines:
        for line in csv.DictReader(lines, strict=True):
            if (line["paper"], int(line["table"]), line["benchmark"]) == (paper, table, benchmark):
                row = found.setdefault(line["row"], {})
                row[line["metric"], line["region"]] = line["printed"]
    return tuple(SummaryRow(label, printed) for label, printed in found.items())


def summarize(row: SummaryRow, column: LabelledValues) -> float | None:
    """Compute a summary of one column.

    Args:
        row: which summary.
        column: the table's numbers.

    Returns:
        An improvement: a difference in the column's unit, or percent; None where numbers that it
        needs are absent.
    """
    if row.relative:
        return _mean_improvement(column, row.against)
    ours = [value for (_, label), value in column.values.items() if _has(label, "RANKSIM")]
    theirs = [
        value
        for (_, label), value in column.values.items()
        if (label == row.against if row.against == "VANILLA" else not _has(label, "RANKSIM"))
    ]
    if not ours or not theirs:
        return None
    metric = metric_of(column.metric)
    gain = metric.best(theirs) - metric.best(ours)
    return -gain if metric.higher_is_better else gain


def _mean_improvement(column: LabelledValues, against: str) -> float | None:
    gains = [
        100.0 * (1 if metric_of(column.metric).higher_is_better else -1) * (ours / theirs - 1)
        for ours, theirs in _pairs(column, against)
        if theirs
    ]
    return sum(gains) / len(gains) if gains else None


def _pairs(column: LabelledValues, against: str) -> Iterable[tuple[float, float]]:
    """Yield the numbers with and without ConR of each combination that has the technique."""
    for (section, label), value in column.values.items():
        parts = label.split(" + ")
        is_of = any(part == against or part.startswith(f"{against} (") for part in parts)
        without = column.values.get((section, " + ".join(p for p in parts if p != "ConR")))
        if "ConR" in parts and is_of and without is not None:
            yield value, without


def _has(label: str, technique: str) -> bool:
    return any(part.split(" (")[0] == technique for part in label.split(" + "))
