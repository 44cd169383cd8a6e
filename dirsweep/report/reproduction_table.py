"""Published numbers and measured ones side by side."""

from __future__ import annotations

from collections import Counter

from dirsweep.analysis.reproduction import Verdict, verdicts
from dirsweep.domain import metric_of
from dirsweep.report.interval_notes import verdict_note
from dirsweep.report.number_format import finite
from dirsweep.report.published_sentences import published_sentence
from dirsweep.report.region_notes import sample_notes
from dirsweep.report.table import Cell, Column, Note, Row, Table
from dirsweep.run.reader import Run

#: published cells shown per study
MAX_ROWS = 400

_COLUMNS = (
    Column("published_row", "published row", align="left"),
    Column("metric", "metric", align="left"),
    Column("published", "published"),
    Column("measured", "measured"),
    Column("difference", "difference"),
    Column("verdict", "verdict", align="left"),
    Column("point", "point", align="left"),
    Column("note", "note", align="left"),
)


def reproduction_table(run: Run, study: str) -> Table | None:
    """Return the published cells that a study's points stand for; None without any."""
    found = verdicts(run, study)
    if not found:
        return None
    synthetic = "the data is synthetic, so results cannot be compared with the published ones"
    notes = [Note(published_sentence(found) or synthetic)]
    if len(found) > MAX_ROWS:
        notes.append(
            Note(
                f"the first {MAX_ROWS} of {len(found)};"
                " `dirsweep report --layout` shows a whole table"
            )
        )
    notes += _protocol_notes(found)
    notes += sample_notes(run)
    return Table(
        "Published and measured results",
        _COLUMNS,
        tuple(_row(item) for item in found[:MAX_ROWS]),
        tuple(notes),
        synthetic=run.synthetic,
        collapsed=True,
    )


def _protocol_notes(found: list[Verdict]) -> list[Note]:
    """Say which flavour of a row's protocol the verdicts compare with."""
    agreeing = Counter(item.protocol for item in found if not item.differs)
    if not agreeing:
        return []
    texts = [f"{count} with the protocol as {name}" for name, count in sorted(agreeing.items())]
    what = "verdicts: every field of the row's protocol agrees"
    return [Note(f"{what}, {', '.join(texts)} (dirsweep published protocol)")]


def _row(item: Verdict) -> Row:
    places = len(item.printed.strip("()[] ").partition(".")[2])
    interval = None if item.low is None or item.high is None else (item.low, item.high)
    measured = Cell(
        f"{item.measured:.{places}f}", finite(item.measured), interval=interval, places=places
    )
    return Row(
        (
            Cell(f"{item.paper}/{item.table} {item.row}"),
            Cell(f"{metric_of(item.metric).title}, {item.region}"),
            Cell(item.printed, item.published),
            measured,
            Cell(f"{item.difference:+.{places}f}", finite(item.difference)),
            Cell(item.verdict),
            Cell(item.label),
            Cell(verdict_note(item)),
        )
    )
