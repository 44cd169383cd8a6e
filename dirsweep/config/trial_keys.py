"""Dotted keys of a trial: ``optimizer.lr``, ``regularizers.ranksim.gamma``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dirsweep import registry
from dirsweep.config.model import PlainData
from dirsweep.config.optimization import OptimizerConfig, StepInterval
from dirsweep.config.trial import TrialConfig
from dirsweep.errors import SpecError, did_you_mean

#: parts of a trial that are chosen by name
SECTIONS = ("backbone", *TrialConfig.SECTIONS)


def flatten(value: Mapping[str, Any], prefix: str = "") -> PlainData:
    """Return a nested configuration by dotted keys."""
    flat: PlainData = {}
    for key, item in value.items():
        if isinstance(item, Mapping):
            flat |= flatten(item, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = item
    return flat


def is_off(value: Any) -> bool:
    """Return whether a regularizer's value in YAML switches it off."""
    return value is None or value is False or value == "off" or value == "none"


def is_switch(key: str) -> bool:
    """Return whether a dotted key is a whole regularizer, which is on or off."""
    return key.startswith("regularizers.") and key.count(".") == 1


def check_key(key: str) -> tuple[str, ...]:
    """Split a dotted key of a trial.

    Parameters of techniques are checked when a point is built, because which of them exist depends
    on the technique that the point chooses.

    Args:
        key: ``optimizer.lr``, ``regularizers.ranksim.gamma``.

    Returns:
        Its parts.

    Raises:
        SpecError: no trial has such a key.
    """
    parts = tuple(str(key).split("."))
    head = parts[0]
    if head not in TrialConfig.model_fields:
        raise SpecError(f"unknown key; {_suggest(key)}", key=key)
    deepest = _depth(head)
    if len(parts) > deepest:
        parent = ".".join(parts[:deepest])
        raise SpecError(f"unknown key; '{parent}' has no keys below it", key=key)
    if len(parts) > 1 and head == "optimizer":
        check_known(parts[1], list(OptimizerConfig.model_fields), key)
    if len(parts) > 1 and head == "validate_every":
        check_known(parts[1], list(StepInterval.model_fields), key)
    if len(parts) > 1 and head == "regularizers":
        check_known(parts[1], registry.names("regularizers"), ".".join(parts[:2]))
    return parts


def _depth(head: str) -> int:
    """Return how many parts a key that starts with ``head`` has at most."""
    if head == "regularizers":
        return 3
    return 2 if head in ("optimizer", "validate_every", *SECTIONS) else 1


def check_known(name: str, known: list[str], key: str) -> None:
    """Refuse a name that is not known.

    Raises:
        SpecError: with the closest known name; its key is ``key``.
    """
    if name not in known:
        raise SpecError(f"unknown key; {did_you_mean(name, known)}", key=key)


def _suggest(key: str) -> str:
    """Return a hint: ``lr`` -> ``optimizer.lr``, ``ranksim.gamma`` -> its regularizer's key."""
    head, _, rest = str(key).partition(".")
    known = sorted(TrialConfig.model_fields)
    listed = f"(known: {', '.join(known)})"
    if not rest and head in OptimizerConfig.model_fields:
        return f"did you mean 'optimizer.{head}'? {listed}"
    if head in registry.names("regularizers"):
        return f"did you mean 'regularizers.{key}'? {listed}"
    for room in SECTIONS:
        if head in registry.names(room):
            return f"did you mean '{room}.{rest or 'name'}'? {listed}"
    return did_you_mean(head, known)
