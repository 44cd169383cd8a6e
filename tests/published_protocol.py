"""Resolved configurations that follow a published row's protocol, for tests."""

from __future__ import annotations

from dirsweep.published.protocol import Flavour, protocol_of
from dirsweep.published.rows import find_row


def as_published(
    table: str, row: str, flavour: Flavour = "printed", benchmark: str | None = None
) -> dict[str, object]:
    """Dotted keys of a trial, ``benchmark.`` and ``objective.`` as a row's protocol has them."""
    protocol = protocol_of(find_row(table, row, benchmark), flavour)
    return {name: field.value for name, field in protocol.items() if field.compared}
