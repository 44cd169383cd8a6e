"""The techniques that are on in a point, and the pairs of points that differ in one alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple

from dirsweep.analysis.summaries import PointSummary
from dirsweep.config.trial_keys import is_off, is_switch

#: configuration keys that select a technique
SWITCHES = ("loss.name", "reweighting.name", "smoothing.name", "schedule.name")
_OFF = {"reweighting.name": "none", "smoothing.name": "none", "schedule.name": "plain"}
#: (with, without): indices of two points that differ in one technique alone
Pair = tuple[int, int]
#: switches with their values, and per technique its parameters (``smoothing.*``)
TechniqueState = dict[str, Any]


class Switch(NamedTuple):
    """One technique switched on: the key, its value, and what the value replaces."""

    key: str
    value: Any
    reference: Any


def varied_techniques(states: Mapping[int, TechniqueState], reference_loss: Any) -> list[Switch]:
    """Return the techniques that are on in some points and not in all."""
    found: dict[Switch, int] = {}
    for state in states.values():
        for switch in _switched_on(state, reference_loss):
            found[switch] = found.get(switch, 0) + 1
    varied = [switch for switch, count in found.items() if count < len(states)]
    return sorted(varied, key=lambda switch: str(tuple(switch)))


def _switched_on(state: TechniqueState, reference_loss: Any) -> list[Switch]:
    found = []
    for key in SWITCHES:
        reference = _reference(key, reference_loss)
        if state.get(key) not in (None, reference):
            found.append(Switch(key, state[key], reference))
    regularizers = [key for key in state if key.startswith("regularizers.")]
    return [*found, *(Switch(key.removesuffix(".*"), True, False) for key in regularizers)]


def _reference(key: str, reference_loss: Any) -> Any:
    """What a technique of this key replaces."""
    return reference_loss if key == "loss.name" else _OFF[key]


def with_one_setting(
    matched: Mapping[Switch, Sequence[Pair]], states: Mapping[int, TechniqueState]
) -> dict[Switch, Sequence[Pair]]:
    """Return the techniques that have the same parameters in all of their pairs."""
    return {
        switch: pairs
        for switch, pairs in matched.items()
        if _has_one_setting(switch.key, pairs, states)
    }


def _has_one_setting(key: str, pairs: Sequence[Pair], states: Mapping[int, TechniqueState]) -> bool:
    found = [states[on].get(f"{_section_of(key)}.*") for on, _ in pairs]
    return all(parameters == found[0] for parameters in found)


def technique_state(point: PointSummary) -> TechniqueState:
    """Collect what is on in a point, each technique with its parameters, and everything else."""
    state: TechniqueState = {key: point.config.get(key) for key in SWITCHES}
    sections: dict[str, TechniqueState] = {}
    for key, value in point.config.items():
        if key not in SWITCHES and value is not None:
            sections.setdefault(_section_of(key), {})[key] = value
    for key, value in point.overrides.items():
        # a regularizer without parameters has no column of its own
        if is_switch(key) and not is_off(value):
            sections.setdefault(key, {})
    return state | {f"{name}.*": parameters for name, parameters in sections.items()}


def _section_of(key: str) -> str:
    parts = key.split(".")
    return ".".join(parts[:2]) if parts[0] == "regularizers" else parts[0]


def matched_pairs(
    states: Mapping[int, TechniqueState], reference_loss: Any
) -> dict[Switch, list[Pair]]:
    """Find the pairs of points that differ in one technique, and in its own parameters, alone."""
    found: dict[Switch, list[Pair]] = {}
    for one, other in combinations(states, 2):
        for on, off in ((one, other), (other, one)):
            switch = _switch_between(states[on], states[off], reference_loss)
            if switch is not None:
                found.setdefault(switch, []).append((on, off))
    return dict(sorted(found.items(), key=lambda item: str(tuple(item[0]))))


def _switch_between(on: TechniqueState, off: TechniqueState, reference_loss: Any) -> Switch | None:
    differ = {key for key in {*on, *off} if on.get(key) != off.get(key)}
    for key in SWITCHES:
        reference = _reference(key, reference_loss)
        own_keys = {key, f"{_section_of(key)}.*"}
        if key in differ and differ <= own_keys and off.get(key) == reference:
            return Switch(key, on.get(key), reference)
    regularizers = [key for key in differ if key.startswith("regularizers.")]
    if len(regularizers) == 1 and differ == set(regularizers) and regularizers[0] not in off:
        return Switch(regularizers[0].removesuffix(".*"), True, False)
    return None
