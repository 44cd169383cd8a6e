"""What a replaced section loses, written out: stored sweeps and names say everything that changes.

``optimizer: {name: sgd, lr: 0.1}`` over ``{name: adamw, lr: 2e-3, weight_decay: 0.1}`` is kept as
``optimizer: {name: sgd, lr: 0.1, weight_decay: 0.0}``, and so is every ``!replace {...}``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dirsweep.config.model import Overrides, PlainData
from dirsweep.config.overrides import (
    MISSING,
    is_replacement,
    section_name,
    value_at,
    with_overrides,
)
from dirsweep.config.trial import TrialConfig
from dirsweep.config.trial_keys import SECTIONS, is_switch
from dirsweep.config.yaml_text import REPLACE


def write_out(base: PlainData, overrides: Mapping[str, Any]) -> Overrides:
    """Write out what each override of a point replaces.

    Args:
        base: normalized.
        overrides: dotted key -> value.

    Returns:
        Overrides that mean the same, without ``!replace``.

    Raises:
        SpecError: its key is that of the override.
    """
    return {key: write_out_value(base, key, value) for key, value in overrides.items()}


def write_out_value(base: PlainData, key: str, value: Any) -> Any:
    """Write out what one override replaces, see ``write_out``."""
    if key == "regularizers":
        return _all_regularizers(base, value)
    if is_switch(key):
        return _regularizer(base, key, value)
    return _section(base, key, value) if key in ("optimizer", *SECTIONS) else value


def _regularizer(base: PlainData, key: str, value: Any) -> Any:
    if value != "default" and not is_replacement(value):
        return value
    name = key.partition(".")[2]
    before = base.get("regularizers", {}).get(name)
    after = with_overrides(base, {key: value})
    return _with_lost(after, key, before, after["regularizers"][name], value)


def _section(base: PlainData, key: str, value: Any) -> Any:
    if value is None and key in TrialConfig.SECTIONS:
        value = {REPLACE: {"name": TrialConfig.SECTIONS[key]}}
    if not _replaces(base, key, value):
        return value
    after = with_overrides(base, {key: value})
    same_name = section_name(after, key) == section_name(base, key)
    if key != "optimizer" and not same_name:
        return _shortest(after[key])
    kept = dict(after.get(key, {}))
    if not same_name:
        kept = {"name": section_name(after, key), **kept}
    elif len(kept) > 1:
        kept.pop("name", None)  # it stays
    return _with_lost(after, key, base.get(key), kept, value)


def _replaces(base: PlainData, key: str, value: Any) -> bool:
    if is_replacement(value):
        return True
    if key != "optimizer":
        return False
    name = section_name(base, key)
    return value is None or (isinstance(value, Mapping) and value.get("name", name) != name)


def _shortest(section: Mapping[str, Any]) -> Any:
    """Write a section without parameters as its name."""
    return section["name"] if list(section) == ["name"] else dict(section)


def _with_lost(
    after: PlainData,
    key: str,
    before: Mapping[str, Any] | None,
    kept: Mapping[str, Any],
    value: Any,
) -> Any:
    """Return the parameters that remain, with the defaults of those that are lost."""
    names = [name for name in before or {} if name not in kept and name != "name"]
    lost = {name: value_at(after, f"{key}.{name}") for name in names}
    lost = {name: default for name, default in lost.items() if default is not MISSING}
    if not lost and not is_replacement(value):
        return value
    if key in SECTIONS and not lost:
        return _shortest(kept)
    if lost and key in SECTIONS and list(kept) == ["name"]:
        return lost  # the name stays
    return {**kept, **lost}


def _all_regularizers(base: PlainData, value: Any) -> Any:
    """Write out the whole mapping: what it leaves out is switched off."""
    before = base.get("regularizers", {})
    if value is not None and not is_replacement(value):
        return value
    if value is None:
        return dict.fromkeys(before) or None
    found: PlainData = dict.fromkeys(before)
    for name, params in value[REPLACE].items():
        given = {REPLACE: params} if isinstance(params, Mapping) else params
        found[name] = write_out_value(base, f"regularizers.{name}", given)
    return found
