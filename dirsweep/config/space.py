"""Search space: the searched keys, their ranges, and the conditions under which each exists.

It knows nothing of Optuna: a sampler answers ``draw(key, range)``. ``space_file.py`` reads one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from typing import Any, TypeGuard

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from dirsweep.config.error_text import format_value
from dirsweep.config.model import Overrides, PlainData
from dirsweep.config.overrides import (
    MISSING,
    build_config,
    normalize_base,
    value_at,
    with_overrides,
)
from dirsweep.config.ranges import Choice, Range, same_value
from dirsweep.config.trial_keys import SECTIONS, is_off, is_switch
from dirsweep.errors import SpecError, did_you_mean

Draw = Callable[[str, Range], Any]

#: sections that are off where a paper's row does not name them; its loss is then the base's
_OFF_UNLESS_NAMED = ("reweighting", "smoothing", "schedule")
_STRICT = ConfigDict(strict=True)


@dataclass(frozen=True, config=_STRICT)
class Condition:
    """``key``, searched or fixed in the base, has one of ``values``."""

    key: str
    values: tuple[Any, ...]

    def holds(self, raw: Mapping[str, Any]) -> bool:
        """Return whether it holds in a normalized base with the point's overrides applied."""
        value = value_at(raw, self.key)
        return any(same_value(value, wanted) for wanted in self.values)


@dataclass(frozen=True, config=_STRICT)
class Entry:
    """One searched key, its range, and the conditions (all must hold) under which it exists."""

    key: str
    range: Range
    when: tuple[Condition, ...] = ()

    def to_dict(self) -> PlainData:
        """Return the entry as a sweep file writes it."""
        plain = self.range.to_dict()
        if self.when:
            plain["when"] = {
                condition.key: _one_or_list(condition.values) for condition in self.when
            }
        return plain


def _one_or_list(values: tuple[Any, ...]) -> Any:
    return values[0] if len(values) == 1 else list(values)


@dataclass(frozen=True, config=_STRICT)
class SearchSpace:
    """Entries in an order in which an entry comes after everything it depends on.

    Attributes:
        entries: see ``Entry``.
        base: the study's normalized base; it decides conditions on keys that are not searched.
    """

    entries: tuple[Entry, ...]
    base: PlainData = field(default_factory=dict, compare=False, repr=False)

    @property
    def keys(self) -> tuple[str, ...]:
        """The dotted keys that are searched."""
        return tuple(entry.key for entry in self.entries)

    def sample(self, draw: Draw) -> Overrides:
        """Draw one point.

        Args:
            draw: asked for the value of each entry that exists, given the values so far.

        Returns:
            The point's overrides.
        """
        overrides: Overrides = {}
        raw = self.base
        for entry in self.entries:
            if self._exists(entry, raw, overrides):
                overrides[entry.key] = draw(entry.key, entry.range)
                raw = with_overrides(self.base, overrides)
        return overrides

    def _exists(self, entry: Entry, raw: Mapping[str, Any], overrides: Overrides) -> bool:
        parent = parent_of(entry.key, self.keys)
        if parent is not None and not (parent in overrides and can_exist(entry.key, raw)):
            return False
        return all(condition.holds(raw) for condition in entry.when)

    def complete(self, start: Mapping[str, Any]) -> Overrides:
        """Complete a point of which some keys are given; the others take the base's values.

        Args:
            start: dotted key -> value.

        Returns:
            The point's overrides.

        Raises:
            SpecError: a key that is not searched or does not exist in this point, or a value
                outside its range.
        """
        for key in start:
            if key not in self.keys:
                hint = did_you_mean(key, self.keys)
                raise SpecError(f"not searched by this study; {hint}", key=key)
        so_far: Overrides = {}

        def draw(key: str, range_: Range) -> Any:
            so_far[key] = self._start_value(start, key, range_, so_far)
            return so_far[key]

        point = self.sample(draw)
        for key in start:
            if key not in point:
                what = "does not exist in this point: its condition does not hold"
                raise SpecError(what, key=key)
        return point

    def _start_value(
        self, start: Mapping[str, Any], key: str, range_: Range, so_far: Overrides
    ) -> Any:
        """Take a value from ``start`` or the base, as the range writes it."""
        raw = with_overrides(self.base, so_far)
        given = key in start
        value = start[key] if given else value_at(raw, key)
        if _has_mappings(range_):
            target = with_overrides(raw, {key: value}) if given else raw
            found = _choice_giving(raw, target, key, range_)
            value = value if found is MISSING else found
        value = _as_member(range_, value)
        if value is not MISSING and range_.contains(value):
            return value
        if value is MISSING or value is None:
            what = f"needs a value in {range_}; the base has none{_remedy(self.base, key)}"
            raise SpecError(what, key=key)
        whose = "got" if given else "the base has"
        what = f"must lie in the study's {range_}, {whose} {format_value(value)}"
        raise SpecError(what, key=key)

    def locate(self, config: Mapping[str, Any]) -> Overrides | None:
        """Find the point that gives a resolved configuration.

        Args:
            config: ``TrialConfig.to_dict()``.

        Returns:
            The point's overrides; None where no point gives it: a value outside its range, or a
            difference in a key that is not searched.
        """
        so_far: Overrides = {}
        try:
            target = normalize_base(config)

            def draw(key: str, range_: Range) -> Any:
                raw = with_overrides(self.base, so_far)
                value = _as_member(range_, _choice_giving(raw, target, key, range_))
                if value is MISSING or not range_.contains(value):
                    raise SpecError("outside its range", key=key)
                so_far[key] = value
                return value

            point = self.sample(draw)
            found = build_config(with_overrides(self.base, point)).to_dict()
            wanted = build_config(target).to_dict()
        except SpecError:
            return None
        return point if found == wanted else None

    def locate_settings(self, settings: Mapping[str, Any]) -> Overrides | None:
        """Find the point with the same values as published settings.

        What the settings do not name is off. Parameters of a technique that they leave out are the
        base's where the base uses the technique, else its defaults.

        Args:
            settings: dotted key -> value.

        Returns:
            The point's overrides; None where there is none.
        """
        named = {key.partition(".")[0] for key in settings}
        plain = {
            key: value
            for key, value in self.base.items()
            if key not in _OFF_UNLESS_NAMED or key in named
        }
        present = self.base.get("regularizers", {})
        plain["regularizers"] = {
            name: params
            for name, params in present.items()
            if any(key.startswith(f"regularizers.{name}.") for key in settings)
            or f"regularizers.{name}" in settings
        }
        try:
            return self.locate(build_config(with_overrides(plain, settings)).to_dict())
        except SpecError:
            return None

    def to_dict(self) -> PlainData:
        """Return the space as a sweep file writes it, default ranges written out."""
        return {entry.key: entry.to_dict() for entry in self.entries}


# ---- which entries depend on which


def can_exist(key: str, raw: Mapping[str, Any]) -> bool:
    """Return whether a parameter exists in ``raw``.

    Its regularizer is on, or its section's present choice has it.
    """
    if key.startswith("regularizers."):
        return bool(value_at(raw, key.rpartition(".")[0]))
    return value_at(raw, key) is not MISSING


def parent_of(key: str, keys: Iterable[str]) -> str | None:
    """Find the entry that decides whether ``key`` exists.

    Args:
        key: dotted key of a parameter.
        keys: the searched keys.

    Returns:
        The switch of its regularizer, or the name of its section; None where that is not searched.
    """
    parts = key.split(".")
    if parts[0] == "regularizers":
        switch = ".".join(parts[:2])
        return switch if len(parts) == 3 and switch in keys else None
    if parts[0] in SECTIONS and len(parts) == 2 and parts[1] != "name":
        return next((name for name in (f"{parts[0]}.name", parts[0]) if name in keys), None)
    return None


def setter_of(key: str, keys: Iterable[str]) -> str | None:
    """Find the entry that sets ``key``: its own, the whole section's, or its parent's."""
    section = key.removesuffix(".name")
    for candidate in (key, section):
        if candidate in keys:
            return candidate
    return parent_of(key, keys)


def _remedy(base: Mapping[str, Any], key: str) -> str:
    """Return what to add where the base lacks the regularizer of a searched parameter."""
    parts = key.split(".")
    switch = ".".join(parts[:2])
    found = value_at(base, switch)
    if len(parts) < 3 or not is_switch(switch) or not (found is MISSING or is_off(found)):
        return ""
    return f"; search the regularizer too (`{switch}: optional`), or give the start a value"


# ---- values


def _as_member(range_: Range, value: Any) -> Any:
    """Write a value as a choice does: 1 for 1.0, ``default`` for ``true``, ``null`` for ``false``.

    Other ranges take it as it is.
    """
    if not isinstance(range_, Choice):
        return value
    same = [item for item in range_.values if same_value(item, value)]
    if not same and isinstance(value, bool):
        same = [item for item in range_.values if is_off(item) != value]
    return same[0] if same else value


def _has_mappings(range_: Range) -> TypeGuard[Choice]:
    return isinstance(range_, Choice) and any(isinstance(item, Mapping) for item in range_.values)


def _choice_giving(
    raw: Mapping[str, Any], target: Mapping[str, Any], key: str, range_: Range
) -> Any:
    """Find the value of a key in a complete configuration.

    Args:
        raw: the normalized base with the values of the point so far.
        target: the configuration, normalized.
        key: of the entry.
        range_: of the entry; of a choice of mappings, the one that gives the configuration.
    """
    if _has_mappings(range_):
        changed = [(value, with_overrides(raw, {key: value})) for value in range_.values]
        exact = [value for value, found in changed if _part(found, key) == _part(target, key)]
        alike = [value for value, found in changed if _agree(found, target, key, value)]
        return next(iter((*exact, *alike)), MISSING)
    return value_at(target, key)


def _agree(raw: Mapping[str, Any], target: Mapping[str, Any], key: str, value: Any) -> bool:
    """Return whether all that a value says of a section holds in the target."""
    keys = [key, *(f"{key}.{name}" for name in value)] if isinstance(value, Mapping) else [key]
    return all(same_value(value_at(raw, item), value_at(target, item)) for item in keys)


def _part(raw: Mapping[str, Any], key: str) -> Any:
    """Return the section or regularizer of a key with every default; None where it is off."""
    plain: Any = build_config(raw).to_dict()
    for name in key.split("."):
        plain = plain.get(name) if isinstance(plain, dict) else None
    return plain
