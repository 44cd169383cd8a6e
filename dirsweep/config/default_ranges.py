"""Default ranges of a search space, as the techniques' configs and the benchmark state them.

They leave out what trains the same as something else: a choice that equals another one, and, of a
technique that is searched as a whole, parameters where another choice makes them ineffective.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from dirsweep import registry
from dirsweep.config.benchmark_defaults import defaults_of, filled_in
from dirsweep.config.error_text import validate_model, yaml_fields
from dirsweep.config.model import PlainData
from dirsweep.config.overrides import config_class_of, section_name
from dirsweep.config.ranges import Choice, Range, ranges_of
from dirsweep.config.space import Condition, Entry
from dirsweep.config.trial import NamedConfig
from dirsweep.config.trial_keys import SECTIONS
from dirsweep.errors import SpecError, did_you_mean

Conditions = tuple[Condition, ...]
#: searched key -> its choice
Choices = Mapping[str, Choice]


def default_entries(
    key: str, optional: bool, when: Conditions, base: PlainData, choices: Choices
) -> list[Entry]:
    """Expand ``default`` or ``optional``.

    Args:
        key: dotted key of a parameter, a regularizer or a section.
        optional: whether a choice of off and on comes first.
        when: conditions of the entry.
        base: the study's normalized base.
        choices: the choices of the same space, which may search a section's name.

    Returns:
        One entry for a parameter, or one for each parameter of a technique.

    Raises:
        SpecError: it has no default range, or none that is certain; no key is set.
    """
    parts = tuple(key.split("."))
    is_regularizer = parts[0] == "regularizers"
    if optional and not (is_regularizer and len(parts) == 2):
        raise SpecError("'optional' is for a regularizer as a whole (regularizers.<name>)")
    if parts == ("regularizers",) or (parts[-1] == "name" and parts[0] in SECTIONS):
        raise SpecError("has no default range; give a choice of names")
    if _is_technique(parts):
        ranges = _ranges(parts, when, base, choices)
        conditions = _effective_where(parts, ranges, when, base, choices)
        return _technique_entries(key, optional, when, ranges, conditions)
    ranges = _ranges(parts[:2] if is_regularizer else parts[:1], when, base, choices, parts[-1])
    if parts[-1] in ranges:
        return [Entry(key, ranges[parts[-1]], when)]
    raise SpecError(
        "has no default range; give one, such as {uniform: [low, high]} "
        f"(with a default range: {', '.join(ranges) or 'none'})"
    )


def _is_technique(parts: tuple[str, ...]) -> bool:
    if parts[0] == "regularizers":
        return len(parts) == 2
    return len(parts) == 1 and parts[0] in ("optimizer", *SECTIONS)


def _technique_entries(
    key: str,
    optional: bool,
    when: Conditions,
    ranges: Mapping[str, Range],
    conditions: Mapping[str, Conditions],
) -> list[Entry]:
    if not ranges:
        raise SpecError("no parameter of it has a default range; give ranges of your own")
    switch = [Entry(key, Choice((False, True)), when)] if optional else []
    # a switch has the conditions of the whole
    shared = () if optional else when
    entries = [
        Entry(f"{key}.{name}", range_, (*shared, *conditions[name]))
        for name, range_ in ranges.items()
        if name in conditions
    ]
    return [*switch, *entries]


def _effective_where(
    parts: tuple[str, ...],
    ranges: Mapping[str, Range],
    when: Conditions,
    base: PlainData,
    choices: Choices,
) -> dict[str, Conditions]:
    """Find the conditions under which each parameter of a technique has an effect.

    Returns:
        Key -> its conditions; without the parameters that have no effect at all.
    """
    cls = _class_searched(parts, when, base, choices)
    if cls is None:
        return dict.fromkeys(ranges, ())
    present = _present(cls, base)
    searched = {name: choices.get(".".join((*parts, name)), ranges[name]) for name in ranges}
    others = {name: range_ for name, range_ in searched.items() if isinstance(range_, Choice)}
    found: dict[str, Conditions] = {}
    for name in ranges:
        conditions = []
        for other, choice in others.items():
            values = _values_using(cls, name, present, other, choice)
            if len(values) < len(choice.values):
                conditions.append(Condition(".".join((*parts, other)), values))
        if all(condition.values for condition in conditions):
            found[name] = tuple(conditions)
    return found


def _values_using(
    cls: type[NamedConfig], name: str, present: PlainData, other: str, choice: Choice
) -> tuple[Any, ...]:
    """Return the values of another parameter with which one has an effect."""
    if name == other:
        return choice.values
    return tuple(v for v in choice.values if _is_used(cls, name, {**present, other: v}))


def _is_used(cls: type[NamedConfig], key: str, params: Mapping[str, Any]) -> bool:
    """Return whether a parameter has an effect; True where the values are invalid together."""
    name = next(name for name, field in cls.model_fields.items() if (field.alias or name) == key)
    try:
        return validate_model(cls, dict(params)).uses(name)
    except SpecError:
        return True


def _ranges(
    technique: tuple[str, ...],
    when: Conditions,
    base: PlainData,
    choices: Choices,
    param: str | None = None,
) -> dict[str, Range]:
    """Find default ranges by YAML key; ``param`` is the one that is asked for."""
    head = technique[0]
    if head in SECTIONS:
        return _section_ranges(head, when, base, choices, param)
    cls = config_class_of(base, technique)
    assert cls is not None
    is_plain_key = head not in ("regularizers", "optimizer")
    _check_parameter(cls, head if is_plain_key else param)
    return _ranges_beside(cls, base, choices)


def _section_ranges(
    section: str, when: Conditions, base: PlainData, choices: Choices, param: str | None
) -> dict[str, Range]:
    """Find the ranges of a section; where its name is searched, of each choice with ``param``."""
    known = registry.names(section)
    names = [name for name in _possible_names(section, when, base, choices) if name in known]
    classes = [registry.config_class(section, name) for name in names]
    if param is None:
        return _ranges_beside(classes[0], base, choices) if len(classes) == 1 else {}
    having = [cls for cls in classes if param in yaml_fields(cls)]
    if classes and not having:
        _check_parameter(classes[0], param)
    found = [_ranges_beside(cls, base, choices) for cls in having]
    if len({ranges.get(param) for ranges in found}) > 1:
        example = f"{{default: true, when: {{{section}.name: {having[0].registered_name}}}}}"
        raise SpecError(
            f"its default range depends on {section}.name; give a range, or say which: {example}"
        )
    return found[0] if found else {}


def _ranges_beside(cls: type[BaseModel], base: PlainData, choices: Choices) -> dict[str, Range]:
    """Return the default ranges of a class beside what base, benchmark and space set."""
    if not issubclass(cls, NamedConfig):
        return ranges_of(cls)
    present = _present(cls, base)
    ranges = cls.default_ranges(present)
    for key, value in _searched_values(cls, choices):
        for name, other in cls.default_ranges({**present, key: value}).items():
            if _has_more_values(other, ranges[name]):
                ranges[name] = other
    for key, item in defaults_of(base, cls.room, cls.registered_name).items():
        if item.range is not None:
            ranges[key] = item.range
        elif item.value is None:
            ranges.pop(key, None)  # it is off here: there is nothing to search around
    return ranges


def _has_more_values(one: Range, other: Range) -> bool:
    if not isinstance(one, Choice) or not isinstance(other, Choice):
        return False
    return len(one.values) > len(other.values)


def _searched_values(cls: type[NamedConfig], choices: Choices) -> list[tuple[str, Any]]:
    """List the values that a space lists for the parameters of a technique."""
    head = (cls.room, cls.registered_name) if cls.room == "regularizers" else (cls.room,)
    prefix = ".".join((*head, ""))
    found = []
    for key, choice in choices.items():
        if key.startswith(prefix):
            found += [(key.removeprefix(prefix), value) for value in choice.values]
    return found


def _present(cls: type[NamedConfig], base: PlainData) -> PlainData:
    """Return the parameters of a technique in the base, those of its benchmark included."""
    room, name = cls.room, cls.registered_name
    if room == "regularizers":
        given = base.get(room, {}).get(name, {})
    else:
        given = base.get(room, {}) if section_name(base, room) == name else {}
    params = {key: value for key, value in given.items() if key != "name"}
    return filled_in(base, room, name, params)


def _class_searched(
    parts: tuple[str, ...], when: Conditions, base: PlainData, choices: Choices
) -> type[NamedConfig] | None:
    """Return the class of a technique that is searched as a whole; None for the optimizer."""
    head = parts[0]
    if head in SECTIONS:
        (name,) = _possible_names(head, when, base, choices)
        return registry.config_class(head, name)
    return registry.config_class(head, parts[1]) if head == "regularizers" else None


def _check_parameter(cls: type[BaseModel], param: str | None) -> None:
    fields = yaml_fields(cls)
    if param is not None and param not in fields:
        raise SpecError(f"unknown key; {did_you_mean(param, fields)}")


def _possible_names(section: str, when: Conditions, base: PlainData, choices: Choices) -> list[str]:
    """List what a section may be: what ``when`` says, else the choice, else the base's."""
    for condition in when:
        if condition.key == f"{section}.name":
            return [str(value) for value in condition.values]
    for key in (f"{section}.name", section):
        if key in choices:
            return [_name_in(value) for value in choices[key].values if value is not None]
    name = section_name(base, section)
    return [name] if name else []


def _name_in(value: Any) -> str:
    """Return the name of a section that a choice writes as a name or as a mapping."""
    return str(value.get("name") if isinstance(value, Mapping) else value)
