"""The protocol of a published row: every setting that its number depends on, with its source.

``protocols/*.csv`` hold one statement a line: who trains so (``by``: yang, ranksim, conr; empty for
all), with which techniques or settings of the row (``when``), the field, whether a trial's
configuration is compared with it, and its value as ``printed`` in a paper, as in the ``released``
code, and as we chose it where nobody says (``ours``). ``common.csv`` is read first, then what the
age benchmarks share, then the benchmark's own file; a later statement replaces an earlier one about
the same field. What a row itself states, such as the gamma of a sensitivity table, counts as
printed.

Where print and release differ, ``printed`` and ``released`` name two flavours of the protocol. Each
takes its own value, then the other's, then ours. Where the print contradicts itself, or the data
that the number belongs to, only the release is stated.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from dirsweep.errors import StoreError, did_you_mean
from dirsweep.published.configuration import OFF, flatten, techniques
from dirsweep.published.rows import PublishedRow

Flavour = Literal["printed", "released"]
FLAVOURS: tuple[Flavour, ...] = get_args(Flavour)

#: files of statements besides the benchmark's own, in the order in which they are read
SHARED = {"agedb-dir": ("common", "ages"), "imdb-wiki-dir": ("common", "ages")}
#: papers whose protocols are known
PAPERS = ("ranksim", "conr")
#: what a user's own table, which states its cells only, is taken to share with the papers
ASSUMED = ("benchmark.zero_shot", "benchmark.labels", "backbone.name", "loss.name")
#: every benchmark of the papers
BENCHMARKS = ("agedb-dir", "imdb-wiki-dir", "sts-b-dir", "nyud2-dir", "mpiigaze-dir")

#: in the column ``printed``: no paper says so, although the configurations of rows do
UNPRINTED = "-"

_FOLDER = Path(__file__).parent / "protocols"


@dataclass(frozen=True)
class ProtocolField:
    """One field of a protocol.

    Attributes:
        value: as a sweep file has it; text where no sweep key stands for it.
        source: ``printed``, ``released``, ``quoted from Yang et al. 2021``, ``ours``.
        stated: where, or why.
        compared: whether a trial's configuration is compared with it. What dirsweep always does,
            or what no key decides, is not.
        otherwise: the value in the other flavour, where it is another one.
    """

    value: object
    source: str
    stated: str = ""
    compared: bool = True
    otherwise: object = None


#: dotted key of a trial, ``benchmark.`` or ``objective.`` key, or name of a fact -> field
Protocol = dict[str, ProtocolField]


class _Statement(NamedTuple):
    by: tuple[str, ...]
    when: tuple[str, ...]
    field: str
    compared: bool
    printed: str
    released: str
    ours: str
    stated: str

    def holds(self, trained_by: str, used: frozenset[str]) -> bool:
        return (not self.by or trained_by in self.by) and used.issuperset(self.when)


@cache
def _statements(file: str) -> tuple[_Statement, ...]:
    with (_FOLDER / f"{file}.csv").open(encoding="utf-8", newline="") as lines:
        return tuple(
            _Statement(
                by=tuple(line["by"].split()),
                when=tuple(line["when"].split()),
                field=line["field"],
                compared=line["compared"] == "yes",
                printed=line["printed"],
                released=line["released"],
                ours=line["ours"],
                stated=line["stated"],
            )
            for line in csv.DictReader(lines, strict=True)
        )


@cache
def protocol_of(row: PublishedRow, flavour: Flavour = "printed") -> Protocol:
    """Return the protocol of a published row; shared, so not to be changed.

    Args:
        row: of a paper, or of a user's own table, whose protocol is what its cells state.
        flavour: ``printed`` or ``released``.
    """
    other: Flavour = "released" if flavour == "printed" else "printed"
    here, there = _fields(row, flavour), _fields(row, other)
    found: Protocol = {}
    for name, field in here.items():
        otherwise = there[name].value if name in there else None
        differs = otherwise != field.value
        found[name] = ProtocolField(
            field.value, field.source, field.stated, field.compared, otherwise if differs else None
        )
    return found


def data_by_origin(rows: Iterable[PublishedRow]) -> dict[str, dict[str, object]]:
    """Return what rows say about the benchmark where they disagree.

    Args:
        rows: of one table on one benchmark.

    Returns:
        ``benchmark.split`` -> whose numbers (empty: the paper's own) -> value; empty where all rows
        are from the same data.
    """
    found: dict[str, dict[str, object]] = {}
    for row in rows:
        for key, field in protocol_of(row).items():
            if key.startswith("benchmark."):
                found.setdefault(key, {}).setdefault(row.quoted_from, field.value)
    return {key: values for key, values in found.items() if len(set(map(str, values.values()))) > 1}


def flavour_of(name: str) -> Flavour:
    """Return the flavour of this name.

    Raises:
        StoreError: there is none.
    """
    for flavour in FLAVOURS:
        if name == flavour:
            return flavour
    raise StoreError(f"no protocol '{name}'; {did_you_mean(name, FLAVOURS)}")


def _fields(row: PublishedRow, flavour: Flavour) -> Protocol:
    own = {
        key: value
        for key, value in flatten(row.settings).items()
        if not (value is True and key.startswith("regularizers."))
    }
    quoted = f"quoted from {row.quoted_from}" if row.quoted_from else "printed"
    stated = {item.field: item for item in _of_row(row)}
    found = {name: _resolved(item, flavour, quoted, own) for name, item in stated.items()}
    for key, value in own.items():
        found.setdefault(key, ProtocolField(value, quoted))
    found.setdefault("benchmark.name", ProtocolField(row.benchmark, quoted))
    return _without_idle(found)


def _of_row(row: PublishedRow) -> Iterator[_Statement]:
    if row.benchmark not in BENCHMARKS:
        return
    known = row.paper in PAPERS
    settings = flatten(row.settings)
    used = techniques(settings) | {f"{key}={value}" for key, value in settings.items()}
    for file in (*SHARED.get(row.benchmark, ("common",)), row.benchmark):
        for statement in _statements(file):
            if statement.holds(row.trained_by, used) and (known or statement.field in ASSUMED):
                yield statement


def _resolved(
    item: _Statement, flavour: Flavour, quoted: str, own: dict[str, object]
) -> ProtocolField:
    """Take the flavour's own value, then the other's, then ours."""
    values: dict[str, object] = {}
    if item.printed not in ("", UNPRINTED):
        values["printed"] = _value(item.printed)
    given = item.field in own and item.printed != UNPRINTED
    if given:
        values["printed"] = own[item.field]
    # a row that names its loss has no other one for being released
    named = given and item.field.endswith(".name") and not item.when
    if item.released and not named:
        values["released"] = _released(item.released, values.get("printed"))
    order: tuple[str, ...] = ("printed", "released")
    for source in order if flavour == "printed" else reversed(order):
        if source in values:
            name = quoted if source == "printed" else source
            return ProtocolField(values[source], name, item.stated, item.compared)
    return ProtocolField(_value(item.ours), "ours", item.stated, item.compared)


def _released(cell: str, printed: object) -> object:
    """Read a released value; ``* 2`` is twice the printed one."""
    if not cell.startswith("* "):
        return _value(cell)
    assert isinstance(printed, int | float)
    return printed * float(cell.removeprefix("* "))


def _value(cell: str) -> object:
    """Read JSON; anything else is text."""
    try:
        value: object = json.loads(cell)
    except json.JSONDecodeError:
        return cell
    return value


def _without_idle(found: Protocol) -> Protocol:
    """Leave out parameters of a technique that the flavour switches off."""
    idle = tuple(
        key.removesuffix("name")
        for key, off in OFF.items()
        if key in found and found[key].value == off
    )
    return {
        name: field
        for name, field in found.items()
        if not name.startswith(idle) or name.endswith(".name")
    }
