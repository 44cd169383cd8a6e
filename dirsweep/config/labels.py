"""The name of a point: what it changes in its base, in words. Every output takes it from here.

A key is written without ``regularizers.`` and ``optimizer.``, and a section's ``.name`` is left
out, so that every word says which technique it belongs to: ``ranksim.gamma=100``, ``loss=huber``,
``loss.beta=2``, ``lr=0.1``. Changes are named in the order of the keys of a trial, in whatever
order and form (nested or dotted) the sweep file writes them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

#: the keys of a trial in the order in which a name lists them; a test compares with TrialConfig
KEY_ORDER = (
    "backbone",
    "loss",
    "reweighting",
    "smoothing",
    "regularizers",
    "schedule",
    "optimizer",
    "batch_size",
    "epochs",
    "validate_every",
    "patience",
    "stopping",
    "max_checks",
    "last_batch",
    "precision",
    "regressor_init",
    "grad_clip",
    "start_from",
)
#: chosen by name
_SECTIONS = ("backbone", "loss", "reweighting", "smoothing", "schedule", "optimizer")
#: sections whose choice can be named alone
_NAMED_SECTIONS = ("reweighting", "smoothing", "schedule")
#: choices that are no technique
_NO_TECHNIQUE = ("none", "plain")
_ON: tuple[Any, ...] = (True, "on", "default")
_OFF: tuple[Any, ...] = (None, False, "off", "none")

#: dotted key -> value, no value a mapping
Changes = dict[str, Any]


def section_place(section: str) -> int:
    """Return the place of a section in ``KEY_ORDER``; what is not in it comes last."""
    return KEY_ORDER.index(section) if section in KEY_ORDER else len(KEY_ORDER)


def label_of(overrides: Mapping[str, Any], *, exact: bool = False) -> str:
    """Name a point by all that it changes in its base.

    A regularizer that is switched on with its defaults is named alone, one that is switched off
    follows ``no``.

    Args:
        overrides: dotted key -> value.
        exact: write numbers with all their digits instead of four.

    Returns:
        ``ranksim.gamma=100, ranksim.lambda=2``; ``base`` where nothing is changed.
    """
    return _in_words(changes_of(overrides), exact)


def changes_of(overrides: Mapping[str, Any]) -> Changes:
    """Write nested overrides with dotted keys, in the order of a name.

    A switched-on regularizer whose parameters are named is left out: they imply it.
    """
    found: Changes = {}
    # deeper keys win, as when they are applied
    for key in sorted(overrides, key=lambda key: key.count(".")):
        found |= dict(_spread(key, overrides[key]))
    implied = {key.rpartition(".")[0] for key in found if key.count(".") == 2}
    kept = {key: value for key, value in found.items() if not (key in implied and value is True)}
    return {key: kept[key] for key in sorted(kept, key=_place)}


def _spread(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield a change and, where it is a mapping, those inside it."""
    is_switch = key.startswith("regularizers.") and key.count(".") == 1
    if isinstance(value, Mapping) and value:
        for inner, item in value.items():
            yield from _spread(f"{key}.{inner}", item)
    elif is_switch and (value == {} or value in _ON):
        yield key, True
    elif is_switch and value in _OFF:
        yield key, False
    elif key in _SECTIONS:
        yield f"{key}.name", value
    else:
        yield key, value


def _place(key: str) -> tuple[int, str, bool, str]:
    """Sort by the keys of a trial, then by technique, its name before its parameters."""
    head, _, rest = key.partition(".")
    place = section_place(head)
    technique = rest.partition(".")[0] if head == "regularizers" else ""
    return place, technique, not key.endswith(".name"), key


def _in_words(changes: Changes, exact: bool = False, separator: str = ", ") -> str:
    return separator.join(_word(key, value, exact) for key, value in changes.items()) or "base"


def _word(key: str, value: Any, exact: bool) -> str:
    name = key.removesuffix(".name")
    if name.count("."):
        name = name.removeprefix("regularizers.").removeprefix("optimizer.")
    if value is None or value is False:
        return f"no {name}"
    return name if value is True else f"{name}={_shown(value, exact)}"


def _shown(value: Any, exact: bool) -> str:
    """Write a value for people: a number with four digits, a name without quotes."""
    if isinstance(value, float):
        return repr(value) if exact else f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value)


# ---- the names of one study's points


@dataclass(frozen=True)
class _NamedPoint:
    """What a point changes, and in which configuration that results (None: not known)."""

    overrides: Mapping[str, Any]
    changes: Changes
    config: Mapping[str, Any] | None


class StudyLabels:
    """The names of one study's points, kept as points are added.

    In a study of listed points, a technique that the points switch on in one form only, as a whole
    and over a base without it, is named alone: ``lds + ranksim`` for ``reweighting: {name: lds,
    base: inv}, regularizers.ranksim: {gamma: 100, lambda: 2}``. Two points that would read alike
    get longer names, if need be with all digits.
    """

    def __init__(self) -> None:
        self._points: dict[int, _NamedPoint] = {}
        self._full: dict[int, str] = {}
        self._times: Counter[str] = Counter()
        self._searched = False
        self._short: dict[int, str] | None = None

    def __len__(self) -> int:
        return len(self._points)

    def add(
        self,
        index: int,
        overrides: Mapping[str, Any],
        config: Mapping[str, Any] | None = None,
        *,
        searched: bool = False,
    ) -> None:
        """Take a further point.

        Args:
            index: of the point.
            overrides: dotted key -> value.
            config: the resolved configuration; None where it is not known.
            searched: whether a sampler knows the point; such studies have full names only, because
                a name must not change with what is proposed later.
        """
        point = _NamedPoint(overrides, changes_of(overrides), config)
        self._points[index] = point
        self._full[index] = _in_words(point.changes)
        self._times[self._full[index]] += 1
        self._searched |= searched
        self._short = None

    def label(self, index: int) -> str:
        """Return a point's name.

        Raises:
            KeyError: no such point.
        """
        if not self._searched:
            if self._short is None:
                self._short = self._unique_short_labels()
            if index in self._short:
                return self._short[index]
        full = self._full[index]
        return full if self._times[full] == 1 else _in_words(self._points[index].changes, True)

    def _unique_short_labels(self) -> dict[int, str]:
        alone = self._named_alone()
        labels = {index: _short(point.changes, alone) for index, point in self._points.items()}
        times = Counter(labels.values())
        return {index: label for index, label in labels.items() if times[label] == 1}

    def _named_alone(self) -> dict[str, str]:
        """Return the technique's key -> the word for it, of those that can be named alone."""
        techniques = dict.fromkeys(key for p in self._points.values() for key in _touched(p))
        found = {}
        for key in techniques:
            word = self._word_alone(key)
            if word:
                found[key] = word
        return found

    def _word_alone(self, key: str) -> str:
        touching = [point for point in self._points.values() if key in _touched(point)]
        forms = {json.dumps(_below(point.changes, key), sort_keys=True) for point in touching}
        if len(forms) > 1 or not all(key in point.overrides for point in touching):
            return ""
        word = _technique(key, touching[0].overrides[key])
        others = [point for point in self._points.values() if key not in _touched(point)]
        return "" if any(_uses(point.config, key, word) for point in others) else word


def _touched(point: _NamedPoint) -> list[str]:
    """Return the keys of the techniques about which a point says something."""
    found = []
    for key in point.changes:
        head, _, rest = key.partition(".")
        if head == "regularizers":
            found.append(f"{head}.{rest.partition('.')[0]}")
        elif head in _NAMED_SECTIONS:
            found.append(head)
    return list(dict.fromkeys(found))


def _below(changes: Changes, key: str) -> Changes:
    """Return the changes of one technique."""
    return {
        other: value
        for other, value in changes.items()
        if other == key or other.startswith(f"{key}.")
    }


def _technique(key: str, value: Any) -> str:
    """Return the name of the technique that a value switches on; empty where it is none."""
    if key.startswith("regularizers."):
        is_on = isinstance(value, Mapping) or value in _ON
        return key.partition(".")[2] if is_on else ""
    name = value.get("name") if isinstance(value, Mapping) else value
    return name if isinstance(name, str) and name not in _NO_TECHNIQUE else ""


def _uses(config: Mapping[str, Any] | None, key: str, word: str) -> bool:
    """Return whether a resolved configuration uses a technique."""
    if config is None:
        return False
    if key.startswith("regularizers."):
        return word in (config.get("regularizers") or {})
    section = config.get(key)
    return isinstance(section, Mapping) and section.get("name") == word


def _short(changes: Changes, alone: Mapping[str, str]) -> str:
    """Name a point with the techniques in ``alone`` by their names."""
    words: Changes = {}
    for key, value in changes.items():
        technique = next((t for t in alone if key == t or key.startswith(f"{t}.")), None)
        if technique is None:
            words[key] = value
        else:
            words[f"regularizers.{alone[technique]}"] = True
    separator = " + " if all(value is True for value in words.values()) else ", "
    return _in_words(words, separator=separator)
