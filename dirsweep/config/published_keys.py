"""Which fields of a published protocol this build can express: key and value of a sweep file."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from dirsweep import registry
from dirsweep.config.optimization import OptimizerConfig
from dirsweep.config.trial import TrialConfig
from dirsweep.errors import DirSweepError
from dirsweep.published.configuration import NAMED_SECTIONS
from dirsweep.published.protocol import Protocol


def is_taken(key: str, value: object, protocol: Protocol) -> bool:
    """Return whether a sweep file of this build can say a field of a protocol.

    Args:
        key: dotted key of a trial, or of ``benchmark.`` or ``objective.``; anything else, such as a
            fact in words, is not.
        value: of the field.
        protocol: that it belongs to: its names decide which parameters there are. What belongs to a
            benchmark, backbone or technique that this build lacks is taken as it is.
    """
    section, _, name = key.partition(".")
    if section == "objective":
        return True
    if not name:
        return _takes(TrialConfig, key, value)
    if section == "optimizer":
        return _takes(OptimizerConfig, name, value)
    if section == "regularizers":
        regularizer, _, parameter = name.partition(".")
        return _takes_named(section, regularizer, parameter, value)
    if section not in (*NAMED_SECTIONS, "benchmark"):
        return False
    chosen = protocol.get(f"{section}.name")
    if name == "name" or chosen is None:
        return chosen is not None
    return _takes_named(section, str(chosen.value), name, value)


def _takes_named(room: str, name: str, parameter: str, value: object) -> bool:
    if name not in registry.names(room):
        return True
    return _takes(registry.config_class(room, name), parameter, value)


def _takes(section: type[BaseModel], name: str, value: object) -> bool:
    for key, field in section.model_fields.items():
        if name in (key, field.alias):
            return _accepts(field, value)
    return False


def _accepts(field: FieldInfo, value: object) -> bool:
    try:
        _adapter(_Hashable(field)).validate_python(value, strict=True)
    except (ValidationError, DirSweepError):
        return False
    return True


class _Hashable:
    """A field that is looked up by its identity."""

    def __init__(self, field: FieldInfo) -> None:
        self.field = field

    def __hash__(self) -> int:
        return id(self.field)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Hashable) and self.field is other.field


@cache
def _adapter(key: _Hashable) -> TypeAdapter[Any]:
    annotation: Any = key.field.annotation
    for mark in key.field.metadata:
        annotation = Annotated[annotation, mark]
    return TypeAdapter(annotation)
