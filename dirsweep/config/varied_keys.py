"""Keys that a sweep varies, with their values and the settings of the other keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from dirsweep.config.expand import make_point, planned_points
from dirsweep.config.model import Overrides
from dirsweep.config.overrides import MISSING, value_at, with_overrides
from dirsweep.config.probes import probe_points
from dirsweep.config.ranges import Choice, Range
from dirsweep.config.space import Entry, SearchSpace
from dirsweep.config.sweep import SweepSpec
from dirsweep.config.trial import TrialConfig, canonical_json
from dirsweep.errors import SpecError

#: settings of the other keys that a key is tried with before it is called inert
NUM_BACKGROUNDS = 4
#: probes of a space that are searched for such settings
NUM_PROBES = 200


@dataclass(frozen=True)
class VariedKey:
    """One key that a study varies.

    Attributes:
        studies: that vary it alike, around the same base.
        key: dotted key of a trial.
        settings: one per value, as overrides: ``{key: value}``, or ``{}`` for the base's value.
            For numbers the smallest and the largest come first.
        backgrounds: overrides of other keys with which it exists.
    """

    studies: tuple[str, ...]
    key: str
    settings: tuple[Overrides, ...]
    backgrounds: tuple[Overrides, ...]


def varied_keys(spec: SweepSpec) -> list[VariedKey]:
    """List every key that a study varies, in the file's order.

    Studies that vary a key alike, around the same base, share one item.
    """
    found: dict[str, VariedKey] = {}
    for study in spec.studies:
        for varied in _keys_of(spec, study):
            settings, backgrounds = list(varied.settings), list(varied.backgrounds)
            identity = canonical_json([spec.base_of(study), varied.key, settings, backgrounds])
            known = found.get(identity)
            if known is not None:
                varied = replace(known, studies=(*known.studies, study))
            found[identity] = varied
    return list(found.values())


def _keys_of(spec: SweepSpec, study: str) -> Iterator[VariedKey]:
    space = spec.studies[study].space
    if space is None:
        yield from _keys_of_points(study, [p.overrides for p in planned_points(spec, study)])
        return
    for entry in space.entries:
        settings = [{entry.key: value} for value in _spread(entry.range)]
        yield _varied_key(study, entry.key, settings, _space_backgrounds(space, entry))


def _keys_of_points(study: str, points: list[Overrides]) -> Iterator[VariedKey]:
    for key in dict.fromkeys(key for point in points for key in point):
        settings = _distinct({key: point[key]} if key in point else {} for point in points)
        if len(settings) > 1:
            having = [point for point in points if key in point]
            some = [having[0], having[-1], having[len(having) // 2]]
            yield _varied_key(study, key, settings, some)


def _varied_key(
    study: str, key: str, settings: list[Overrides], points: Iterable[Overrides]
) -> VariedKey:
    backgrounds = _distinct(_without(key, point) for point in points)
    ordered = _extremes_first(key, settings)
    return VariedKey((study,), key, tuple(ordered), tuple(backgrounds[:NUM_BACKGROUNDS]))


def _without(key: str, point: Overrides) -> Overrides:
    """Leave a key out of a point, and the parameters of what it chooses or switches off."""
    below = f"{key.removesuffix('.name')}."
    return {
        other: value
        for other, value in point.items()
        if other != key and not other.startswith(below)
    }


def _distinct(items: Iterable[Overrides]) -> list[Overrides]:
    return list({canonical_json(item): item for item in items}.values())


def _extremes_first(key: str, settings: list[Overrides]) -> list[Overrides]:
    given = [setting for setting in settings if isinstance(setting.get(key), int | float)]
    if len(given) < 2 or any(isinstance(setting[key], bool) for setting in given):
        return settings
    given.sort(key=lambda setting: float(setting[key]))
    rest = [setting for setting in settings if setting not in given]
    return [given[0], given[-1], *rest, *given[1:-1]]


# ---- values and backgrounds in a space


def _spread(range_: Range) -> list[Any]:
    """List every value of a choice, or both ends of a range and its middle."""
    if isinstance(range_, Choice):
        return list(range_.values)
    low, high = range_.extremes
    return [low] if low == high else [low, high, range_.middle]


def _space_backgrounds(space: SearchSpace, entry: Entry) -> list[Overrides]:
    """List points with ``entry``: first with the base's other numbers, then with their ends."""
    probes = [probe for probe in islice(probe_points(space), NUM_PROBES) if entry.key in probe]
    usual = [_with_usual_numbers(space, probe) for probe in (*probes[:2], *probes[-1:])]
    return [point for point in (*usual, *probes[:2]) if entry.key in point]


def _with_usual_numbers(space: SearchSpace, probe: Overrides) -> Overrides:
    so_far: Overrides = {}

    def draw(key: str, range_: Range) -> Any:
        if isinstance(range_, Choice):
            value = probe.get(key, range_.values[0])
        else:
            value = value_at(with_overrides(space.base, so_far), key)
            value = value if range_.contains(value) else range_.middle
        so_far[key] = value
        return value

    return space.sample(draw)


# ---- configurations


def configurations(
    spec: SweepSpec, varied: VariedKey, background: Mapping[str, Any]
) -> list[tuple[Any, TrialConfig]]:
    """Build the configuration of each setting of a key.

    Args:
        spec: the sweep.
        varied: one of its keys.
        background: overrides of the other keys.

    Returns:
        (value, configuration) pairs; settings that are invalid with ``background`` are left out.
    """
    found = []
    for setting in varied.settings:
        try:
            config = make_point(spec, varied.studies[0], 0, {**background, **setting}).config
        except SpecError:
            continue
        found.append((_value_in(config, varied.key, setting), config))
    return found


def _value_in(config: TrialConfig, key: str, setting: Overrides) -> Any:
    """Return a key's value as the setting says it, else as the configuration resolves it."""
    if key in setting:
        return setting[key]
    value = value_at(config.to_dict(), key)
    return None if value is MISSING else value
