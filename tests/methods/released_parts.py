"""Techniques with the settings that the released protocol of a published row states."""

from __future__ import annotations

from typing import cast

from dirsweep.config.trial import build_named
from dirsweep.methods.base import TechniqueConfig
from dirsweep.published.protocol import protocol_of
from dirsweep.published.rows import find_row


def released_part(room: str, table: str, row: str) -> TechniqueConfig:
    """``released_part("smoothing", "ranksim/2", "VANILLA + FDS")``."""
    fields = protocol_of(find_row(table, row), "released")
    prefix = f"{room}."
    settings = {
        name.removeprefix(prefix): field.value
        for name, field in fields.items()
        if name.startswith(prefix)
    }
    return cast(TechniqueConfig, build_named(room, settings))
