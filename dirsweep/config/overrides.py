"""A base and dotted overrides -> one validated ``TrialConfig``.

Rules (each also holds for ``--set base.<key>=<value>``):

- ``<section>.name`` (and ``<section>: name``) replaces a section: parameters of the former choice
  go, unless the same point sets them anew. Setting the name it has already changes nothing.
- ``regularizers.x.param`` switches ``x`` on, with defaults for the rest.
- ``regularizers.x``: ``null``, ``false``, ``off`` switch it off; ``default`` switches it on with
  its defaults; ``true``, ``on`` switch it on as the base has it (defaults where the base has it
  off); a mapping replaces it.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from pydantic import BaseModel, ValidationError

from dirsweep import registry
from dirsweep.config.error_text import errors_under, explain, format_value, validate_model, yaml_key
from dirsweep.config.model import PlainData
from dirsweep.config.trial import NamedConfig, OptimizerConfig, TrialConfig
from dirsweep.errors import RegistryError, SpecError, did_you_mean

#: parts of a trial that are chosen by name
SECTIONS = ("backbone", *TrialConfig.SECTIONS)
#: what a parameter is that the present choice does not have
MISSING: Any = object()


def is_off(value: Any) -> bool:
    """Whether a regularizer's value in YAML switches it off."""
    return value is None or value is False or value == "off" or value == "none"


def is_switch(key: str) -> bool:
    """Whether a dotted key is a regularizer as a whole (``regularizers.conr``): on or off."""
    return key.startswith("regularizers.") and key.count(".") == 1


def regularizer_value(value: Any, present: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A regularizer's parameters from what YAML says; None when off. ``present`` is what the base
    has (None: off).
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
        f"expected a mapping of parameters, 'default', true, or null for off, got {format_value(value)}"
    )


def normalize_base(base: Any) -> dict[str, Any]:
    """A base as nested mappings: sections with their ``name``, regularizers that are on with their
    parameters.

    Raises: SpecError: not a mapping, an unknown key, a section or regularizer of the wrong type.
    """
    if not isinstance(base, Mapping):
        raise SpecError(f"expected a mapping, got {format_value(base)}")
    plain: dict[str, Any] = {}
    for key, value in base.items():
        check_key(key)
        if key in SECTIONS:
            if value is not None:  # null: the default, as if the key were absent
                plain[key] = _section(key, value)
        elif key == "regularizers":
            plain[key] = _regularizers(value)
        elif key == "optimizer":
            if value is not None and not isinstance(value, Mapping):
                raise SpecError(f"expected a mapping, got {format_value(value)}", key=key)
            plain[key] = dict(value or {})
        else:
            plain[key] = copy.deepcopy(value)
    return plain


def _section(key: str, value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        return {"name": value}
    if isinstance(value, Mapping) and isinstance(value.get("name"), str):
        return dict(value)
    raise SpecError(
        f"expected a name or a mapping with 'name', got {format_value(value)} (known: {', '.join(registry.names(key))})",
        key=key,
    )


def _regularizers(value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise SpecError(
            f"expected a mapping from names to parameters, got {format_value(value)}",
            key="regularizers",
        )
    found: dict[str, Any] = {}
    for name, params in value.items():
        check_key(f"regularizers.{name}")
        try:
            found[name] = regularizer_value(params, None)
        except SpecError as error:
            raise error.at(prefix=f"regularizers.{name}") from None
    return {name: params for name, params in found.items() if params is not None}


def check_key(key: str) -> tuple[str, ...]:
    """The parts of a dotted key of a trial.

    Raises: SpecError: no trial has such a key. Parameters of techniques are checked when a point is
        built, because which of them exist depends on the technique that the point chooses.
    """
    parts = tuple(str(key).split("."))
    if parts[0] not in TrialConfig.model_fields:
        raise SpecError(f"unknown key; {_suggest(key)}", key=key)
    deepest = 3 if parts[0] == "regularizers" else 2 if parts[0] in (*SECTIONS, "optimizer") else 1
    if len(parts) > deepest:
        raise SpecError(f"unknown key; '{'.'.join(parts[:deepest])}' has no keys below it", key=key)
    if parts[0] == "optimizer" and len(parts) == 2 and parts[1] not in OptimizerConfig.model_fields:
        raise SpecError(
            f"unknown key; {did_you_mean(parts[1], OptimizerConfig.model_fields)}", key=key
        )
    if (
        parts[0] == "regularizers"
        and len(parts) > 1
        and parts[1] not in registry.names("regularizers")
    ):
        what = f"unknown key; {did_you_mean(parts[1], registry.names('regularizers'))}"
        raise SpecError(what, key=".".join(parts[:2]))
    return parts


def _suggest(key: str) -> str:
    """``lr`` -> ``optimizer.lr``, ``ranksim.gamma`` -> ``regularizers.ranksim.gamma``, else the
    closest first part.
    """
    head, _, rest = str(key).partition(".")
    known = sorted(TrialConfig.model_fields)
    listed = f"(known: {', '.join(known)})"
    if not rest and head in OptimizerConfig.model_fields:
        return f"did you mean 'optimizer.{head}'? {listed}"
    for room in ("regularizers", *SECTIONS):
        if head in registry.names(room):
            meant = (
                f"regularizers.{key}"
                if room == "regularizers"
                else f"{room}.{rest}"
                if rest
                else f"{room}.name"
            )
            return f"did you mean '{meant}'? {listed}"
    return did_you_mean(head, known)


def with_overrides(base: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """The normalized base with dotted overrides put in, whatever their order; ``base`` is left as
    it is.

    Raises: SpecError: an unknown key, or a point that sets a parameter of a regularizer that it
        switches off.
    """
    raw: dict[str, Any] = copy.deepcopy(dict(base))
    # whole sections before names before parameters: {loss.beta: 2, loss.name: huber} means huber
    # with beta 2
    for key in sorted(overrides, key=lambda key: (key.count("."), not key.endswith(".name"))):
        _put(raw, key, overrides[key], overrides)
    return raw


def _put(raw: dict[str, Any], key: str, value: Any, overrides: Mapping[str, Any]) -> None:
    head, *rest = check_key(key)
    if head == "regularizers" and rest:
        _put_regularizer(raw.setdefault("regularizers", {}), key, rest, value, overrides)
    elif not rest:
        raw.pop(head, None)
        raw.update(normalize_base({head: value}))
    elif head == "optimizer":
        raw.setdefault("optimizer", {})[rest[0]] = copy.deepcopy(value)
    elif rest[0] == "name":
        if not isinstance(value, str):
            raise SpecError(
                f"expected a name, got {format_value(value)} (known: {', '.join(registry.names(head))})",
                key=key,
            )
        if section_name(raw, head) != value:
            raw[head] = {"name": value}
    else:
        raw.setdefault(head, {"name": section_name(raw, head)})[rest[0]] = copy.deepcopy(value)


def _put_regularizer(
    present: dict[str, Any], key: str, rest: list[str], value: Any, overrides: Mapping[str, Any]
) -> None:
    name = rest[0]
    if len(rest) == 2:
        switch = f"regularizers.{name}"
        if switch in overrides and is_off(overrides[switch]):
            raise SpecError(f"set although the same point switches '{name}' off", key=key)
        present.setdefault(name, {})[rest[1]] = copy.deepcopy(value)
        return
    try:
        params = regularizer_value(value, present.get(name))
    except SpecError as error:
        raise error.at(prefix=key) from None
    present.pop(name, None)
    if params is not None:
        present[name] = copy.deepcopy(params)


def section_name(raw: Mapping[str, Any], section: str) -> str | None:
    """A section's name in a normalized base, its default where it is left out; None for a backbone
    left out.
    """
    given = raw.get(section)
    return str(given["name"]) if given else TrialConfig.SECTIONS.get(section)


def config_class_of(raw: Mapping[str, Any], parts: tuple[str, ...]) -> type[BaseModel] | None:
    """The config class that holds the parameter ``parts`` in a normalized base; None for a plain
    key of the trial.
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
    """What a dotted key is in a normalized base, defaults included.

    A regularizer's own key gives True or False (on or off), a section's its name. ``MISSING`` where
    the present choice has no such parameter, or the regularizer is off.
    """
    parts = check_key(key)
    head = parts[0]
    if head == "regularizers" and len(parts) > 1:
        params = raw.get("regularizers", {}).get(parts[1])
        if len(parts) == 2:
            return params is not None
        return (
            MISSING
            if params is None
            else _given_or_default(params, config_class_of(raw, parts), parts[2])
        )
    if head in SECTIONS:
        if len(parts) == 1 or parts[1] == "name":
            return section_name(raw, head)
        return _given_or_default(raw.get(head, {}), config_class_of(raw, parts), parts[1])
    if head == "optimizer" and len(parts) == 2:
        return _given_or_default(raw.get("optimizer", {}), OptimizerConfig, parts[1])
    return _given_or_default(raw, TrialConfig, head)


def _given_or_default(params: Mapping[str, Any], cls: type[BaseModel] | None, key: str) -> Any:
    name = (
        next(
            (name for name, field in cls.model_fields.items() if yaml_key(name, field) == key), None
        )
        if cls
        else None
    )
    if cls is None or name is None:
        return MISSING
    if key in params:
        return params[key]
    field = cls.model_fields[name]
    default = MISSING if field.is_required() else field.get_default(call_default_factory=True)
    if issubclass(cls, NamedConfig):
        # a default may follow from other parameters (RankSim's gamma from its penalty)
        with suppress(SpecError):  # said when the point itself is built
            default = getattr(
                validate_model(cls, {k: v for k, v in params.items() if k != "name"}), name
            )
    return list(default) if isinstance(default, tuple) else default


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
