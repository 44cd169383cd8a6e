"""Reference of every key of a sweep file, read from the models: type, default and meaning."""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Iterable, Iterator, Sequence
from types import NoneType
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from dirsweep import registry
from dirsweep.config.benchmark_defaults import MARK, defaults_of
from dirsweep.config.error_text import format_number, format_value, section_model, yaml_fields
from dirsweep.config.model import (
    Config,
    DefaultText,
    DescribedBy,
    DottedKeys,
    FileForm,
    FromRegistry,
)
from dirsweep.config.ranges import RANGE_TYPES, Range
from dirsweep.config.study import StudySpec
from dirsweep.config.sweep import SweepSpec
from dirsweep.config.trial import NamedConfig, TrialConfig
from dirsweep.errors import SpecError

_TYPE_NAMES: dict[Any, str] = {
    int: "whole number",
    float: "number",
    bool: "true or false",
    str: "text",
    NoneType: "null",
    Any: "any value",
}
#: the technique that a row is about
_CHOSEN = re.compile(r"\[([^\]]+)\]")
_PLACEHOLDERS = {
    r"^studies\.\*": "studies.NAME",
    r"\.space\.\*": ".space.KEY",
    r"\.sampler\.\*": ".sampler.ARGUMENT",
    r"\.\*": ".N",
}
_BOUNDS = (("gt", ">"), ("ge", ">="), ("lt", "<"), ("le", "<="))


class KeyRow(NamedTuple):
    """One key of a sweep file.

    Attributes:
        key: dotted; ``*`` stands for any name or position, ``[l1]`` for the chosen technique.
        type: of the value, in words.
        default: as YAML writes it; ``required`` where there is none, empty for a heading.
        meaning: its description, the bounds of its value and its default search range.
    """

    key: str
    type: str
    default: str
    meaning: str


def describe_keys() -> list[KeyRow]:
    """List every key of a sweep file, those of every technique included."""
    return list(section_rows(SweepSpec))


def typed_key(key: str) -> tuple[str, str]:
    """Write a row's key as it can be typed in a sweep file or after ``--set``.

    Args:
        key: of a ``KeyRow``.

    Returns:
        ``base.loss.beta`` and ``loss: huber`` for ``base.loss[huber].beta``; the second is the
        choice that has the key, empty for a key that is always there. Capitals stand for a name of
        the user's or a position.
    """
    found = _CHOSEN.search(key)
    path = _CHOSEN.sub("", key)
    if found is not None and key.endswith("]"):
        path += f".name={found[1]}"
    for pattern, word in _PLACEHOLDERS.items():
        path = re.sub(pattern, word, path)
    return path, f"{path.split('.')[-2]}: {found[1]}" if found is not None else ""


def print_keys(console: Console, words: Sequence[str] = ()) -> None:
    """Print the keys of a sweep file with their types, defaults and meanings.

    Args:
        console: where to print.
        words: only keys that contain all of these, or whose technique does.

    Raises:
        SpecError: there are no such keys.
    """
    rows = [(*typed_key(row.key), row) for row in describe_keys()]
    wanted = [word.lower() for word in words]
    shown = [row for row in rows if all(word in f"{row[0]} {row[1]}".lower() for word in wanted)]
    if not shown:
        raise _no_such_key(words, [path for path, *_ in rows])
    for path, choice, row in shown:
        # a key is never cut or folded, however narrow the terminal
        console.print(_row_text(path, choice, row), soft_wrap=True)
        console.print(Padding(Text(row.meaning), (0, 0, 0, 4)))
    if any(path.startswith("base.") for path, *_ in shown):
        note = "Points, grids and spaces write the keys of base without 'base.'."
        console.print(note, soft_wrap=True)


def _row_text(path: str, choice: str, row: KeyRow) -> Text:
    text = Text.assemble((path, "bold"), f"  {row.type}")
    if row.default:
        required = row.default.startswith("required")
        text.append(f", {row.default}" if required else f", default {row.default}")
    if choice and not row.key.endswith("]"):  # a heading has it in its path
        text.append(f"  ({choice})")
    return text


def _no_such_key(words: Sequence[str], paths: Sequence[str]) -> SpecError:
    parts = sorted({part for path in paths for part in re.split(r"[.=]", path)})
    close = difflib.get_close_matches(words[-1], parts, n=1)
    hint = f"; did you mean '{close[0]}'?" if close else "; `dirsweep schema` lists them all"
    return SpecError(f"no key contains '{' '.join(words)}'{hint}")


def section_rows(cls: type[BaseModel], prefix: str = "") -> Iterator[KeyRow]:
    """Yield the rows of a section and of the sections in it.

    Args:
        cls: the section's model.
        prefix: its dotted key; empty for the file's root.
    """
    for key, field in yaml_fields(cls).items():
        path = f"{prefix}.{key}" if prefix else key
        meaning = _meaning(field, _range_of(cls, key, field), _on_benchmarks(cls, key))
        yield KeyRow(path, _field_type(cls, field), _default(cls, key, field), meaning)
        if cls is not StudySpec or key not in SweepSpec.model_fields:  # described there
            yield from _rows_below(path, field)
    if cls.model_config.get("extra") == "allow":
        yield KeyRow(f"{prefix}.*", "any value", "", _paragraphs(cls)[1])


def _rows_below(path: str, field: FieldInfo) -> Iterator[KeyRow]:
    for item in field.metadata:
        if isinstance(item, FromRegistry):
            yield from _named_rows(path, item.room)
            return
    model = section_model(field.annotation, field.metadata)
    if model is not None:
        yield from section_rows(model, f"{path}.*" if _holds_many(field) else path)


def _holds_many(field: FieldInfo) -> bool:
    """Return whether a field is a list or a mapping of sections."""
    if any(isinstance(item, DescribedBy) for item in field.metadata):
        return any(getattr(item, "by_dotted_key", False) for item in field.metadata)
    return any(kind in (dict, tuple) for kind in _origins(field.annotation))


def _origins(annotation: Any) -> Iterator[Any]:
    """Yield the origin of an annotation and of the alternatives of a union."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _origins(get_args(annotation)[0])
    elif origin in (dict, tuple, Literal) or origin is None:
        yield origin
    else:
        for item in get_args(annotation):
            yield from _origins(item)


def _named_rows(path: str, room: str) -> Iterator[KeyRow]:
    for name in registry.names(room):
        cls = registry.config_class(room, name)
        prefix = f"{path}.{name}" if room == "regularizers" else f"{path}[{name}]"
        yield KeyRow(prefix, "mapping", "", _paragraphs(cls)[0])
        yield from section_rows(cls, prefix)


# ---- the parts of a row


def _paragraphs(cls: type[BaseModel]) -> list[str]:
    """Return the paragraphs of a class's docstring, each on one line."""
    return [" ".join(text.split()) for text in (inspect.getdoc(cls) or "").split("\n\n")]


def _range_of(cls: type[BaseModel], key: str, field: FieldInfo) -> Range | None:
    """Return what ``default`` searches."""
    if issubclass(cls, NamedConfig):
        return cls.default_ranges({}).get(key)
    return next((item for item in field.metadata if isinstance(item, RANGE_TYPES)), None)


def _on_benchmarks(cls: type[BaseModel], key: str) -> list[str]:
    """Say on which benchmarks a parameter has another default."""
    if not issubclass(cls, NamedConfig):
        return []
    found = []
    for name in registry.names("benchmark"):
        stated = defaults_of({MARK: name}, cls.room, cls.registered_name)
        if key in stated:
            item = stated[key]
            value = "null" if item.value is None else _value_text(item.value)
            searched = "" if item.range is None else f", searched in {item.range}"
            found.append(f"on {name}: default {value}{searched} ({item.origin}: {item.source})")
    return found


def _meaning(field: FieldInfo, range_: Range | None, on_benchmarks: Iterable[str]) -> str:
    note = " ".join((field.description or "").split())
    rooms = [item.room for item in field.metadata if isinstance(item, FromRegistry)]
    names = [f"one of {', '.join(registry.names(room))}" for room in rooms]
    rules = [text for item in field.metadata for text in _bounds(item)]
    ranges = [] if range_ is None else [f"searched in {range_}"]
    return "; ".join(part for part in (note, *names, *rules, *ranges, *on_benchmarks) if part)


def _bounds(item: Any) -> list[str]:
    found = ((sign, getattr(item, name, None)) for name, sign in _BOUNDS)
    return [f"{sign} {format_number(bound)}" for sign, bound in found if bound is not None]


def _default(cls: type[BaseModel], key: str, field: FieldInfo) -> str:
    if cls is TrialConfig and key in TrialConfig.SECTIONS:
        return TrialConfig.SECTIONS[key]
    if cls is TrialConfig and key == "regularizers":
        return "{}"
    if field.is_required():
        return "required"
    for item in field.metadata:
        if isinstance(item, DefaultText):
            return item.text
    if _may_be_absent(cls, field):
        return ""
    return _value_text(field.get_default(call_default_factory=True))


def _value_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Config) and not isinstance(value, NamedConfig):
        return "{}"
    if hasattr(value, "to_dict"):
        inside = ", ".join(f"{key}: {_value_text(item)}" for key, item in value.to_dict().items())
        return f"{{{inside}}}"
    return format_value(list(value) if isinstance(value, tuple) else value)


def _field_type(cls: type[BaseModel], field: FieldInfo) -> str:
    text = _type_text(field.annotation, tuple(field.metadata))
    return text.removesuffix(" or null") if _may_be_absent(cls, field) else text


def _may_be_absent(cls: type[BaseModel], field: FieldInfo) -> bool:
    """Return whether null is the same as leaving the key out."""
    is_section = cls.__name__.endswith("Spec")
    return is_section and not field.is_required() and field.default is None


def _type_text(annotation: Any, metadata: tuple[Any, ...] = ()) -> str:
    form = next((item for item in metadata if isinstance(item, FileForm)), None)
    if form is not None:
        own = tuple(item for item in metadata if item is not form)
        return f"{_type_text(annotation, own)}, or {form.text}" if form.also else form.text
    marked = [text for item in metadata if (text := _marker_text(item))]
    if marked:
        return marked[0]
    if annotation in _TYPE_NAMES:
        return _TYPE_NAMES[annotation]
    return _compound_text(annotation, metadata)


def _marker_text(item: Any) -> str:
    if isinstance(item, FromRegistry):
        return "mapping" if item.room == "regularizers" else "name or mapping"
    if isinstance(item, DottedKeys):
        return "list of mappings" if item.many else "mapping"
    return ""


def _compound_text(annotation: Any, metadata: tuple[Any, ...]) -> str:
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type_text(args[0], args[1:])
    if origin is Literal:
        return ("one of " if len(args) > 1 else "") + ", ".join(map(_value_text, args))
    if origin is tuple:
        return _list_text(args)
    if origin is dict or not args:
        return _section_text(section_model(annotation, metadata))
    return " or ".join(dict.fromkeys(_type_text(item) for item in args))


def _list_text(items: tuple[Any, ...]) -> str:
    if items[-1] is not Ellipsis:
        return f"[{', '.join(map(_type_text, items))}]"
    text = _type_text(items[0])
    return f"list, each {text}" if " or " in text else f"list of {text}s"


def _section_text(model: type[BaseModel] | None) -> str:
    shorthand = getattr(model, "shorthand_key", "")
    return f"{shorthand} or mapping" if shorthand else "mapping"
