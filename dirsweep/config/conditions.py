"""Conditions of a search space: reading them, ordering entries by them, finding dead entries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dirsweep.config.error_text import format_value
from dirsweep.config.probes import point_with, values_enabling
from dirsweep.config.ranges import Choice
from dirsweep.config.space import Condition, Entry, SearchSpace, parent_of, setter_of
from dirsweep.config.trial_keys import SECTIONS, check_key, is_switch
from dirsweep.errors import SpecError, did_you_mean

#: what ``when`` may say of a regularizer -> whether it is on
_SWITCHES = {
    True: True,
    "on": True,
    "true": True,
    False: False,
    "off": False,
    "none": False,
    None: False,
}


def read_conditions(when: Any) -> tuple[Condition, ...]:
    """Read the ``when`` of an entry.

    Args:
        when: a regularizer, a list of regularizers, or a mapping from keys to values.

    Raises:
        SpecError: none of these, or a key that no trial has.
    """
    if when is None:
        return ()
    if isinstance(when, str):
        when = {when: True}
    elif isinstance(when, list) and all(isinstance(item, str) for item in when):
        when = dict.fromkeys(when, True)
    if not isinstance(when, Mapping) or not when:
        raise SpecError(
            "expected a regularizer (regularizers.conr) or a mapping such as {loss.name: huber}, "
            f"got {format_value(when)}"
        )
    return tuple(_read_condition(key, values) for key, values in when.items())


def _read_condition(key: str, values: Any) -> Condition:
    try:
        parts = check_key(key)
    except SpecError as error:
        raise SpecError(f"'{key}' is no key of a trial: {error.what}") from None
    wanted = tuple(values) if isinstance(values, list) else (values,)
    if not wanted:
        raise SpecError(f"'{key}' needs at least one value")
    if is_switch(key):
        return Condition(key, tuple(_read_switch(key, value) for value in wanted))
    if parts[0] in SECTIONS and len(parts) == 1:
        parts = (parts[0], "name")
    return Condition(".".join(parts), wanted)


def _read_switch(key: str, value: Any) -> bool:
    if isinstance(value, dict | list) or value not in _SWITCHES:
        raise SpecError(f"'{key}' is on or off, got {format_value(value)}")
    return _SWITCHES[value]


def order_entries(entries: Mapping[str, Entry]) -> tuple[Entry, ...]:
    """Put each entry after those it depends on; else they stay in their order.

    Raises:
        SpecError: conditions that depend on each other in a circle.
    """
    done: dict[str, Entry] = {}

    def visit(key: str, trail: tuple[str, ...]) -> None:
        if key in trail:
            circle = " -> ".join((*trail[trail.index(key) :], key))
            raise SpecError(f"circular conditions: {circle}", key=f"{key}.when")
        if key in done:
            return
        for other in _dependencies(entries[key], entries):
            visit(other, (*trail, key))
        done[key] = entries[key]

    for key in entries:
        visit(key, ())
    return tuple(done.values())


def _dependencies(entry: Entry, entries: Mapping[str, Entry]) -> list[str]:
    """List the keys of the entries that decide whether ``entry`` exists."""
    asked = [condition.key for condition in entry.when]
    found = [parent_of(entry.key, entries), *(setter_of(key, entries) for key in asked)]
    # a regularizer that no entry switches is on as soon as one of its parameters is set
    found += [
        key for key, other in entries.items() if not other.when and key.rpartition(".")[0] in asked
    ]
    return [key for key in found if key is not None]


def check_reachable(space: SearchSpace, entry: Entry) -> None:
    """Check that some choice of the other entries lets ``entry`` exist.

    Raises:
        SpecError: none does.
    """
    by_key = {other.key: other for other in space.entries}
    for condition in entry.when:
        setter = by_key.get(condition.key)
        if setter is not None and not is_switch(condition.key):
            _check_values(entry, condition, setter)
    if entry.key in point_with(space, values_enabling(space, entry)):
        return
    reasons = [
        f"{condition.key} would have to be {' or '.join(map(format_value, condition.values))}"
        for condition in entry.when
    ]
    parent = parent_of(entry.key, by_key)
    if not reasons and parent:
        reasons = [f"no choice of '{parent}' has it"]
    key = entry.key + (".when" if entry.when else "")
    raise SpecError(f"never exists: {'; '.join(reasons)}", key=key)


def _check_values(entry: Entry, condition: Condition, setter: Entry) -> None:
    for value in condition.values:
        if setter.range.contains(value):
            continue
        hint = str(setter.range)
        if isinstance(setter.range, Choice):
            hint = did_you_mean(str(value), map(str, setter.range.values))
        what = f"'{setter.key}' is never {format_value(value)}; {hint}"
        raise SpecError(what, key=f"{entry.key}.when")
