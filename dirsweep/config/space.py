"""A search space: ranges, and when each of them exists. Knows nothing of Optuna; a sampler answers
``draw``.

```yaml
space:
  regularizers.ranksim: default                     # every parameter of the technique, in its own
  default range regularizers.conr: {choice: [false, true]}        # off, or on as the base has it
  regularizers.conr.beta: {log_uniform: [0.1, 10]}  # exists when conr is on, by itself
  loss.name: {choice: [l1, huber]}
  loss.beta: default                                # exists for the losses that have a beta
  optimizer.lr: {log_uniform: [1e-4, 1e-3], when: {loss.name: huber}}
  batch_size: {choice: [64, 128], when: regularizers.conr}
```
``optional`` is ``default`` with a choice of off and on before it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from dirsweep import registry
from dirsweep.config.error_text import format_value, yaml_fields
from dirsweep.config.overrides import (
    MISSING,
    SECTIONS,
    build_config,
    build_section,
    check_key,
    config_class_of,
    is_off,
    is_switch,
    normalize_base,
    section_name,
    value_at,
    with_overrides,
)
from dirsweep.config.ranges import Choice, IntUniform, LogUniform, Range, Uniform
from dirsweep.config.trial import canonical_json
from dirsweep.errors import SpecError, did_you_mean

Draw = Callable[[str, Range], Any]

#: how each range is written in YAML
RANGES = ("log_uniform", "uniform", "int", "log_int", "choice")
#: sections that are off where a paper's row does not name them; its loss is then the plain one that
#: the base has
_TECHNIQUES = ("reweighting", "smoothing", "schedule")
_SWITCHES = {
    True: True,
    "on": True,
    "true": True,
    False: False,
    "off": False,
    "none": False,
    None: False,
}


@dataclass(frozen=True)
class Condition:
    """``key`` (another entry, or something fixed in the base) is one of ``values``."""

    key: str
    values: tuple[Any, ...]

    def holds(self, raw: Mapping[str, Any]) -> bool:
        """Whether it holds in a normalized base with the point's overrides put in."""
        value = value_at(raw, self.key)
        return any(_same(value, wanted) for wanted in self.values)


@dataclass(frozen=True)
class Entry:
    """One searched key, its range, and the conditions (all must hold) under which it exists."""

    key: str
    range: Range
    when: tuple[Condition, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As it stands in a sweep file."""
        plain = range_to_dict(self.range)
        if self.when:
            plain["when"] = {
                c.key: c.values[0] if len(c.values) == 1 else list(c.values) for c in self.when
            }
        return plain


@dataclass(frozen=True)
class SearchSpace:
    """Entries in an order in which everything an entry depends on comes before it.

    Attributes:
        entries: see ``Entry``.
        base: the normalized base of the study; it decides conditions on keys that are not searched.
    """

    entries: tuple[Entry, ...]
    base: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def keys(self) -> tuple[str, ...]:
        """The dotted keys that are searched."""
        return tuple(entry.key for entry in self.entries)

    def sample(self, draw: Draw) -> dict[str, Any]:
        """Ask ``draw(key, range)`` for each entry that exists, given the answers so far; returns
        dotted overrides.
        """
        overrides: dict[str, Any] = {}
        raw: Mapping[str, Any] = self.base
        for entry in self.entries:
            if self._exists(entry, raw, overrides):
                overrides[entry.key] = draw(entry.key, entry.range)
                raw = with_overrides(self.base, overrides)
        return overrides

    def _exists(self, entry: Entry, raw: Mapping[str, Any], overrides: Mapping[str, Any]) -> bool:
        parent = _parent(entry.key, self.keys)
        if parent is not None and not (parent in overrides and _can_exist(entry.key, raw)):
            return False
        return all(condition.holds(raw) for condition in entry.when)

    def complete(self, start: Mapping[str, Any]) -> dict[str, Any]:
        """A point of the space from some of its keys; the others take the base's values.

        Raises: SpecError: a key that is not searched or does not exist in this point, a value
            outside its range.
        """
        for key in start:
            if key not in self.keys:
                raise SpecError(
                    f"not searched by this study; {did_you_mean(key, self.keys)}", key=key
                )
        so_far: dict[str, Any] = {}

        def draw(key: str, range_: Range) -> Any:
            here = with_overrides(self.base, so_far)
            value = _as_member(range_, start[key] if key in start else value_at(here, key))
            if value is MISSING or (value is None and not contains(range_, value)):
                raise SpecError(
                    f"needs a value in {range_to_text(range_)}; the base has none", key=key
                )
            if not contains(range_, value):
                whose = "got" if key in start else "the base has"
                raise SpecError(
                    f"must lie in the study's {range_to_text(range_)}, {whose} {format_value(value)}",
                    key=key,
                )
            so_far[key] = value
            return value

        point = self.sample(draw)
        for key in start:
            if key not in point:
                raise SpecError(
                    "does not exist in this point: its condition does not hold", key=key
                )
        return point

    def locate(self, config: Mapping[str, Any]) -> dict[str, Any] | None:
        """The point of the space that comes to a resolved configuration
        (``TrialConfig.to_dict()``).

        Returns: None when there is none: a value outside its range, or a difference in what is not
            searched.
        """
        try:
            there = normalize_base(config)

            def draw(key: str, range_: Range) -> Any:
                value = _as_member(range_, _value_there(there, key, range_))
                if value is MISSING or not contains(range_, value):
                    raise SpecError("outside", key=key)
                return value

            point = self.sample(draw)
            here = build_config(with_overrides(self.base, point)).to_dict()
            same = here == build_config(there).to_dict()
        except SpecError:
            return None
        return point if same else None

    def locate_settings(self, settings: Mapping[str, Any]) -> dict[str, Any] | None:
        """The point of the space that stands for published settings: dotted keys, what they do not
        name is off.

        A technique's parameters that they leave out are the base's where it uses the technique,
        else its defaults.
        """
        named = {key.partition(".")[0] for key in settings}
        plain = {
            key: value for key, value in self.base.items() if key not in _TECHNIQUES or key in named
        }
        regularizers = {
            ".".join(key.split(".")[:2]) for key in settings if key.startswith("regularizers.")
        }
        present = self.base.get("regularizers", {})
        plain["regularizers"] = {
            name: p for name, p in present.items() if f"regularizers.{name}" in regularizers
        }
        try:
            return self.locate(build_config(with_overrides(plain, settings)).to_dict())
        except SpecError:
            return None

    def probes(self) -> Iterator[dict[str, Any]]:
        """Points that touch both ends of every range, every value of every choice, and every pair
        of such values.
        """
        for end in (0, -1):
            yield self._sample_forced(
                {entry.key: extremes(entry.range)[end] for entry in self.entries}
            )
        single = [
            (entry, value, {**self._forced(entry), entry.key: value})
            for entry in self.entries
            for value in extremes(entry.range)
        ]
        for entry, _, forced in single:
            point = self._sample_forced(forced)
            if entry.key in point:
                yield point
        choices = [item for item in single if isinstance(item[0].range, Choice)]
        for (one, first, forced), (other, second, more) in combinations(choices, 2):
            point = self._sample_forced({**more, **forced, other.key: second, one.key: first})
            meet = (
                one.key in point
                and other.key in point
                and point[one.key] == first
                and point[other.key] == second
            )
            if one.key != other.key and meet:  # values that exclude each other never meet
                yield point

    def _sample_forced(self, forced: Mapping[str, Any]) -> dict[str, Any]:
        return self.sample(
            lambda key, range_: forced[key] if key in forced else extremes(range_)[0]
        )

    def _forced(self, entry: Entry) -> dict[str, Any]:
        """Values of other entries under which ``entry`` exists, as far as one value for each can
        bring that about.
        """
        by_key = {other.key: other for other in self.entries}
        parent = _parent(entry.key, by_key)
        needs: list[tuple[str | None, Callable[[Mapping[str, Any]], bool], tuple[Any, ...]]]
        needs = [(parent, lambda raw: _can_exist(entry.key, raw), ())]
        needs += [
            (_owner(condition.key, by_key), condition.holds, condition.values)
            for condition in entry.when
        ]
        forced: dict[str, Any] = {}
        for owner, holds, wanted in needs:
            if owner is None or owner == entry.key:
                continue
            forced |= self._forced(by_key[owner])
            candidates = (
                *extremes(by_key[owner].range),
                *(v for v in wanted if contains(by_key[owner].range, v)),
            )
            values = [
                v for v in candidates if holds(with_overrides(self.base, {**forced, owner: v}))
            ]
            if values and forced.get(owner, MISSING) not in values:
                forced[owner] = values[0]
        return forced

    def to_dict(self) -> dict[str, Any]:
        """As it stands in a sweep file, default ranges written out."""
        return {entry.key: entry.to_dict() for entry in self.entries}


def _value_there(raw: Mapping[str, Any], key: str, range_: Range) -> Any:
    """A key's value in a complete configuration; of a choice between whole sections the one that
    comes to the same.
    """
    if isinstance(range_, Choice) and key in SECTIONS:
        for value in range_.values:
            section = {"name": value} if isinstance(value, str) else value
            if isinstance(section, Mapping) and build_section(
                key, section, key
            ).to_dict() == raw.get(key):
                return value
    return value_at(raw, key)


def _can_exist(key: str, raw: Mapping[str, Any]) -> bool:
    """Whether a parameter exists in ``raw``: its regularizer is on, its section's choice has it."""
    if key.startswith("regularizers."):
        return bool(value_at(raw, key.rpartition(".")[0]))
    return value_at(raw, key) is not MISSING


def _parent(key: str, keys: Iterable[str]) -> str | None:
    """The entry that decides whether ``key`` exists: the switch of its regularizer, the name of its
    section.
    """
    parts = key.split(".")
    if parts[0] == "regularizers":
        switch = ".".join(parts[:2])
        return switch if len(parts) == 3 and switch in keys else None
    if parts[0] in SECTIONS and len(parts) == 2 and parts[1] != "name":
        return next((name for name in (f"{parts[0]}.name", parts[0]) if name in keys), None)
    return None


def _owner(key: str, keys: Iterable[str]) -> str | None:
    """The entry that sets ``key``: its own, the whole section's, or its parent's."""
    section = key.removesuffix(".name")
    return key if key in keys else section if section in keys else _parent(key, keys)


# ranges


def range_to_dict(range_: Range) -> dict[str, Any]:
    """As it stands in a sweep file."""
    match range_:
        case Choice(values):
            return {"choice": list(values)}
        case IntUniform(low, high, log):
            return {"log_int" if log else "int": [low, high]}
        case LogUniform(low, high):
            return {"log_uniform": [low, high]}
        case Uniform(low, high):
            return {"uniform": [low, high]}


def range_to_text(range_: Range) -> str:
    """``log_uniform [0.1, 10]``, for messages and tables."""
    ((name, values),) = range_to_dict(range_).items()
    return f"{name} {format_value(values)}"


def extremes(range_: Range) -> tuple[Any, ...]:
    """Both ends of a range, every value of a choice."""
    return range_.values if isinstance(range_, Choice) else (range_.low, range_.high)


def contains(range_: Range, value: Any) -> bool:
    """Whether a value lies in a range, its type included (64.0 is no whole number)."""
    if isinstance(range_, Choice):
        return any(_same(value, item) for item in range_.values)
    if isinstance(value, bool) or not isinstance(
        value, int if isinstance(range_, IntUniform) else (int, float)
    ):
        return False
    return bool(range_.low <= value <= range_.high)


def _same(one: Any, other: Any) -> bool:
    """Equal, where 1 is 1.0 but not true."""
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def _as_member(range_: Range, value: Any) -> Any:
    """A value as a choice writes it: 1 for 1.0; on is ``true`` or ``default``, off is ``false`` or
    ``null``.
    """
    if not isinstance(range_, Choice):
        return value
    same = [item for item in range_.values if _same(item, value)]
    if not same and isinstance(value, bool):
        same = [item for item in range_.values if is_off(item) != value]
    return same[0] if same else value


# reading


def parse_space(entries: Any, base: Mapping[str, Any]) -> SearchSpace:
    """A search space from a sweep file.

    Args:
        entries: dotted key -> range, ``default`` or ``optional``.
        base: the normalized base of the study.
    Raises: SpecError: its key is relative to ``space``.
    """
    if not isinstance(entries, Mapping):
        raise SpecError(
            f"expected a mapping from dotted keys to ranges, got {format_value(entries)}"
        )
    if not entries:
        raise SpecError("empty: name at least one key to search")
    found: dict[str, Entry] = {}
    for key, value in entries.items():
        check_key(key)
        try:
            parsed = _entries(key, value, base, entries)
        except SpecError as error:
            raise error if error.key else error.at(prefix=key) from None
        for entry in parsed:
            if (
                entry.key == key or entry.key not in entries
            ):  # what is written out wins over a technique's default
                found[entry.key] = entry
    space = SearchSpace(_ordered(found), base)
    for entry in space.entries:
        _check_reachable(space, entry)
    return space


def _entries(
    key: str, value: Any, base: Mapping[str, Any], others: Mapping[str, Any]
) -> list[Entry]:
    if isinstance(value, str) and value in ("default", "optional"):
        value = {value: True}
    if not isinstance(value, Mapping):
        raise SpecError(
            f"expected 'default' or a range such as {{log_uniform: [0.1, 10]}}, got {format_value(value)}"
        )
    known = (*RANGES, "default", "optional", "when")
    for name in value:
        if name not in known:
            raise SpecError(f"unknown key; {did_you_mean(name, known)}", key=f"{key}.{name}")
    kinds = [name for name in known[:-1] if name in value]
    if len(kinds) != 1:
        got = f"got both '{kinds[0]}' and '{kinds[1]}'" if kinds else "got none"
        raise SpecError(f"needs exactly one of {', '.join(known[:-1])}; {got}")
    when = _conditions(key, value.get("when"), others)
    if kinds[0] in RANGES:
        return [Entry(key, _range(kinds[0], value[kinds[0]], f"{key}.{kinds[0]}"), when)]
    if value[kinds[0]] is not True:
        raise SpecError(
            f"expected true, got {format_value(value[kinds[0]])}", key=f"{key}.{kinds[0]}"
        )
    return _default_entries(key, kinds[0] == "optional", when, base, others)


def _range(kind: str, value: Any, key: str) -> Range:
    if not isinstance(value, list):
        raise SpecError(f"expected a list, got {format_value(value)}", key=key)
    if kind == "choice":
        return _choice(value, key)
    number = int if kind in ("int", "log_int") else (int, float)
    if len(value) != 2 or not all(isinstance(v, number) and not isinstance(v, bool) for v in value):
        raise SpecError(
            f"expected [low, high] in {'whole ' if number is int else ''}numbers, got {format_value(value)}",
            key=key,
        )
    low, high = value
    if not (math.isfinite(low) and math.isfinite(high)):
        raise SpecError(f"must be finite, got {format_value(value)}", key=key)
    if low > high:
        raise SpecError(f"low must not exceed high, got [{low}, {high}]", key=key)
    if kind.startswith("log_") and low <= 0:
        raise SpecError(f"a logarithmic range needs low > 0, got {low}", key=key)
    if kind in ("int", "log_int"):
        return IntUniform(low, high, log=kind == "log_int")
    return (LogUniform if kind == "log_uniform" else Uniform)(float(low), float(high))


def _choice(values: list[Any], key: str) -> Choice:
    if not values:
        raise SpecError("empty: a choice needs at least one value", key=key)
    seen: set[str] = set()
    for value in values:
        text = (
            format_value(value)
            if isinstance(value, float) and not math.isfinite(value)
            else canonical_json(value)
        )
        if text in seen:
            raise SpecError(f"{format_value(value)} stands twice", key=key)
        seen.add(text)
    return Choice(tuple(values))


def _default_entries(
    key: str,
    optional: bool,
    when: tuple[Condition, ...],
    base: Mapping[str, Any],
    others: Mapping[str, Any],
) -> list[Entry]:
    """The entries behind ``default`` or ``optional``: one parameter's, or every parameter's of a
    technique.
    """
    parts = tuple(key.split("."))
    regularizer = parts[0] == "regularizers"
    if optional and not (regularizer and len(parts) == 2):
        raise SpecError("'optional' is for a regularizer as a whole (regularizers.<name>)")
    if parts == ("regularizers",) or (parts[-1] == "name" and parts[0] in SECTIONS):
        raise SpecError("has no default range; give a choice of names")
    whole = len(parts) == (2 if regularizer else 1) and parts[0] in (
        "regularizers",
        "optimizer",
        *SECTIONS,
    )
    ranges = _default_ranges(
        parts[:2] if regularizer else parts[:1], when, base, others, None if whole else parts[-1]
    )
    if whole:
        if not ranges:
            raise SpecError("no parameter of it has a default range; give ranges of your own")
        switch = [Entry(key, Choice((False, True)), when)] if optional else []
        return switch + [
            Entry(f"{key}.{name}", range_, () if optional else when)
            for name, range_ in ranges.items()
        ]
    if parts[-1] not in ranges:
        raise SpecError(
            f"has no default range; give one, such as {{uniform: [low, high]}} "
            f"(with a default range: {', '.join(ranges) or 'none'})"
        )
    return [Entry(key, ranges[parts[-1]], when)]


def _default_ranges(
    technique: tuple[str, ...],
    when: tuple[Condition, ...],
    base: Mapping[str, Any],
    others: Mapping[str, Any],
    param: str | None,
) -> dict[str, Range]:
    """Default ranges by YAML key. Where a section's name is searched, those of every choice that
    has ``param``.
    """
    head = technique[0]
    if head not in SECTIONS:
        cls = config_class_of(base, technique)
        assert cls is not None
        plain = head not in ("regularizers", "optimizer")
        _check_parameter(cls, head if plain else param)
        return _ranges_of(cls)
    names = _possible_names(head, when, base, others)
    classes = [registry.config_class(head, name) for name in names if name in registry.names(head)]
    if param is None:
        return _ranges_of(classes[0]) if len(classes) == 1 else {}
    having = [cls for cls in classes if param in yaml_fields(cls)]
    if not having:
        _check_parameter(classes[0], param) if classes else None
    found = [_ranges_of(cls) for cls in having]
    if len({ranges.get(param) for ranges in found}) > 1:
        raise SpecError(
            f"its default range depends on {head}.name; give a range, or say which: "
            f"{{default: true, when: {{{head}.name: {having[0].registered_name}}}}}"
        )
    return found[0] if found else {}


def _check_parameter(cls: type[Any], param: str | None) -> None:
    fields = yaml_fields(cls)
    if param is not None and param not in fields:
        raise SpecError(f"unknown key; {did_you_mean(param, fields)}")


def _possible_names(
    section: str, when: tuple[Condition, ...], base: Mapping[str, Any], others: Mapping[str, Any]
) -> list[str]:
    """What a section may be: what ``when`` says, else what is searched, else what the base has."""
    for condition in when:
        if condition.key == f"{section}.name":
            return [str(value) for value in condition.values]
    for key in (f"{section}.name", section):
        entry = others.get(key)
        if isinstance(entry, Mapping) and isinstance(entry.get("choice"), list):
            return [
                str(v.get("name") if isinstance(v, Mapping) else v)
                for v in entry["choice"]
                if v is not None
            ]
    name = section_name(base, section)
    return [name] if name else []


def _ranges_of(cls: type[Any]) -> dict[str, Range]:
    return {
        key: found
        for key, field_ in yaml_fields(cls).items()
        for found in field_.metadata
        if isinstance(found, (LogUniform, Uniform, IntUniform, Choice))
    }


# conditions


def _conditions(key: str, when: Any, others: Mapping[str, Any]) -> tuple[Condition, ...]:
    if when is None:
        return ()
    if isinstance(when, str):
        when = {when: True}
    elif isinstance(when, list) and all(isinstance(item, str) for item in when):
        when = dict.fromkeys(when, True)
    if not isinstance(when, Mapping) or not when:
        raise SpecError(
            f"expected a regularizer (regularizers.conr) or a mapping such as {{loss.name: huber}}, got {format_value(when)}",
            key=f"{key}.when",
        )
    return tuple(_condition(f"{key}.when", on, values) for on, values in when.items())


def _condition(where: str, key: str, values: Any) -> Condition:
    try:
        parts = check_key(key)
    except SpecError as error:
        raise SpecError(f"'{key}' is no key of a trial: {error.what}", key=where) from None
    wanted = tuple(values) if isinstance(values, list) else (values,)
    if not wanted:
        raise SpecError(f"'{key}' needs at least one value", key=where)
    if is_switch(key):
        for value in wanted:
            if isinstance(value, (dict, list)) or value not in _SWITCHES:
                raise SpecError(f"'{key}' is on or off, got {format_value(value)}", key=where)
        return Condition(key, tuple(_SWITCHES[value] for value in wanted))
    if parts[0] in SECTIONS and len(parts) == 1:
        parts = (parts[0], "name")
    return Condition(".".join(parts), wanted)


def _ordered(entries: Mapping[str, Entry]) -> tuple[Entry, ...]:
    """The entries, each after those it depends on, else as written. Raises: SpecError: a circle."""

    def needs(entry: Entry) -> list[str]:
        asked = [condition.key for condition in entry.when]
        found = [_parent(entry.key, entries), *(_owner(key, entries) for key in asked)]
        # a regularizer that no entry switches is on as soon as one of its parameters is set
        found += [
            key
            for key, other in entries.items()
            if not other.when and key.rpartition(".")[0] in asked
        ]
        return [key for key in found if key is not None]

    done: dict[str, Entry] = {}

    def visit(key: str, trail: tuple[str, ...]) -> None:
        if key in trail:
            circle = " -> ".join((*trail[trail.index(key) :], key))
            raise SpecError(f"conditions go round in a circle: {circle}", key=f"{key}.when")
        if key in done:
            return
        for other in needs(entries[key]):
            visit(other, (*trail, key))
        done[key] = entries[key]

    for key in entries:
        visit(key, ())
    return tuple(done.values())


def _check_reachable(space: SearchSpace, entry: Entry) -> None:
    """Raises: SpecError: no choice of the other entries lets ``entry`` exist."""
    by_key = {other.key: other for other in space.entries}
    for condition in entry.when:
        owner = by_key.get(condition.key)
        if owner is None or is_switch(condition.key):
            continue
        for value in condition.values:
            if not contains(owner.range, value):
                hint = range_to_text(owner.range)
                if isinstance(owner.range, Choice):
                    hint = did_you_mean(str(value), [str(v) for v in owner.range.values])
                raise SpecError(
                    f"'{owner.key}' is never {format_value(value)}; {hint}", key=f"{entry.key}.when"
                )
    point = space._sample_forced(space._forced(entry))
    if entry.key in point:
        return
    reason = "; ".join(
        f"{c.key} would have to be {' or '.join(format_value(v) for v in c.values)}"
        for c in entry.when
    )
    parent = _parent(entry.key, by_key)
    if not reason and parent:
        reason = f"no choice of '{parent}' has it"
    raise SpecError(f"never exists: {reason}", key=entry.key + (".when" if entry.when else ""))
