"""The names of a study's points: what distinguishes each from the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from dirsweep.config.labels import label_of
from dirsweep.config.trial import canonical_json

#: sections whose choice can be named alone
_NAMED_SECTIONS = ("reweighting", "smoothing", "schedule")
#: choices that are no technique
_NO_TECHNIQUE = ("none", "plain")


class StudyLabels:
    """The labels of one study's points, kept as points are added.

    A technique that is the same in all points that choose it is named alone: ``lds + ranksim``
    for ``reweighting: {name: lds, base: inv}, regularizers.ranksim: {gamma: 100, lambda: 2}``. Two
    points that would read alike because of it get their full labels.
    """

    def __init__(self) -> None:
        self._overrides: dict[int, Mapping[str, Any]] = {}
        self._values: dict[str, set[str]] = {}
        self._short: dict[int, str] = {}
        self._times: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._overrides)

    def add(self, index: int, overrides: Mapping[str, Any]) -> None:
        """Take a further point."""
        self._overrides[index] = overrides
        ambiguous = False
        for key, value in overrides.items():
            values = self._values.setdefault(key, set())
            num_before = len(values)
            values.add(canonical_json(value))
            ambiguous |= num_before == 1 and len(values) == 2
        if ambiguous:  # a technique that was named alone has got a second form
            self._short.clear()
            self._times.clear()
        for missing in self._overrides if ambiguous else (index,):
            short = self._short_label(self._overrides[missing])
            self._short[missing] = short
            self._times[short] += 1

    def label(self, index: int) -> str:
        """Return a point's label.

        Raises:
            KeyError: no such point.
        """
        short = self._short[index]
        return short if self._times[short] == 1 else label_of(self._overrides[index])

    def _short_label(self, overrides: Mapping[str, Any]) -> str:
        named = dict(
            _technique(key, value) if len(self._values[key]) == 1 else (key, value)
            for key, value in overrides.items()
        )
        label = label_of(named)
        all_techniques = all(value is True for value in named.values())
        return label.replace(", ", " + ") if all_techniques else label


def _technique(key: str, value: Any) -> tuple[str, Any]:
    """Turn a technique into a key that is switched on, ``(lds, True)``; leave anything else."""
    if key.startswith("regularizers.") and isinstance(value, Mapping):
        return key, True
    name = value.get("name") if isinstance(value, Mapping) else value
    if key in _NAMED_SECTIONS and isinstance(name, str) and name not in _NO_TECHNIQUE:
        return name, True
    return key, value
