"""Default ranges of a search space, as the techniques' configs state them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from dirsweep import registry
from dirsweep.config.error_text import yaml_fields
from dirsweep.config.model import PlainData
from dirsweep.config.overrides import config_class_of, section_name
from dirsweep.config.ranges import RANGE_TYPES, Choice, Range
from dirsweep.config.space import Condition, Entry
from dirsweep.config.trial_keys import SECTIONS
from dirsweep.errors import SpecError, did_you_mean

Conditions = tuple[Condition, ...]
#: searched key -> its choice
Choices = Mapping[str, Choice]


def ranges_of(cls: type[BaseModel]) -> dict[str, Range]:
    """Return the default ranges that a config class states, by YAML key."""
    return {
        key: item
        for key, field in yaml_fields(cls).items()
        for item in field.metadata
        if isinstance(item, RANGE_TYPES)
    }


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
        return _technique_entries(key, parts, optional, when, _ranges(parts, when, base, choices))
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
    parts: tuple[str, ...],
    optional: bool,
    when: Conditions,
    ranges: dict[str, Range],
) -> list[Entry]:
    if not ranges:
        raise SpecError("no parameter of it has a default range; give ranges of your own")
    if not optional:
        return [Entry(f"{key}.{name}", range_, when) for name, range_ in ranges.items()]
    switch = Entry(key, Choice((False, True)), when)
    return [switch, *(Entry(f"{key}.{name}", range_) for name, range_ in ranges.items())]


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
    return ranges_of(cls)


def _section_ranges(
    section: str, when: Conditions, base: PlainData, choices: Choices, param: str | None
) -> dict[str, Range]:
    """Find the ranges of a section; where its name is searched, of each choice with ``param``."""
    known = registry.names(section)
    names = [name for name in _possible_names(section, when, base, choices) if name in known]
    classes = [registry.config_class(section, name) for name in names]
    if param is None:
        return ranges_of(classes[0]) if len(classes) == 1 else {}
    having = [cls for cls in classes if param in yaml_fields(cls)]
    if classes and not having:
        _check_parameter(classes[0], param)
    found = [ranges_of(cls) for cls in having]
    if len({ranges.get(param) for ranges in found}) > 1:
        example = f"{{default: true, when: {{{section}.name: {having[0].registered_name}}}}}"
        raise SpecError(
            f"its default range depends on {section}.name; give a range, or say which: {example}"
        )
    return found[0] if found else {}


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
