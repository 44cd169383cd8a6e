"""Dotted overrides of a base, and the validated ``TrialConfig`` that they give.

Rules (each also holds for ``--set base.<key>=<value>``):

- ``<section>.name`` (and ``<section>: name``) replaces a section: parameters of the former choice
  are dropped, unless the same point sets them. Setting the name it has already changes nothing.
- ``regularizers.x.param`` switches ``x`` on, with defaults for the rest.
- ``regularizers.x``: ``null``, ``false``, ``off`` switch it off; ``default`` switches it on with
  its defaults; ``true``, ``on`` switch it on as the base has it (with defaults where the base has
  it off); a mapping replaces it.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from pydantic import BaseModel, ValidationError

from dirsweep import registry
from dirsweep.config.error_text import (
    errors_under,
    explain,
    format_value,
    validate_model,
    yaml_fields,
)
from dirsweep.config.model import PlainData
from dirsweep.config.trial import NamedConfig, OptimizerConfig, TrialConfig
from dirsweep.errors import RegistryError, SpecError, did_you_mean

#: parts of a trial that are chosen by name
SECTIONS = ("backbone", *TrialConfig.SECTIONS)
#: the value of a parameter that the present choice does not have
MISSING: Any = object()


# ---- dotted keys


def is_off(value: Any) -> bool:
    """Return whether a regularizer's value in YAML switches it off."""
    return value is None or value is False or value == "off" or value == "none"


def is_switch(key: str) -> bool:
    """Return whether a dotted key is a whole regularizer, which is on or off."""
    return key.startswith("regularizers.") and key.count(".") == 1


def check_key(key: str) -> tuple[str, ...]:
    """Split a dotted key of a trial.

    Parameters of techniques are checked when a point is built, because which of them exist depends
    on the technique that the point chooses.

    Args:
        key: ``optimizer.lr``, ``regularizers.ranksim.gamma``.

    Returns:
        Its parts.

    Raises:
        SpecError: no trial has such a key.
    """
    parts = tuple(str(key).split("."))
    head = parts[0]
    if head not in TrialConfig.model_fields:
        raise SpecError(f"unknown key; {_suggest(key)}", key=key)
    deepest = _depth(head)
    if len(parts) > deepest:
        parent = ".".join(parts[:deepest])
        raise SpecError(f"unknown key; '{parent}' has no keys below it", key=key)
    if len(parts) > 1 and head == "optimizer":
        _check_known(parts[1], list(OptimizerConfig.model_fields), key)
    if len(parts) > 1 and head == "regularizers":
        _check_known(parts[1], registry.names("regularizers"), ".".join(parts[:2]))
    return parts


def _depth(head: str) -> int:
    """Return how many parts a key that starts with ``head`` has at most."""
    if head == "regularizers":
        return 3
    return 2 if head in ("optimizer", *SECTIONS) else 1


def _check_known(name: str, known: list[str], key: str) -> None:
    if name not in known:
        raise SpecError(f"unknown key; {did_you_mean(name, known)}", key=key)


def _suggest(key: str) -> str:
    """Return a hint: ``lr`` -> ``optimizer.lr``, ``ranksim.gamma`` -> its regularizer's key."""
    head, _, rest = str(key).partition(".")
    known = sorted(TrialConfig.model_fields)
    listed = f"(known: {', '.join(known)})"
    if not rest and head in OptimizerConfig.model_fields:
        return f"did you mean 'optimizer.{head}'? {listed}"
    if head in registry.names("regularizers"):
        return f"did you mean 'regularizers.{key}'? {listed}"
    for room in SECTIONS:
        if head in registry.names(room):
            return f"did you mean '{room}.{rest or 'name'}'? {listed}"
    return did_you_mean(head, known)


# ---- a base, normalized


def normalize_base(base: Any) -> PlainData:
    """Write a base as nested mappings.

    Args:
        base: what the file says.

    Returns:
        Sections with their ``name``, regularizers that are on with their parameters.

    Raises:
        SpecError: not a mapping, an unknown key, or a section of the wrong type.
    """
    if not isinstance(base, Mapping):
        raise SpecError(f"expected a mapping, got {format_value(base)}")
    plain: PlainData = {}
    for key, value in base.items():
        check_key(key)
        if key in SECTIONS and value is None:
            continue  # the default, as if the key were absent
        plain[key] = _normalized(key, value)
    return plain


def _normalized(key: str, value: Any) -> Any:
    if key in SECTIONS:
        return _normalize_section(key, value)
    if key == "regularizers":
        with errors_under(key):
            return _normalize_regularizers(value)
    if key != "optimizer":
        return copy.deepcopy(value)
    if value is not None and not isinstance(value, Mapping):
        raise SpecError(f"expected a mapping, got {format_value(value)}", key=key)
    return dict(value or {})


def _normalize_section(key: str, value: Any) -> PlainData:
    if isinstance(value, str):
        return {"name": value}
    if isinstance(value, Mapping) and isinstance(value.get("name"), str):
        return dict(value)
    got, known = format_value(value), _names(key)
    what = f"expected a name or a mapping with 'name', got {got} (known: {known})"
    raise SpecError(what, key=key)


def _normalize_regularizers(value: Any) -> PlainData:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        what = f"expected a mapping from names to parameters, got {format_value(value)}"
        raise SpecError(what)
    found: PlainData = {}
    for name, params in value.items():
        _check_known(name, registry.names("regularizers"), name)
        with errors_under(name):
            given = regularizer_value(params, None)
        if given is not None:
            found[name] = given
    return found


def regularizer_value(value: Any, present: Mapping[str, Any] | None) -> PlainData | None:
    """Read a regularizer's parameters.

    Args:
        value: what YAML says.
        present: its parameters in the base; None where it is off there.

    Returns:
        Its parameters; None where it is off.

    Raises:
        SpecError: neither parameters nor a word for on or off.
    """
    if isinstance(value, Mapping):
        return dict(value)
    if is_off(value):
        return None
    if value is True or value == "on":
        return dict(present or {})
    if value == "default":
        return {}
    raise SpecError(
        "expected a mapping of parameters, 'default', true, or null for off, "
        f"got {format_value(value)}"
    )


# ---- overrides


def with_overrides(base: Mapping[str, Any], overrides: Mapping[str, Any]) -> PlainData:
    """Apply overrides to a base, whatever their order.

    Args:
        base: normalized; it is left as it is.
        overrides: dotted key -> value.

    Returns:
        The changed base, normalized.

    Raises:
        SpecError: an unknown key, or a parameter of a regularizer that the same point switches off.
    """
    raw: PlainData = copy.deepcopy(dict(base))
    # whole sections before names before parameters: {loss.beta: 2, loss.name: huber} means huber
    # with beta 2
    for key in sorted(overrides, key=lambda key: (key.count("."), not key.endswith(".name"))):
        _put(raw, key, overrides[key], overrides)
    return raw


def _put(raw: PlainData, key: str, value: Any, overrides: Mapping[str, Any]) -> None:
    head, *rest = check_key(key)
    if head == "regularizers" and rest:
        _put_regularizer(raw.setdefault("regularizers", {}), key, rest, value, overrides)
    elif not rest:
        raw.pop(head, None)
        raw.update(normalize_base({head: value}))
    elif head == "optimizer":
        raw.setdefault("optimizer", {})[rest[0]] = copy.deepcopy(value)
    elif rest[0] == "name":
        _put_name(raw, head, value)
    else:
        section = raw.setdefault(head, {"name": section_name(raw, head)})
        section[rest[0]] = copy.deepcopy(value)


def _put_name(raw: PlainData, section: str, value: Any) -> None:
    if not isinstance(value, str):
        what = f"expected a name, got {format_value(value)} (known: {_names(section)})"
        raise SpecError(what, key=f"{section}.name")
    if section_name(raw, section) != value:
        raw[section] = {"name": value}


def _put_regularizer(
    present: PlainData, key: str, rest: list[str], value: Any, overrides: Mapping[str, Any]
) -> None:
    name = rest[0]
    if len(rest) == 2:
        switch = f"regularizers.{name}"
        if switch in overrides and is_off(overrides[switch]):
            raise SpecError(f"set although the same point switches '{name}' off", key=key)
        present.setdefault(name, {})[rest[1]] = copy.deepcopy(value)
        return
    with errors_under(key):
        params = regularizer_value(value, present.get(name))
    present.pop(name, None)
    if params is not None:
        present[name] = copy.deepcopy(params)


# ---- values of a normalized base


def section_name(raw: Mapping[str, Any], section: str) -> str | None:
    """Return a section's name, its default where it is absent; None for an absent backbone."""
    given = raw.get(section)
    return str(given["name"]) if given else TrialConfig.SECTIONS.get(section)


def config_class_of(raw: Mapping[str, Any], parts: tuple[str, ...]) -> type[BaseModel] | None:
    """Find the config class that holds a parameter.

    Args:
        raw: a normalized base.
        parts: of the parameter's dotted key.

    Returns:
        ``TrialConfig`` for a plain key; None where the base names no known technique.
    """
    head = parts[0]
    if head == "optimizer":
        return OptimizerConfig
    if head == "regularizers":
        return registry.config_class("regularizers", parts[1])
    if head in SECTIONS:
        name = section_name(raw, head)
        return registry.config_class(head, name) if name in registry.names(head) else None
    return TrialConfig


def value_at(raw: Mapping[str, Any], key: str) -> Any:
    """Look up a dotted key in a normalized base, defaults included.

    Args:
        raw: a normalized base.
        key: of a trial.

    Returns:
        True or False for a regularizer's own key (on or off), the name for a section's.
        ``MISSING`` where the present choice has no such parameter, or the regularizer is off.
    """
    parts = check_key(key)
    head = parts[0]
    if head == "regularizers" and len(parts) > 1:
        params = raw.get("regularizers", {}).get(parts[1])
        if len(parts) == 2:
            return params is not None
        if params is None:
            return MISSING
        return _given_or_default(params, config_class_of(raw, parts), parts[2])
    if head in SECTIONS:
        if len(parts) == 1 or parts[1] == "name":
            return section_name(raw, head)
        return _given_or_default(raw.get(head, {}), config_class_of(raw, parts), parts[1])
    if head == "optimizer" and len(parts) == 2:
        return _given_or_default(raw.get("optimizer", {}), OptimizerConfig, parts[1])
    return _given_or_default(raw, TrialConfig, head)


def _given_or_default(params: Mapping[str, Any], cls: type[BaseModel] | None, key: str) -> Any:
    fields = yaml_fields(cls) if cls is not None else {}
    if cls is None or key not in fields:
        return MISSING
    if key in params:
        return params[key]
    field = fields[key]
    default = MISSING if field.is_required() else field.get_default(call_default_factory=True)
    if issubclass(cls, NamedConfig):
        # a default may follow from other parameters (RankSim's gamma from its penalty)
        given = {name: value for name, value in params.items() if name != "name"}
        name = next(name for name, other in cls.model_fields.items() if other is field)
        with suppress(SpecError):  # reported when the point itself is built
            default = getattr(validate_model(cls, given), name)
    return list(default) if isinstance(default, tuple) else default


# ---- validated configurations


def build_section(room: str, value: Mapping[str, Any], key: str = "") -> NamedConfig:
    """Build a validated config of a room.

    Args:
        room: of the registry.
        value: ``{"name": ..., parameters}``.
        key: where ``value`` is, for messages.

    Raises:
        SpecError: an unknown name or a wrong parameter; its key is below ``key``.
    """
    with errors_under(key):
        try:
            cls = registry.config_class(room, str(value["name"]))
        except RegistryError as error:
            raise SpecError(str(error), key="name") from None
        return validate_model(cls, {name: item for name, item in value.items() if name != "name"})


def build_config(raw: Mapping[str, Any]) -> TrialConfig:
    """Build a validated configuration from a normalized base.

    Raises:
        SpecError: its key is relative to the base.
    """
    parts: PlainData = dict(raw)
    for section in SECTIONS:
        if section in raw:
            parts[section] = build_section(section, raw[section], section)
    if "backbone" not in raw:
        raise SpecError(f"missing (known: {_names('backbone')})", key="backbone")
    parts["regularizers"] = {
        name: build_section("regularizers", {**params, "name": name}, f"regularizers.{name}")
        for name, params in raw.get("regularizers", {}).items()
    }
    with errors_under("optimizer"):
        parts["optimizer"] = validate_model(OptimizerConfig, raw.get("optimizer", {}))
    try:
        return TrialConfig.model_validate(parts)
    except ValidationError as error:
        raise explain(error, TrialConfig, parts) from None


def _names(room: str) -> str:
    return ", ".join(registry.names(room))
