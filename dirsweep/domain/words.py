"""Counts in words."""

from __future__ import annotations


def plural(count: int, noun: str) -> str:
    """Return ``1 trial`` or ``2 trials``; ``study`` becomes ``studies``."""
    if count == 1:
        return f"1 {noun}"
    many = f"{noun[:-1]}ies" if noun.endswith("y") and noun[-2:-1] not in "aeiou" else f"{noun}s"
    return f"{count:,} {many}"


def is_or_are(count: int) -> str:
    """Return ``is`` for one, else ``are``."""
    return "is" if count == 1 else "are"
