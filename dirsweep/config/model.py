"""Base class of every section of a sweep file, and the types of its plain data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetCoreSchemaHandler,
    model_validator,
)
from pydantic_core import core_schema

#: a section as YAML gives it, nested
PlainData = dict[str, Any]
#: dotted key of a trial (``regularizers.ranksim.gamma``) -> value
Overrides = dict[str, Any]

#: kind of mark in a field's annotation
M = TypeVar("M")

#: lets YAML's lists fill tuples, which strict models otherwise refuse
as_tuple = BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value)


class Config(BaseModel):
    """Frozen, strict section without unknown keys; field names are the YAML keys."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        validate_by_name=True,
        validate_by_alias=True,
        protected_namespaces=(),
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )

    #: the key that a bare text sets: ``scheduler: asha`` is ``scheduler: {name: asha}``
    shorthand_key: ClassVar[str] = ""

    @model_validator(mode="before")
    @classmethod
    def _expand_shorthand(cls, value: Any) -> Any:
        if cls.shorthand_key and isinstance(value, str):
            return {cls.shorthand_key: value}
        return value


class _DomainForm(Protocol):
    """A section from which a value of ``dirsweep.domain`` is made."""

    def to_domain(self) -> Any:
        """Return the value."""


@dataclass(frozen=True)
class WrittenAs:
    """Marks a field that holds a value of ``dirsweep.domain`` and is written as a section.

    Attributes:
        section: the model of what the file says; its ``to_domain`` gives the value.
    """

    section: type[Config]

    def __get_pydantic_core_schema__(
        self, source: type[Any], handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        def read(value: Any, validate: Callable[[Any], _DomainForm]) -> Any:
            return value if isinstance(value, source) else validate(value).to_domain()

        return core_schema.no_info_wrap_validator_function(
            read, handler.generate_schema(self.section)
        )


@dataclass(frozen=True)
class DescribedBy:
    """Marks a field whose keys another model describes.

    Attributes:
        section: the model.
        by_dotted_key: whether the field maps dotted keys of a trial to sections of this kind.
    """

    section: type[Config]
    by_dotted_key: bool = False


@dataclass(frozen=True)
class FromRegistry:
    """Marks a field that is chosen by name: a technique, a benchmark, a backbone.

    Attributes:
        room: of the registry.
    """

    room: str


@dataclass(frozen=True)
class DottedKeys:
    """Marks a mapping from dotted keys of a trial, or a list of such mappings.

    Attributes:
        lists: whether each key has a list of values.
        many: whether it is a list of mappings.
    """

    lists: bool = False
    many: bool = False


@dataclass(frozen=True)
class FileForm:
    """States how a sweep file writes a field whose type does not show it.

    Attributes:
        text: for people.
        schema: as JSON Schema.
        also: whether the form of the field's type is allowed too.
    """

    text: str
    schema: PlainData = field(hash=False)
    also: bool = False


@dataclass(frozen=True)
class DefaultText:
    """States a field's default in words, where its value says less."""

    text: str


@dataclass(frozen=True)
class AddedLater:
    """Marks a field that earlier builds lacked, and whose default is what they did.

    At its default it is no part of a trial's identity, so their results are still taken over.
    """


def without_added(config: BaseModel, plain: PlainData) -> PlainData:
    """Leave out the fields marked ``AddedLater`` that have their defaults, in nested sections too.

    Args:
        config: a section.
        plain: the same as plain data, in YAML's keys.

    Returns:
        A copy of ``plain`` without them.
    """
    added = marked_fields(type(config), AddedLater)
    kept = dict(plain)
    for name, info in type(config).model_fields.items():
        key, value = info.alias or name, getattr(config, name)
        if key not in kept:
            continue
        if name in added and value == info.get_default(call_default_factory=True):
            del kept[key]
        elif isinstance(value, BaseModel) and isinstance(kept[key], dict):
            kept[key] = without_added(value, kept[key])
        elif isinstance(value, dict):
            parts = {item: part for item, part in value.items() if isinstance(part, BaseModel)}
            kept[key] = kept[key] | {
                item: without_added(part, kept[key][item]) for item, part in parts.items()
            }
    return kept


def marked_fields(cls: type[BaseModel], kind: type[M]) -> dict[str, M]:
    """Return the fields of a section whose annotation has a mark of a kind, with the mark."""
    found = {}
    for name, field_info in cls.model_fields.items():
        for mark in field_info.metadata:
            if isinstance(mark, kind):
                found[name] = mark
    return found
