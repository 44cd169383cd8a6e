"""Validation errors as one line that names the YAML key, the rule and the value received."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from dirsweep.config.model import DescribedBy, WrittenAs
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
    "greater_than": lambda ctx: f"must be > {format_number(ctx['gt'])}",
    "greater_than_equal": lambda ctx: f"must be >= {format_number(ctx['ge'])}",
    "less_than": lambda ctx: f"must be < {format_number(ctx['lt'])}",
    "less_than_equal": lambda ctx: f"must be <= {format_number(ctx['le'])}",
    "multiple_of": lambda ctx: f"must be a multiple of {format_number(ctx['multiple_of'])}",
    "finite_number": lambda ctx: "must be finite",
    "too_short": lambda ctx: f"needs at least {ctx['min_length']} value(s)",
    "too_long": lambda ctx: f"takes at most {ctx['max_length']} value(s)",
    "string_too_short": lambda ctx: "must not be empty",
    "value_error": lambda ctx: _own_words(ctx["error"]),
    "assertion_error": lambda ctx: _own_words(ctx["error"]),
}
#: errors whose text is complete: it names the value where that helps
_COMPLETE = {"value_error", "assertion_error"}


def format_value(value: Any) -> str:
    """Return a value as YAML would write it, cut at 80 characters."""
    text = f"'{value}'" if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= 80 else text[:76] + " ..."


def format_number(value: float) -> str:
    """Return a number as a message writes it."""
    return str(value) if isinstance(value, int) else f"{value:g}"


def _own_words(error: Exception) -> str:
    return error.what if isinstance(error, SpecError) else str(error)


# ---- the fields of a model as YAML spells them


def yaml_key(name: str, field: FieldInfo) -> str:
    """Return the key of a field in YAML (``lambda``, not ``interp_lambda``)."""
    return field.alias or name


def yaml_fields(cls: type[BaseModel]) -> dict[str, FieldInfo]:
    """Return the fields of a config class by their keys in YAML, in their order."""
    return {yaml_key(name, field): field for name, field in cls.model_fields.items()}


def section_model(annotation: Any, metadata: Iterable[Any] = ()) -> type[BaseModel] | None:
    """Find the model that describes a field's value in YAML; None for a plain value."""
    for item in metadata:
        if isinstance(item, WrittenAs | DescribedBy):
            return item.section
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inner = get_args(annotation)
    if get_origin(annotation) is Annotated:
        return section_model(inner[0], inner[1:])
    found = (section_model(item) for item in inner)
    return next((model for model in found if model is not None), None)


# ---- checks


@contextmanager
def errors_under(key: str) -> Iterator[None]:
    """Prefix the keys of errors raised inside.

    Raises:
        SpecError: the one raised inside, its key below ``key``.
    """
    try:
        yield
    except SpecError as error:
        raise error.at(prefix=key) from None


def refuse_unknown_keys(
    value: Mapping[str, Any],
    known: Iterable[str],
    suggest: Callable[[str], str] = lambda key: "",
) -> None:
    """Refuse keys that are not known.

    Args:
        value: a section of a sweep file.
        known: its keys.
        suggest: key -> a hint of its own; empty for the closest known key.

    Raises:
        SpecError: the first unknown key.
    """
    known = tuple(known)
    for key in value:
        if key not in known:
            hint = suggest(key) or did_you_mean(str(key), known)
            raise SpecError(f"unknown key; {hint}", key=str(key))


def validate_model(cls: type[M], value: Any, context: Any = None) -> M:
    """Validate a section.

    Args:
        cls: the section's model.
        value: its plain data; an instance of ``cls`` is returned as it is.
        context: passed to the model's validators.

    Returns:
        An instance of ``cls``.

    Raises:
        SpecError: the first problem; its key is relative to the section.
    """
    if isinstance(value, cls):
        return value
    if isinstance(value, Mapping):
        value = dict(value)
        _refuse_field_names(cls, value)
    try:
        return cls.model_validate(value, context=context)
    except ValidationError as error:
        raise explain(error, cls, value) from None


def _refuse_field_names(cls: type[BaseModel], value: Mapping[str, Any]) -> None:
    """Refuse the Python name of a field that has another in YAML: one of two would be ignored."""
    for name, field in cls.model_fields.items():
        key = yaml_key(name, field)
        if key != name and name in value:
            raise SpecError(f"unknown key; did you mean '{key}'? (known: {_known(cls)})", key=name)


def _known(cls: type[BaseModel]) -> str:
    return ", ".join(sorted(yaml_fields(cls)))


# ---- pydantic's errors


def explain(error: ValidationError, cls: type[BaseModel], value: Any) -> SpecError:
    """Turn pydantic's errors into one line about the first problem.

    The alternatives of a union are one problem. Unknown keys come first, because a misspelt key
    also makes the right one missing.

    Args:
        error: what pydantic raised.
        cls: the model that was validated.
        value: what was validated.

    Returns:
        An error whose key is relative to ``value``.
    """
    problems: dict[tuple[str, ...], list[ErrorDetails]] = {}
    for detail in error.errors(include_url=False):
        problems.setdefault(_path_of(detail, value), []).append(detail)
    path = min(problems, key=lambda path: problems[path][0]["type"] != "extra_forbidden")
    more = len(problems) - 1
    what = _one_line(problems[path], path, cls) + (f" (and {more} more)" if more else "")
    return SpecError(what, key=".".join(path))


def _path_of(detail: ErrorDetails, value: Any) -> tuple[str, ...]:
    path = _existing_path(detail["loc"], value)
    cause = detail.get("ctx", {}).get("error")
    own = cause.key if isinstance(cause, SpecError) else ""
    return (*path, own) if own else path


def _existing_path(loc: tuple[int | str, ...], value: Any) -> tuple[str, ...]:
    """Cut a location where the input ends; what follows names the alternatives of a union."""
    path: list[str] = []
    for part in loc:
        if isinstance(value, Mapping):
            path.append(str(part))
            if part not in value:
                break
            value = value[part]
        elif isinstance(value, list | tuple) and isinstance(part, int):
            path.append(str(part))
            if part >= len(value):
                break
            value = value[part]
        else:
            break
    return tuple(path)


def _one_line(details: list[ErrorDetails], path: tuple[str, ...], cls: type[BaseModel]) -> str:
    kinds = {detail["type"] for detail in details}
    if "extra_forbidden" in kinds:
        return _unknown_key(path, cls)
    if kinds == {"missing"}:
        return "missing"
    # one alternative that got as far as a range says more than those that failed on the type
    rules = [
        _RULES[detail["type"]](detail.get("ctx", {}))
        for detail in details
        if detail["type"] in _RULES
    ]
    if rules:
        text = " or ".join(dict.fromkeys(rules))
        return text if kinds & _COMPLETE else f"{text}, got {format_value(details[0]['input'])}"
    return _wrong_type(details, path, cls)


def _unknown_key(path: tuple[str, ...], cls: type[BaseModel]) -> str:
    known = yaml_fields(_model_at(cls, path[:-1]))
    if not known:
        return "unknown key; there are none to set here"
    return f"unknown key; {did_you_mean(path[-1], known)}"


def _wrong_type(details: list[ErrorDetails], path: tuple[str, ...], cls: type[BaseModel]) -> str:
    first, got = details[0], format_value(details[0]["input"])
    if len(details) == 1 and first["type"] == "literal_error" and isinstance(first["input"], str):
        return f"unknown value {got}; {did_you_mean(first['input'], _choices(first))}"
    expected = " or ".join(dict.fromkeys(_expected(detail) for detail in details))
    known = f" (known: {_known(cls)})" if first["type"] == "model_type" and not path else ""
    return f"expected {expected}, got {got}{known}"


def _choices(detail: ErrorDetails) -> list[str]:
    """List the values of a literal, which pydantic writes as ``'a', 'b' or 'c'``."""
    listed: str = detail["ctx"]["expected"]
    return [name.strip("'") for name in listed.replace(" or ", ", ").split(", ")]


def _expected(detail: ErrorDetails) -> str:
    if detail["type"] == "literal_error":
        text = str(detail["ctx"]["expected"])
        return {"True": "true", "False": "false"}.get(text, text)
    return _EXPECTED.get(detail["type"], str(detail["msg"]))


def _model_at(cls: type[BaseModel], path: tuple[str, ...]) -> type[BaseModel]:
    for part in path:
        field = yaml_fields(cls).get(part)
        if field is None:
            continue  # the position in a list
        cls = section_model(field.annotation, field.metadata) or cls
    return cls
