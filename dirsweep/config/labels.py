"""Overrides in words: ``gamma=100, lambda=2``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Path = tuple[str, ...]


def label_of(overrides: Mapping[str, Any]) -> str:
    """Name a point by all that it changes in its base.

    A key is shortened to as few of its last parts as distinguish it from the other keys.
    ``loss.name`` reads as ``loss``; a part switched on with its defaults is named alone, one
    switched off follows ``no``; a mapping reads as its parameters one by one.

    Args:
        overrides: dotted key -> value.

    Returns:
        ``gamma=100, lambda=2``; ``base`` where nothing is changed.
    """
    changes = [change for key, value in overrides.items() for change in _spread(key, value)]
    # 'name' alone says nothing: loss.name=huber reads as loss=huber
    paths = [tuple(key.removesuffix(".name").split(".")) for key, _ in changes]
    words = [
        _in_words(_shortest_tail(path, paths), value)
        for path, (_, value) in zip(paths, changes, strict=True)
    ]
    return ", ".join(words) or "base"


def _spread(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield a change and, where it is a mapping, those inside it; a regularizer's name first."""
    if not isinstance(value, Mapping) or not value:
        yield key, value
        return
    if key.startswith("regularizers.") and key.count(".") == 1:
        yield key, True
    for inner, item in value.items():
        yield from _spread(f"{key}.{inner}", item)


def _shortest_tail(path: Path, paths: Sequence[Path]) -> str:
    """Return the shortest end of ``path`` that no other path has."""
    for num_parts in range(1, len(path) + 1):
        tail = path[-num_parts:]
        if sum(other[-num_parts:] == tail for other in paths) == 1:
            return ".".join(tail)
    return ".".join(path)


def _in_words(name: str, value: Any) -> str:
    if value is None or value is False:
        return f"no {name}"
    if value is True or value in ({}, "default"):
        return name
    return f"{name}={_shown(value)}"


def _shown(value: Any) -> str:
    """Write a value for people: a number with four digits, a name without quotes."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value)
