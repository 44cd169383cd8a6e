"""What pydantic found, said in one line that names the YAML key, the rule and the value
received.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from dirsweep.errors import SpecError, did_you_mean

M = TypeVar("M", bound=BaseModel)

_EXPECTED = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "none_required": "null",
    "is_instance_of": "another kind of value",
    "path_type": "a path",
}
_RULES: dict[str, Callable[[dict[str, Any]], str]] = {
    "greater_than": lambda ctx: f"must be > {ctx['gt']:g}",
    "greater_than_equal": lambda ctx: f"must be >= {ctx['ge']:g}",
    "less_than": lambda ctx: f"must be < {ctx['lt']:g}",
    "less_than_equal": lambda ctx: f"must be <= {ctx['le']:g}",
    "multiple_of": lambda ctx: f"must be a multiple of {ctx['multiple_of']:g}",
    "finite_number": lambda ctx: "must be finite",
    "too_short": lambda ctx: f"needs at least {ctx['min_length']} value(s)",
    "too_long": lambda ctx: f"takes at most {ctx['max_length']} value(s)",
    "string_too_short": lambda ctx: "must not be empty",
    "value_error": lambda ctx: str(ctx["error"]),
    "assertion_error": lambda ctx: str(ctx["error"]),
}


def format_value(value: Any) -> str:
    """A value as it would stand in YAML, cut where it is long."""
    text = f"'{value}'" if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= 80 else text[:76] + " ..."


def yaml_key(name: str, field: FieldInfo) -> str:
    """The key under which a field stands in YAML."""
    return field.alias or name


def yaml_fields(cls: type[BaseModel]) -> dict[str, FieldInfo]:
    """The keys of a config class as YAML spells them (``lambda``, not ``interp_lambda``), in their
    order.
    """
    return {yaml_key(name, field): field for name, field in cls.model_fields.items()}


def validate_model(cls: type[M], value: Any) -> M:
    """``value`` as a validated ``cls``. Raises: SpecError: the first thing wrong; its key is
    relative to it.
    """
    if isinstance(value, cls):
        return value
    if not isinstance(value, Mapping):
        raise SpecError(
            f"expected a mapping, got {format_value(value)} (known: {', '.join(sorted(yaml_fields(cls)))})"
        )
    for name, field in cls.model_fields.items():
        key = yaml_key(name, field)
        if key != name and name in value:
            # two spellings of one key would let one of them be ignored
            raise SpecError(f"unknown key; did you mean '{key}'? (known: {_known(cls)})", key=name)
    try:
        return cls.model_validate(dict(value))
    except ValidationError as error:
        raise explain(error, cls, value) from None


def _known(cls: type[BaseModel]) -> str:
    return ", ".join(sorted(yaml_fields(cls)))


def explain(error: ValidationError, cls: type[BaseModel], value: Any) -> SpecError:
    """The first problem as a SpecError; alternatives of a union are one problem, unknown keys come
    first.
    """
    problems: dict[tuple[str, ...], list[Any]] = {}
    for detail in error.errors(include_url=False):
        problems.setdefault(_path(detail["loc"], value), []).append(detail)
    # a misspelt key also makes the right one missing: the misspelling is what to say
    path = min(problems, key=lambda path: problems[path][0]["type"] != "extra_forbidden")
    more = len(problems) - 1
    what = _one_line(problems[path], path, cls) + (f" (and {more} more)" if more else "")
    return SpecError(what, key=".".join(path))


def _path(loc: tuple[int | str, ...], value: Any) -> tuple[str, ...]:
    """The part of a location that exists in the input; the rest names the alternatives of a
    union.
    """
    path: list[str] = []
    for part in loc:
        if isinstance(value, Mapping):
            path.append(str(part))
            if part not in value:
                break
            value = value[part]
        elif isinstance(value, (list, tuple)) and isinstance(part, int):
            path.append(str(part))
            if part >= len(value):
                break
            value = value[part]
        else:
            break
    return tuple(path)


def _one_line(details: list[Any], path: tuple[str, ...], cls: type[BaseModel]) -> str:
    kinds = {detail["type"] for detail in details}
    if "extra_forbidden" in kinds:
        known = yaml_fields(_model_at(cls, path[:-1]))
        return (
            f"unknown key; {did_you_mean(path[-1], known)}"
            if known
            else "unknown key; there are none to set here"
        )
    if kinds == {"missing"}:
        return "missing"
    # one alternative that got as far as a range says more than those that failed on the type
    rules = list(
        dict.fromkeys(_RULES[d["type"]](d.get("ctx", {})) for d in details if d["type"] in _RULES)
    )
    got = format_value(details[0]["input"])
    if rules:
        own_words = any(detail["type"] in {"value_error", "assertion_error"} for detail in details)
        return " or ".join(rules) if own_words else f"{' or '.join(rules)}, got {got}"
    expected = list(dict.fromkeys(_expected(detail) for detail in details))
    (kind, *others), value = (detail["type"] for detail in details), details[0]["input"]
    if kind == "literal_error" and not others and isinstance(value, str):
        choices = [
            name.strip("' ")
            for name in details[0]["ctx"]["expected"].replace(" or ", ", ").split(", ")
        ]
        return f"unknown value {got}; {did_you_mean(value, choices)}"
    return f"expected {' or '.join(expected)}, got {got}"


def _expected(detail: Any) -> str:
    if detail["type"] == "literal_error":
        return str(detail["ctx"]["expected"])
    return _EXPECTED.get(detail["type"], str(detail["msg"]))


def _model_at(cls: type[BaseModel], path: tuple[str, ...]) -> type[BaseModel]:
    for part in path:
        field = yaml_fields(cls).get(part)
        if field is None or not (
            isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
        ):
            break
        cls = field.annotation
    return cls
