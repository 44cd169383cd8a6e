"""Overrides of a base, dotted or nested, and the validated ``TrialConfig`` that they give.

Rules (each also holds for ``--set base.<key>=<value>``):

- A nested mapping means its dotted keys: ``optimizer: {lr: 0.1}`` is ``optimizer.lr: 0.1``, and
  what it leaves out stays as the base has it.
- Another name replaces a section: parameters of the former choice are dropped, unless the same
  point sets them. The name it has already changes nothing. ``optimizer.name`` alone keeps the other
  settings, which all optimizers share; ``optimizer: {name: sgd, ...}`` replaces them.
- ``!replace {...}`` replaces a section although its name stays: what it leaves out is default.
- ``regularizers.x.param`` switches ``x`` on, with defaults for the rest.
- ``regularizers.x``: ``null``, ``false``, ``off`` switch it off; ``default`` switches it on with
  its defaults; ``true``, ``on`` switch it on as the base has it (with defaults where the base has
  it off).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from pydantic import BaseModel, ValidationError

from dirsweep import registry
from dirsweep.config.benchmark_defaults import MARK, filled_in
from dirsweep.config.error_text import (
    errors_under,
    explain,
    format_value,
    validate_model,
    yaml_fields,
)
from dirsweep.config.model import PlainData
from dirsweep.config.optimization import OptimizerConfig
from dirsweep.config.trial import NamedConfig, TrialConfig
from dirsweep.config.trial_keys import SECTIONS, check_key, check_known, is_off
from dirsweep.config.yaml_text import REPLACE
from dirsweep.errors import RegistryError, SpecError

#: the value of a parameter that the present choice does not have
MISSING: Any = object()


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
        check_known(name, registry.names("regularizers"), name)
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
    if is_replacement(value):
        return dict(value[REPLACE])
    if isinstance(value, Mapping):
        return {**(present or {}), **value}
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


def is_replacement(value: Any) -> bool:
    """Return whether a value was written as ``!replace {...}``."""
    return (
        isinstance(value, Mapping)
        and list(value) == [REPLACE]
        and isinstance(value[REPLACE], Mapping)
    )


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
        _put(raw, key, copy.deepcopy(overrides[key]), overrides)
    return raw


def _put(raw: PlainData, key: str, value: Any, overrides: Mapping[str, Any]) -> None:
    head, *rest = check_key(key)
    if head == "regularizers":
        _put_regularizers(raw, key, rest, value, overrides)
    elif head not in ("optimizer", *SECTIONS):
        raw[head] = {rest[0]: value} if rest else value
    elif not rest:
        _put_section(raw, head, value)
    elif head == "optimizer":
        raw.setdefault("optimizer", {})[rest[0]] = value
    elif rest[0] == "name":
        _put_name(raw, head, value)
    else:
        section = raw.setdefault(head, {"name": section_name(raw, head)})
        section[rest[0]] = value


def _put_section(raw: PlainData, section: str, value: Any) -> None:
    """Merge a mapping into a section, or replace it where another name is written."""
    name = section_name(raw, section)
    if is_replacement(value):
        raw.pop(section, None)
        value = {"name": name, **value[REPLACE]} if name is not None else value[REPLACE]
    if value is None:
        raw.pop(section, None)
    elif isinstance(value, str) and section != "optimizer":
        _put_name(raw, section, value)
    elif isinstance(value, Mapping) and value and value.get("name", name) == name is not None:
        raw[section] = {**raw.get(section, {"name": name}), **value}
    elif value == {}:
        raise SpecError("an empty mapping changes nothing; null sets the default", key=section)
    else:
        raw |= normalize_base({section: value})


def _put_name(raw: PlainData, section: str, value: Any) -> None:
    if not isinstance(value, str):
        what = f"expected a name, got {format_value(value)} (known: {_names(section)})"
        raise SpecError(what, key=f"{section}.name")
    if section_name(raw, section) != value:
        raw[section] = {"name": value}


def _put_regularizers(
    raw: PlainData, key: str, rest: list[str], value: Any, overrides: Mapping[str, Any]
) -> None:
    present = raw.setdefault("regularizers", {})
    if rest:
        _put_regularizer(present, key, rest, value, overrides)
    elif is_replacement(value) or not isinstance(value, Mapping):
        given = value[REPLACE] if is_replacement(value) else value
        raw |= normalize_base({"regularizers": given})
    elif not value:
        raise SpecError("an empty mapping changes nothing; null switches all off", key=key)
    else:
        for name, params in value.items():
            check_key(f"{key}.{name}")
            _put_regularizer(present, f"{key}.{name}", [name], params, {})


def _put_regularizer(
    present: PlainData, key: str, rest: list[str], value: Any, overrides: Mapping[str, Any]
) -> None:
    name = rest[0]
    if len(rest) == 2:
        switch = f"regularizers.{name}"
        if switch in overrides and is_off(overrides[switch]):
            raise SpecError(f"set although the same point switches '{name}' off", key=key)
        present.setdefault(name, {})[rest[1]] = value
        return
    with errors_under(key):
        params = regularizer_value(value, present.get(name))
    present.pop(name, None)
    if params is not None:
        present[name] = params


# ---- values of a normalized base


def section_name(raw: Mapping[str, Any], section: str) -> str | None:
    """Return a section's name, its default where it is absent; None for an absent backbone."""
    given = raw.get(section) or {}
    if section == "optimizer":
        return str(given.get("name", OptimizerConfig.model_fields["name"].default))
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
        filled = filled_in(raw, head, parts[1], params)
        return _given_or_default(filled, config_class_of(raw, parts), parts[2])
    if head in SECTIONS:
        if len(parts) == 1 or parts[1] == "name":
            return section_name(raw, head)
        filled = filled_in(raw, head, section_name(raw, head), raw.get(head, {}))
        return _given_or_default(filled, config_class_of(raw, parts), parts[1])
    if head == "optimizer" and len(parts) == 2:
        return _given_or_default(raw.get("optimizer", {}), OptimizerConfig, parts[1])
    found = _given_or_default(raw, TrialConfig, head)
    if len(parts) == 1:
        return found
    return found.get(parts[1], MISSING) if isinstance(found, Mapping) else MISSING


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
    parts: PlainData = {key: value for key, value in raw.items() if key != MARK}
    for section in SECTIONS:
        if section in raw:
            filled = filled_in(raw, section, section_name(raw, section), raw[section])
            parts[section] = build_section(section, filled, section)
    if "backbone" not in raw:
        raise SpecError(f"missing (known: {_names('backbone')})", key="backbone")
    parts["regularizers"] = {
        name: _build_regularizer(raw, name, params)
        for name, params in raw.get("regularizers", {}).items()
    }
    with errors_under("optimizer"):
        parts["optimizer"] = validate_model(OptimizerConfig, raw.get("optimizer", {}))
    try:
        return TrialConfig.model_validate(parts)
    except ValidationError as error:
        raise explain(error, TrialConfig, parts) from None


def _build_regularizer(raw: Mapping[str, Any], name: str, params: Mapping[str, Any]) -> NamedConfig:
    filled = filled_in(raw, "regularizers", name, params)
    return build_section("regularizers", {**filled, "name": name}, f"regularizers.{name}")


def _names(room: str) -> str:
    return ", ".join(registry.names(room))
