"""Values of one key that mean the same, however they are spelt."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dirsweep.config.error_text import format_value
from dirsweep.config.model import PlainData
from dirsweep.config.overrides import build_config, with_overrides
from dirsweep.config.trial import canonical_json
from dirsweep.errors import SpecError


def refuse_equal_meanings(base: PlainData, key: str, values: Iterable[Any]) -> None:
    """Refuse two values of a key that give the same configuration.

    Such are ``l1`` and ``{name: l1}``, or a technique with and without its defaults written out. A
    value that is invalid without other keys is not compared.

    Args:
        base: normalized.
        key: dotted key of a trial.
        values: that it is given in a grid or a choice.

    Raises:
        SpecError: the first value that repeats another; its key is ``key``.
    """
    seen: dict[str, object] = {}
    for value in values:
        try:
            config = build_config(with_overrides(base, {key: value}))
        except SpecError:
            continue
        first = seen.setdefault(canonical_json(config.to_dict()), value)
        if first is not value:
            what = f"duplicate value {format_value(value)}"
            if format_value(first) != format_value(value):
                what += f": it means the same as {format_value(first)}"
            raise SpecError(what, key=key)
