"""A base, spaces around it, and samples with chosen values."""

from __future__ import annotations

from typing import Any

from dirsweep.config.overrides import normalize_base
from dirsweep.config.ranges import Choice, Range
from dirsweep.config.space import SearchSpace
from dirsweep.config.space_file import read_space

BASE = normalize_base(
    {"backbone": "small_cnn", "loss": "l1", "regularizers": {"ranksim": {"gamma": 100}}}
)


def make_space(**entries: Any) -> SearchSpace:
    """A space around the base; ``__`` in a keyword stands for a dot."""
    return read_space({key.replace("__", "."): value for key, value in entries.items()}, BASE)


def fixed_sample(space: SearchSpace, **values: Any) -> dict[str, Any]:
    """A sample that takes these values, and the low end or first choice elsewhere."""
    wanted = {key.replace("__", "."): value for key, value in values.items()}

    def draw(key: str, found: Range) -> Any:
        if key in wanted:
            return wanted[key]
        return found.values[0] if isinstance(found, Choice) else found.low

    return space.sample(draw)
