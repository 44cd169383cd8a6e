"""Protocols of published rows as tables and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from dirsweep.config.labels import section_place
from dirsweep.domain import plural
from dirsweep.errors import StoreError, did_you_mean
from dirsweep.published.configuration import NAMED_SECTIONS
from dirsweep.published.protocol import Flavour, Protocol, ProtocolField, protocol_of
from dirsweep.published.reader import table_of
from dirsweep.published.rows import PublishedRow, find_row, table_rows
from dirsweep.published.titles import title_of
from dirsweep.report.table import Cell, Column, Note, Row, Table

_FIELDS = (
    Column("field", "field", align="left"),
    Column("value", "value", align="left"),
    Column("source", "source", align="left"),
    Column("otherwise", "otherwise", align="left", priority=1),
    Column("stated", "where stated, or why", align="left", priority=2),
)


def chosen_rows(
    name: str, row: str | None = None, benchmark: str | None = None
) -> list[PublishedRow]:
    """Return the rows of a published table whose protocols are asked for.

    Args:
        name: ``ranksim/3``.
        row: label of one row; None for all.
        benchmark: None for all.

    Raises:
        StoreError: no such paper, table, row or benchmark.
    """
    rows = list(table_rows(name))
    if row is not None:
        label = find_row(name, row, benchmark).row
        rows = [item for item in rows if item.row == label]
    known = list(dict.fromkeys(item.benchmark for item in rows))
    if benchmark is not None:
        if benchmark not in known:
            raise StoreError(
                f"{name}: not on benchmark '{benchmark}'; {did_you_mean(benchmark, known)}"
            )
        rows = [item for item in rows if item.benchmark == benchmark]
    return list({(item.row, item.benchmark): item for item in reversed(rows)}.values())[::-1]


def protocol_json(rows: Sequence[PublishedRow], flavour: Flavour) -> str:
    """Return protocols as JSON: field -> value and source.

    Args:
        rows: one row gives its fields; of several, the row's label (and its benchmark, where there
            are several) is the outer key.
        flavour: ``printed`` or ``released``.
    """
    found = {_label(row, rows): _plain(protocol_of(row, flavour)) for row in rows}
    content = next(iter(found.values())) if len(rows) == 1 else found
    return json.dumps(content, indent=2, ensure_ascii=False)


def _label(row: PublishedRow, rows: Sequence[PublishedRow]) -> str:
    several = len({item.benchmark for item in rows}) > 1
    return f"{row.row} ({row.benchmark})" if several else row.row


def _plain(protocol: Protocol) -> dict[str, dict[str, object]]:
    return {name: _plain_field(protocol[name]) for name in _ordered(protocol)}


def _plain_field(field: ProtocolField) -> dict[str, object]:
    plain: dict[str, object] = {"value": field.value, "source": field.source}
    if field.stated:
        plain["stated"] = field.stated
    if field.otherwise is not None:
        plain["otherwise"] = field.otherwise
    if not field.compared:
        plain["compared"] = False
    return plain


#: what a protocol says of the data, before the sections of a trial
_DATA = ("benchmark", "split", "shots", "augmentation")
#: sections with a heading of their own; the other keys are settings of the training
_GROUPS = (*_DATA, *NAMED_SECTIONS, "regularizers", "optimizer")


def _ordered(protocol: Mapping[str, ProtocolField]) -> list[str]:
    def place(name: str) -> tuple[int, bool]:
        section = name.split(".")[0]
        of_data = section in _DATA
        place = _DATA.index(section) if of_data else len(_DATA) + section_place(section)
        return place, not name.endswith(".name")

    return sorted(protocol, key=place)


def protocol_tables(name: str, rows: Sequence[PublishedRow], flavour: Flavour) -> list[Table]:
    """Return protocols as tables: what all rows of a benchmark share, then what each adds.

    Args:
        name: ``ranksim/3``.
        rows: of it, at least one.
        flavour: ``printed`` or ``released``.
    """
    tables = []
    for benchmark in dict.fromkeys(row.benchmark for row in rows):
        group = [row for row in rows if row.benchmark == benchmark]
        tables += _tables_of(name, group, flavour)
    return tables


def _tables_of(name: str, rows: Sequence[PublishedRow], flavour: Flavour) -> list[Table]:
    protocols = [protocol_of(row, flavour) for row in rows]
    first = protocols[0]
    shared = [
        field
        for field in _ordered(first)
        if all(other.get(field) == first[field] for other in protocols)
    ]
    what = rows[0].row if len(rows) == 1 else f"shared by {plural(len(rows), 'row')}"
    title = f"protocol as {flavour}, {rows[0].benchmark}: {what}"
    tables = [_table(name, title, first, shared)]
    if len(rows) > 1:
        tables.append(_own_table(name, rows, protocols, set(shared)))
    return tables


def _table(name: str, title: str, protocol: Protocol, fields: Sequence[str]) -> Table:
    rows = []
    for field in fields:
        found = protocol[field]
        otherwise = "" if found.otherwise is None else _text(found.otherwise)
        texts = (field, _text(found.value), found.source, otherwise, found.stated)
        section = field.split(".")[0]
        group = section if section in _GROUPS else "training"
        rows.append(Row(tuple(Cell(text) for text in texts), section=group))
    notes = [Note("otherwise: the value in the other flavour of the protocol")]
    facts = [field for field in fields if not protocol[field].compared]
    if facts:
        notes.append(Note(f"not compared with a trial: {', '.join(facts)}"))
    return Table(title, _FIELDS, tuple(rows), tuple(notes), name=name)


def _own_table(
    name: str, rows: Sequence[PublishedRow], protocols: Sequence[Protocol], shared: set[str]
) -> Table:
    columns = (
        Column("row", "row", align="left", blank_repeats=True),
        Column("field", "field", align="left"),
        Column("value", "value", align="left"),
        Column("source", "source", align="left"),
    )
    lines = [
        Row(
            (Cell(row.row), Cell(field), Cell(_text(protocol[field].value)), Cell(source)),
            section=row.row,
        )
        for row, protocol in zip(rows, protocols, strict=True)
        for field in _ordered(protocol)
        if field not in shared
        for source in [protocol[field].source]
    ]
    return Table(
        f"what each row adds, {title_of(*table_of(name))}", columns, tuple(lines), name=name
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
