"""The sweep of a published table, made from the protocols of its rows.

What all rows share is the base; what all rows of a section share is the base of its study; the rest
are points. A field that this build has no key for, or whose value it does not take, is left out and
named in the file, and by ``published.matching.differences``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from dirsweep.config.labels import section_place
from dirsweep.config.published_keys import is_taken
from dirsweep.config.yaml_text import flow_yaml
from dirsweep.domain import plural
from dirsweep.errors import StoreError, did_you_mean
from dirsweep.published.configuration import NAMED_SECTIONS, OFF
from dirsweep.published.protocol import Flavour, Protocol, ProtocolField, protocol_of
from dirsweep.published.rows import PublishedRow, table_rows
from dirsweep.published.titles import title_of

#: which rows of a table a sweep trains
CHOICES = ("all", "own", "quoted")
#: seeds where a paper does not state the number of runs
SEEDS = 3
#: a file that a sweep names by a variable of the environment
FILES = {"backbone.glove": "${DIRSWEEP_GLOVE:-}"}
#: a key that means nothing without another one
NEEDS = {"stopping": "patience"}
#: where comments begin
_COMMENT = 34

Settings = dict[str, object]


@dataclass(frozen=True)
class TableSweep:
    """The sweep of a published table on one benchmark.

    Attributes:
        name: ``ranksim/3``.
        benchmark: that its rows are trained on.
        rows: of the table, in its order.
        flavour: of their protocols.
        choice: which rows they are: ``all``, ``own``, ``quoted``.
    """

    name: str
    benchmark: str
    rows: tuple[PublishedRow, ...]
    flavour: Flavour = "printed"
    choice: str = "all"

    @cached_property
    def protocols(self) -> dict[PublishedRow, Protocol]:
        """The protocol of each row."""
        return {row: protocol_of(row, self.flavour) for row in self.rows}

    @cached_property
    def left_out(self) -> tuple[str, ...]:
        """The compared fields that this build cannot express; without a key, null is as said."""
        found: dict[str, None] = {}
        for protocol in self.protocols.values():
            for key, field in protocol.items():
                absent = field.value is not None and not is_taken(key, field.value, protocol)
                if field.compared and absent:
                    found[key] = None
        return tuple(sorted(found))

    def settings(self, row: PublishedRow) -> Settings:
        """Return what a trial of the row is made of: dotted keys of a trial -> values."""
        protocol = self.protocols[row]
        return {
            key: field.value
            for key, field in protocol.items()
            if not key.startswith(("benchmark.", "objective."))
            and is_taken(key, field.value, protocol)
        }

    @cached_property
    def around(self) -> dict[str, ProtocolField]:
        """The fields about benchmark and objective; where rows disagree, the paper's own decide."""
        own = [row for row in self.rows if not row.quoted_from]
        first = self.protocols[(own or list(self.rows))[0]]
        return {
            key: field
            for key, field in first.items()
            if key.startswith(("benchmark.", "objective.")) and is_taken(key, field.value, first)
        }

    @cached_property
    def base(self) -> Settings:
        """What all rows share."""
        return _named(_shared([self.settings(row) for row in self.rows]), {})

    @cached_property
    def studies(self) -> dict[str, tuple[PublishedRow, ...]]:
        """Study -> its rows: one for each section of the table."""
        found: dict[str, list[PublishedRow]] = {}
        for row in self.rows:
            found.setdefault(_study_name(row.section), []).append(row)
        return {name: tuple(rows) for name, rows in found.items()}

    def study_base(self, study: str) -> Settings:
        """Return what all rows of a study share beyond the base."""
        shared = _shared([self.settings(row) for row in self.studies[study]])
        own = {key: value for key, value in shared.items() if self.base.get(key, ...) != value}
        return _named(_without_defaults(own, self.base), self.base)

    def points(self, study: str) -> list[tuple[list[str], Settings]]:
        """Return the labels of rows that are trained alike, and what they add to the study."""
        known = {**self.base, **self.study_base(study)}
        found: list[tuple[list[str], Settings]] = []
        for row in self.studies[study]:
            added = {
                key: value
                for key, value in self.settings(row).items()
                if key not in known or known[key] != value
            }
            point = _without_defaults(added, known)
            same = next((labels for labels, other in found if other == point), None)
            if same is None:
                found.append(([row.row], point))
            elif row.row not in same:
                same.append(row.row)
        return found

    @property
    def num_seeds(self) -> int | None:
        """Number of runs that the paper averages; None where it does not say."""
        return max((row.seeds for row in self.rows if row.seeds is not None), default=None)

    @property
    def sweep_name(self) -> str:
        """``ranksim-table03``, with what is not the default behind it."""
        paper, _, number = self.name.partition("/")
        parts = [f"{paper}-table{int(number):02d}"]
        if self.benchmark != table_rows(self.name)[0].benchmark:
            parts.append(self.benchmark)
        if self.choice != "all":
            parts.append(self.choice)
        if self.flavour != "printed":
            parts.append(self.flavour)
        return "-".join(parts)


def table_sweep(
    name: str, flavour: Flavour = "printed", benchmark: str | None = None, choice: str = "all"
) -> TableSweep:
    """Return the sweep of a published table.

    Args:
        name: ``ranksim/3``.
        flavour: ``printed`` or ``released``.
        benchmark: one of the table's; None for its first.
        choice: which rows: ``all``, the paper's ``own``, or those ``quoted`` from others.

    Raises:
        StoreError: no such paper, table, benchmark or choice, or no row is left.
    """
    every = [row for row in table_rows(name) if row.config is not None]
    known = list(dict.fromkeys(row.benchmark for row in every))
    chosen = known[0] if benchmark is None else benchmark
    if chosen not in known:
        raise StoreError(f"{name}: not on benchmark '{chosen}'; {did_you_mean(chosen, known)}")
    if choice not in CHOICES:
        raise StoreError(f"unknown rows '{choice}'; {did_you_mean(choice, CHOICES)}")
    rows = tuple(
        row
        for row in every
        if row.benchmark == chosen and choice in ("all", "quoted" if row.quoted_from else "own")
    )
    if not rows:
        raise StoreError(f"{name}: no row on {chosen} is {choice}")
    return TableSweep(name, chosen, rows, flavour, choice)


def _shared(settings: Sequence[Settings]) -> Settings:
    """Return the keys that all have with one value."""
    first, *others = settings
    return {
        key: value
        for key, value in first.items()
        if all(key in other and other[key] == value for other in others)
    }


def _named(settings: Settings, known: Mapping[str, object]) -> Settings:
    """Leave out keys that need another one, such as a technique's name, that is not shared."""
    there = {*settings, *known}
    return {key: value for key, value in settings.items() if _need_of(key) in (None, *there)}


def _need_of(key: str) -> str | None:
    section = key.split(".")[0]
    if section in NAMED_SECTIONS:
        return f"{section}.name"
    return NEEDS.get(key)


def _without_defaults(settings: Settings, known: Mapping[str, object]) -> Settings:
    """Leave out techniques that are off anyway."""
    return {
        key: value for key, value in settings.items() if key in known or OFF.get(key, ...) != value
    }


def _study_name(section: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", section.lower()).strip("_") or "rows"


# ---- writing


def sweep_text(sweep: TableSweep) -> str:
    """Write a table's sweep as YAML, with the source of each line."""
    return "\n".join(
        [*_header(sweep), *_around(sweep), *_base(sweep), *_studies(sweep), *_end(sweep)]
    )


def file_name(sweep: TableSweep) -> str:
    """Return the name of its file: ``ranksim_table03.yaml``."""
    return f"{sweep.sweep_name.replace('-', '_')}.yaml"


def _header(sweep: TableSweep) -> Iterator[str]:
    paper, _, number = sweep.name.partition("/")
    yield "# yaml-language-server: $schema=../dirsweep/config/sweep.schema.json"
    yield f"# {sweep.name}: {title_of(paper, int(number))}"
    yield f"# {sweep.benchmark}, protocol as {sweep.flavour}; each line says where it is from"
    yield f"#   dirsweep published sweep {_arguments(sweep)}"
    yield f"#   dirsweep published protocol {sweep.name}"
    others = dict.fromkeys(row.benchmark for row in table_rows(sweep.name))
    others.pop(sweep.benchmark)
    if others:
        yield f"# the table's rows on {', '.join(others)}: --benchmark"
    for text in _disagreements(sweep):
        yield f"# {text}"
    other = "released" if sweep.flavour == "printed" else "printed"
    differing = _otherwise(sweep)
    if differing:
        yield f"# otherwise with --protocol {other}: {', '.join(differing)}"
    if sweep.left_out:
        yield f"# left out, since this build has no such key: {', '.join(sweep.left_out)}"


def _arguments(sweep: TableSweep) -> str:
    parts = [sweep.name]
    if sweep.benchmark != table_rows(sweep.name)[0].benchmark:
        parts.append(f"--benchmark {sweep.benchmark}")
    if sweep.choice != "all":
        parts.append(f"--rows {sweep.choice}")
    if sweep.flavour != "printed":
        parts.append(f"--protocol {sweep.flavour}")
    return " ".join(parts)


def _otherwise(sweep: TableSweep) -> list[str]:
    return sorted(
        {
            key
            for protocol in sweep.protocols.values()
            for key, field in protocol.items()
            if field.compared and field.otherwise is not None
        }
    )


def _disagreements(sweep: TableSweep) -> Iterator[str]:
    """Say which rows belong to other data than the sweep's."""
    for key, field in sweep.around.items():
        for source, value in _other_values(sweep, key, field.value).items():
            yield (
                f"rows quoted from {source} have {key}: {flow_yaml(value)}; they are comparable "
                f"with --set {key}={value} only (--rows quoted makes their sweep)"
            )


def _other_values(sweep: TableSweep, key: str, value: object) -> dict[str, object]:
    found = {}
    for row, protocol in sweep.protocols.items():
        if key in protocol and protocol[key].value != value:
            found[row.quoted_from or "the paper itself"] = protocol[key].value
    return found


def _around(sweep: TableSweep) -> Iterator[str]:
    yield f"name: {sweep.sweep_name}"
    yield ""
    yield "benchmark:"
    yield f"  name: {sweep.benchmark}"
    yield f'  root: "${{DIRSWEEP_DATA:-data}}/{sweep.benchmark}"'
    for key, field in sweep.around.items():
        name = key.removeprefix("benchmark.")
        if key.startswith("benchmark.") and name != "name" and field.value is not None:
            yield _line(f"  {name}: {flow_yaml(field.value)}", field)


def _base(sweep: TableSweep) -> Iterator[str]:
    yield ""
    yield "base:"
    yield from _nested(sweep.base, _fields(sweep, sweep.rows), "  ")


def _fields(sweep: TableSweep, rows: Sequence[PublishedRow]) -> Protocol:
    """Return the fields whose sources are written: of the paper's own rows, if there are any."""
    own = [row for row in rows if not row.quoted_from]
    return sweep.protocols[(own or list(rows))[0]]


def _nested(settings: Settings, fields: Protocol, indent: str) -> Iterator[str]:
    """Write dotted keys as nested sections, a line each."""
    sections: dict[str, Settings] = {}
    for key, value in settings.items():
        section, _, name = key.partition(".")
        sections.setdefault(section, {})[name] = value
    for section in _in_order(sections):
        content = sections[section]
        if list(content) == [""]:
            yield _line(f"{indent}{section}: {_value(section, content[''])}", fields.get(section))
        elif list(content) == ["name"]:
            field = fields.get(f"{section}.name")
            yield _line(f"{indent}{section}: {_value(section, content['name'])}", field)
        elif section == "regularizers":
            yield f"{indent}{section}:"
            inner = {key.removeprefix(f"{section}."): field for key, field in fields.items()}
            yield from _nested(content, inner, f"{indent}  ")
        else:
            yield f"{indent}{section}:"
            for name in sorted(content, key=lambda item: item != "name"):
                key = f"{section}.{name}"
                yield _line(f"{indent}  {name}: {_value(key, content[name])}", fields.get(key))


def _in_order(sections: Iterable[str]) -> list[str]:
    return sorted(sections, key=lambda name: section_place(name.partition(".")[0]))


def _value(key: str, value: object) -> str:
    return FILES[key] if key in FILES else flow_yaml(value)


def _line(text: str, field: ProtocolField | None) -> str:
    """Add the source of a line."""
    if field is None:
        return text
    comment = f"{field.source}: {field.stated}" if field.stated else field.source
    return f"{text:<{_COMMENT}}  # {comment}"


def _studies(sweep: TableSweep) -> Iterator[str]:
    yield ""
    if sweep.num_seeds is None:
        seeds, why = SEEDS, "ours: the paper does not state the number of runs"
    else:
        seeds, why = sweep.num_seeds, f"printed: {plural(sweep.num_seeds, 'run')}"
    yield f"{f'seeds: {list(range(seeds))}':<{_COMMENT}}  # {why}"
    yield ""
    yield "studies:"
    anchors = _Anchors([point for name in sweep.studies for _, point in sweep.points(name)])
    for name, rows in sweep.studies.items():
        yield f"  {name}:"
        base = sweep.study_base(name)
        if base:
            yield "    base:"
            yield from _nested(base, _fields(sweep, rows), "      ")
        yield "    points:"
        for labels, point in sweep.points(name):
            yield f"      # {' and '.join(labels)}"
            yield f"      - {anchors.write(point)}"


class _Anchors:
    """Writes points on one line each; a technique that occurs again is an alias.

    Args:
        points: every point that will be written.
    """

    def __init__(self, points: Iterable[Settings]) -> None:
        found = [
            (key, flow_yaml(value))
            for point in points
            for key, value in _grouped(point).items()
            if isinstance(value, dict)
        ]
        self._repeated = {
            text for _, text in found if [other for _, other in found].count(text) > 1
        }
        self._names: dict[str, str] = {}

    def write(self, point: Settings) -> str:
        """Return the point as flow YAML."""
        parts = [f"{key}: {self._text(key, value)}" for key, value in _grouped(point).items()]
        return f"{{{', '.join(parts)}}}"

    def _text(self, key: str, value: object) -> str:
        text = flow_yaml(value)
        if text not in self._repeated or not isinstance(value, dict):
            return text
        if text in self._names:
            return f"*{self._names[text]}"
        stem = str(value.get("name", key.rpartition(".")[2]))
        taken = sum(re.fullmatch(rf"{stem}\d*", name) is not None for name in self._names.values())
        self._names[text] = f"{stem}{taken + 1}" if taken else stem
        return f"&{self._names[text]} {text}"


def _grouped(point: Settings) -> Settings:
    """Return a point with the parameters of each of its techniques in one mapping."""
    sections: dict[str, Settings] = {}
    for key, value in point.items():
        section, _, name = key.rpartition(".")
        is_part = section.startswith("regularizers.") or f"{section}.name" in point
        sections.setdefault(section if is_part else key, {})[name if is_part else ""] = value
    found: Settings = {}
    for section in _in_order(sections):
        content = sections[section]
        named = dict(sorted(content.items(), key=lambda item: item[0] != "name"))
        found[section] = content[""] if list(content) == [""] else named
    return found


def _end(sweep: TableSweep) -> Iterator[str]:
    metric, region = (
        _fields(sweep, sweep.rows)[f"objective.{part}"] for part in ("metric", "region")
    )
    objective = {"metric": metric.value, "region": region.value}
    yield ""
    yield "# what chooses each trial's best epoch, on the validation split"
    yield _line(f"objective: {flow_yaml(objective)}", metric)
    yield "resources: {cpu: 4, gpu: auto}"
    yield ""


__all__ = ["CHOICES", "TableSweep", "file_name", "sweep_text", "table_sweep"]
