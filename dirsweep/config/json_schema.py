"""JSON Schema of a sweep file (draft 2020-12), written from the models.

Editors complete and check keys with it, see the first line of the files in ``sweeps/``.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo

from dirsweep import registry
from dirsweep.config.error_text import section_model, yaml_fields
from dirsweep.config.model import (
    DescribedBy,
    DottedKeys,
    FileForm,
    FromRegistry,
    PlainData,
    WrittenAs,
)
from dirsweep.config.optimization import OptimizerConfig, StepInterval
from dirsweep.config.sampler import SAMPLERS, SamplerSpec, optuna_arguments
from dirsweep.config.scheduler import SchedulerSpec
from dirsweep.config.space_file import MODIFIERS, EntrySpec
from dirsweep.config.study import DESIGNS, StudySpec
from dirsweep.config.sweep import SweepSpec
from dirsweep.config.trial import TrialConfig
from dirsweep.config.trial_keys import SECTIONS

DRAFT = "https://json-schema.org/draft/2020-12/schema"
#: kept equal to ``sweep_schema()`` by a test
SCHEMA_FILE = Path(__file__).with_name("sweep.schema.json")
#: of the text: the root, its definitions, their keywords, the keys of a section
_INDENTED_LEVELS = 3
_NULL: PlainData = {"type": "null"}
_ON_OR_OFF = {"enum": [None, True, False, "on", "off", "none", "default"]}
#: ``${NAME:-default}`` stands for a value of any type
_VARIABLE: PlainData = {
    "type": "string",
    "pattern": r"\$\{",
    "description": "a value from the environment: ${NAME} or ${NAME:-default}",
}
_KIND_SCHEMAS: dict[str, PlainData] = {
    "a whole number": {"type": "integer"},
    "a number": {"type": "number"},
    "true or false": {"type": "boolean"},
    "text": {"type": "string"},
    "null": _NULL,
}


def sweep_schema() -> PlainData:
    """Return the JSON Schema of a sweep file.

    It covers the parameters of every registered technique, benchmark and backbone, and of Optuna's
    samplers. It is looser than the checks of ``load_sweep``: what depends on several keys, such as
    whether the benchmark reports the objective's metric, is not part of it.
    """
    writer = _Writer()
    root = writer.section_body(SweepSpec)
    definitions = {name: writer.definitions[name] for name in sorted(writer.definitions)}
    schema = {
        "$schema": DRAFT,
        "title": "dirsweep sweep file",
        **root,
        "$defs": {**definitions, "Variable": _VARIABLE},
    }
    allowed: PlainData = _allow_variables(schema)
    return allowed


def schema_text() -> str:
    """Return ``sweep_schema()`` as text with one key of a section per line."""
    return _dump(sweep_schema()) + "\n"


class _Writer:
    """Writes schemas of sections; those with a name go to ``definitions``."""

    def __init__(self) -> None:
        self.definitions: dict[str, PlainData] = {}

    # ---- sections

    def section(self, cls: type[BaseModel]) -> PlainData:
        """Write a section, as a mapping or in its short form."""
        if cls.__name__ not in self.definitions:
            self.definitions[cls.__name__] = {}  # a section may contain itself
            self.definitions[cls.__name__] = self._section_definition(cls)
        return {"$ref": f"#/$defs/{cls.__name__}"}

    def _section_definition(self, cls: type[BaseModel]) -> PlainData:
        if issubclass(cls, SchedulerSpec):
            uses = SchedulerSpec.USES
            return self._by_name(cls, {name: ("name", *keys) for name, keys in uses.items()})
        if issubclass(cls, SamplerSpec):
            return self._samplers()
        body = self.section_body(cls)
        if issubclass(cls, EntrySpec):
            kinds = [key for key in body["properties"] if key not in MODIFIERS]
            body["oneOf"] = [{"required": [kind]} for kind in kinds]
            return _any_of([{"enum": ["default", "optional"]}, body])
        shorthand = getattr(cls, "shorthand_key", "")
        return _any_of([body["properties"][shorthand], body]) if shorthand else body

    def section_body(self, cls: type[BaseModel], name: str = "") -> PlainData:
        """Write a section as a mapping; ``name`` is the technique's, for a key of its own."""
        fields = yaml_fields(cls)
        properties = {key: self._field(cls, key, field) for key, field in fields.items()}
        required = [key for key, field in fields.items() if self._is_required(cls, key, field)]
        if name:
            properties = {"name": {"const": name}, **properties}
            required = ["name", *required]
        return _mapping(properties, required, _summary(cls))

    def _is_required(self, cls: type[BaseModel], key: str, field: FieldInfo) -> bool:
        has_default = cls is TrialConfig and key != "backbone"
        return field.is_required() and not has_default

    def _by_name(self, cls: type[BaseModel], keys: Mapping[str, Iterable[str]]) -> PlainData:
        """Write a section whose keys depend on its name."""
        properties = self.section_body(cls)["properties"]
        variants = [
            _mapping({key: properties[key] for key in used} | {"name": {"const": name}}, ["name"])
            for name, used in keys.items()
        ]
        return _any_of([{"enum": list(keys)}, *variants]) | {"description": _summary(cls)}

    def _samplers(self) -> PlainData:
        own = self.section_body(SamplerSpec)["properties"]
        variants = []
        for name in SAMPLERS:
            keys = ["seed", "history"] if name == "tpe" else ["seed"]
            arguments = {key: _kinds(kinds) for key, kinds in optuna_arguments(name).items()}
            properties = {"name": {"const": name}, **{key: own[key] for key in keys}, **arguments}
            variants.append(_mapping(properties, [] if name == "tpe" else ["name"]))
        names = {"enum": list(SAMPLERS)}
        return _any_of([names, *variants]) | {"description": _summary(SamplerSpec)}

    # ---- fields

    def _field(self, cls: type[BaseModel], key: str, field: FieldInfo) -> PlainData:
        schema = self._type(field.annotation, tuple(field.metadata))
        if cls is StudySpec and key in DESIGNS:  # null is no design
            schema = _any_of([item for item in schema.get("anyOf", [schema]) if item != _NULL])
        note = " ".join((field.description or "").split())
        if note:
            schema = {**schema, "description": note}
        if isinstance(field.default, str | int | float):
            schema = {**schema, "default": field.default}
        return schema

    def _type(self, annotation: Any, metadata: tuple[Any, ...] = ()) -> PlainData:
        form = next((item for item in metadata if isinstance(item, FileForm)), None)
        if form is not None and not form.also:
            return form.schema
        if form is not None:
            own = tuple(item for item in metadata if item is not form)
            return _any_of([self._type(annotation, own), form.schema])
        marked = [schema for item in metadata if (schema := self._marked(item))]
        return marked[0] if marked else self._plain_type(annotation, metadata)

    def _marked(self, item: Any) -> PlainData | None:
        """Write the form that a marker states; None for other metadata."""
        if isinstance(item, FromRegistry):
            return self._named(item.room)
        if isinstance(item, WrittenAs):
            return self.section(item.section)
        if isinstance(item, DescribedBy):
            return self._described(item)
        return self._dotted(item) if isinstance(item, DottedKeys) else None

    def _plain_type(self, annotation: Any, metadata: tuple[Any, ...]) -> PlainData:
        origin, args = get_origin(annotation), get_args(annotation)
        if section_model(annotation) is None and not _has_marker(annotation):
            return self._leaf(annotation, metadata)
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            return self.section(annotation)
        if origin is Annotated:
            return self._type(args[0], args[1:])
        if origin in (Union, UnionType):
            return _any_of([self._type(item) for item in args])
        if origin is dict:
            return {"type": "object", "additionalProperties": self._type(args[1])}
        assert origin is tuple, annotation
        return {"type": "array", "items": self._type(args[0])}

    def _leaf(self, annotation: Any, metadata: tuple[Any, ...]) -> PlainData:
        """Write a type without sections, as pydantic does."""
        if annotation is NoneType:
            return _NULL
        typed: Any = Annotated[annotation, *metadata] if metadata else annotation
        schema: PlainData = _without_titles(TypeAdapter(typed).json_schema())
        return schema

    # ---- what is chosen by name

    def _named(self, room: str) -> PlainData:
        """Write a section that is chosen by name; for regularizers, a mapping of them."""
        if room == "regularizers":
            return self._regularizers()
        if room not in self.definitions:
            names = registry.names(room)
            variants = [
                self.section_body(registry.config_class(room, name), name) for name in names
            ]
            self.definitions[room] = _any_of([{"enum": names}, *variants])
        return {"$ref": f"#/$defs/{room}"}

    def _regularizers(self) -> PlainData:
        properties = {}
        for name in registry.names("regularizers"):
            body = self.section_body(registry.config_class("regularizers", name))
            properties[name] = _any_of([_ON_OR_OFF, body])
        self.definitions.setdefault("regularizers", _mapping(properties))
        return {"$ref": "#/$defs/regularizers"}

    # ---- dotted keys

    def _described(self, item: DescribedBy) -> PlainData:
        section = self.section(item.section)
        if not item.by_dotted_key:
            return section
        return _mapping(dict.fromkeys(self._dotted_values(), section))

    def _dotted(self, item: DottedKeys) -> PlainData:
        self._overrides()
        if item.lists:
            lists = {
                key: {"type": "array", "items": _override_ref(key), "minItems": 1}
                for key in self._dotted_values()
            }
            return _mapping(lists) | {"minProperties": 1}
        point = {"$ref": "#/$defs/Overrides"}
        return {"type": "array", "items": point, "minItems": 1} if item.many else point

    def _overrides(self) -> None:
        if "Overrides" not in self.definitions:
            self.definitions["Overrides"] = _mapping(
                self._dotted_values(), description="dotted keys of a trial and their values"
            )

    def _dotted_values(self) -> dict[str, PlainData]:
        """Write every dotted key of a trial with the schema of its value."""
        values: dict[str, PlainData] = {}
        for key, field in yaml_fields(TrialConfig).items():
            values[key] = self._field(TrialConfig, key, field)
            if key in SECTIONS:  # merged into the base: its name may be left out
                values[key] = _any_of([values[key], self._parameters(key)])
            if key == "regularizers":
                values |= dict(self._regularizer_values())
            elif key == "optimizer":
                properties = self.section_body(OptimizerConfig)["properties"]
                values |= {f"optimizer.{name}": schema for name, schema in properties.items()}
            elif key == "validate_every":
                properties = self.section_body(StepInterval)["properties"]
                values |= {f"{key}.{name}": schema for name, schema in properties.items()}
            elif key in SECTIONS:
                values |= self._section_values(key)
        return values

    def _regularizer_values(self) -> Iterator[tuple[str, PlainData]]:
        for name in registry.names("regularizers"):
            body = self.section_body(registry.config_class("regularizers", name))
            yield f"regularizers.{name}", _any_of([_ON_OR_OFF, body])
            for param, schema in body["properties"].items():
                yield f"regularizers.{name}.{param}", schema

    def _parameters(self, room: str) -> PlainData:
        """Write a mapping of parameters of whatever the section's choice is."""
        properties: PlainData = {}
        for key, schema in self._section_values(room).items():
            properties[key.partition(".")[2]] = schema
        return _mapping(properties) | {"minProperties": 1}

    def _section_values(self, room: str) -> dict[str, PlainData]:
        """Write the parameters of every choice; one that several have takes either's values."""
        names = registry.names(room)
        found: dict[str, list[PlainData]] = {f"{room}.name": [{"enum": names}]}
        for name in names:
            body = self.section_body(registry.config_class(room, name))
            for param, schema in body["properties"].items():
                alternatives = found.setdefault(f"{room}.{param}", [])
                if schema not in alternatives:
                    alternatives.append(schema)
        return {key: _any_of(schemas) for key, schemas in found.items()}


# ---- pieces


def _mapping(
    properties: Mapping[str, Any], required: Iterable[str] = (), description: str = ""
) -> PlainData:
    schema: PlainData = {"type": "object"}
    if description:
        schema["description"] = description
    schema |= {"properties": dict(properties), "additionalProperties": False}
    required = list(required)
    return {**schema, "required": required} if required else schema


def _any_of(schemas: list[PlainData]) -> PlainData:
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def _kinds(kinds: Iterable[str]) -> PlainData:
    return _any_of([_KIND_SCHEMAS[kind] for kind in sorted(kinds)])


def _override_ref(key: str) -> PlainData:
    return {"$ref": f"#/$defs/Overrides/properties/{key}"}


def _summary(cls: type[BaseModel]) -> str:
    return " ".join((inspect.getdoc(cls) or "").split("\n\n")[0].split())


def _has_marker(annotation: Any) -> bool:
    """Return whether a nested annotation has a form of its own in the file."""
    markers = (DottedKeys, FileForm, FromRegistry, WrittenAs, DescribedBy)
    args = get_args(annotation)
    return any(isinstance(item, markers) or _has_marker(item) for item in args)


def _dump(value: Any, depth: int = 0) -> str:
    """Write JSON that is indented down to the keys of a section."""
    if not isinstance(value, dict) or not value or depth > _INDENTED_LEVELS:
        return json.dumps(value, ensure_ascii=False)
    inner = " " * (depth + 1)
    lines = [f"{inner}{json.dumps(key)}: {_dump(item, depth + 1)}" for key, item in value.items()]
    return "{\n" + ",\n".join(lines) + "\n" + " " * depth + "}"


def _without_titles(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {
            key: _without_titles(item)
            for key, item in schema.items()
            if not (key == "title" and isinstance(item, str))
        }
    return [_without_titles(item) for item in schema] if isinstance(schema, list) else schema


def _allow_variables(schema: Any) -> Any:
    """Let a variable stand for every number, boolean and name."""
    if isinstance(schema, list):
        return [_allow_variables(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: _allow_variables(item) for key, item in schema.items()}
    if schema.get("type") not in ("integer", "number", "boolean") and "enum" not in schema:
        return inner
    described = {key: inner.pop(key) for key in ("description", "default") if key in inner}
    return {"anyOf": [inner, {"$ref": "#/$defs/Variable"}], **described}
