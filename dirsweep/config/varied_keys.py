"""Which keys a sweep varies, with which values, and beside what: the questions that ``dirsweep
check`` asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from dirsweep.config.error_text import yaml_fields
from dirsweep.config.expand import make_point, planned_points
from dirsweep.config.overrides import MISSING, config_class_of, value_at, with_overrides
from dirsweep.config.ranges import Choice, InEpochs, IntUniform, LogUniform, Range
from dirsweep.config.space import Entry, SearchSpace, contains, extremes
from dirsweep.config.sweep import SweepSpec
from dirsweep.config.trial import TrialConfig, canonical_json
from dirsweep.errors import SpecError

#: a key is tried beside so many settings of the others before it is called inert
NUM_BACKGROUNDS = 4
#: probes of a space that are looked through for such settings
NUM_PROBES = 200


@dataclass(frozen=True)
class VariedKey:
    """One key that a study varies.

    Attributes:
        studies: that vary it alike, around the same base.
        key: dotted key of a trial.
        settings: one per value, as overrides: ``{key: value}``, or ``{}`` for what the base has.
            For numbers the smallest and the largest come first.
        backgrounds: overrides of other keys beside which it exists.
    """

    studies: tuple[str, ...]
    key: str
    settings: tuple[dict[str, Any], ...]
    backgrounds: tuple[dict[str, Any], ...]


def varied_keys(spec: SweepSpec) -> list[VariedKey]:
    """List every key that a study varies, in the file's order.

    Studies that vary a key alike, around the same base, share one item.
    """
    found: dict[str, VariedKey] = {}
    for study in spec.studies:
        for varied in _keys_of(spec, study):
            asked = [
                spec.base_of(study),
                varied.key,
                list(varied.settings),
                list(varied.backgrounds),
            ]
            identity = canonical_json(asked)
            known = found.get(identity)
            found[identity] = (
                varied if known is None else replace(known, studies=(*known.studies, study))
            )
    return list(found.values())


def _keys_of(spec: SweepSpec, study: str) -> Iterator[VariedKey]:
    space = spec.studies[study].space
    if space is not None:
        for entry in space.entries:
            settings = [{entry.key: value} for value in _spread(entry.range)]
            yield _varied_key(study, entry.key, settings, _space_backgrounds(space, entry))
        return
    points = [point.overrides for point in planned_points(spec, study)]
    for key in dict.fromkeys(key for point in points for key in point):
        settings = _distinct({key: point[key]} if key in point else {} for point in points)
        if len(settings) > 1:
            having = [point for point in points if key in point]
            yield _varied_key(
                study, key, settings, [having[0], having[-1], having[len(having) // 2]]
            )


def _varied_key(
    study: str, key: str, settings: list[dict[str, Any]], points: Iterable[Mapping[str, Any]]
) -> VariedKey:
    backgrounds = _distinct(
        {other: value for other, value in point.items() if other != key and not _below(other, key)}
        for point in points
    )
    return VariedKey(
        (study,), key, tuple(_extremes_first(key, settings)), tuple(backgrounds[:NUM_BACKGROUNDS])
    )


def _below(key: str, switch: str) -> bool:
    """Whether ``key`` is a parameter of what ``switch`` (``loss.name``, ``regularizers.conr``)
    chooses or turns off.
    """
    return key.startswith(f"{switch.removesuffix('.name')}.")


def _distinct(items: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({canonical_json(item): item for item in items}.values())


def _extremes_first(key: str, settings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    given = [setting for setting in settings if isinstance(setting.get(key), (int, float))]
    if len(given) < 2 or any(isinstance(setting[key], bool) for setting in given):
        return settings
    given.sort(key=lambda setting: float(setting[key]))
    rest = [setting for setting in settings if setting not in given]
    return [given[0], given[-1], *rest, *given[1:-1]]


# a space's values and backgrounds


def _spread(range_: Range) -> list[Any]:
    """Every value of a choice; both ends of a range and its middle."""
    low, high = extremes(range_)[0], extremes(range_)[-1]
    if isinstance(range_, Choice) or low == high:
        return (
            list(dict.fromkeys(extremes(range_)))
            if not isinstance(range_, Choice)
            else list(range_.values)
        )
    return [low, high, _middle(range_)]


def _middle(range_: Range) -> Any:
    if isinstance(range_, Choice):
        return range_.values[0]
    if isinstance(range_, LogUniform) or (isinstance(range_, IntUniform) and range_.log):
        middle = float((range_.low * range_.high) ** 0.5)
    else:
        middle = (range_.low + range_.high) / 2
    return round(middle) if isinstance(range_, IntUniform) else middle


def _space_backgrounds(space: SearchSpace, entry: Entry) -> list[dict[str, Any]]:
    """Points in which ``entry`` exists: first with the other numbers as the base has them, then at
    their ends.
    """
    probes = [probe for probe in islice(space.probes(), NUM_PROBES) if entry.key in probe]
    usual = [_with_usual_numbers(space, probe) for probe in (*probes[:2], *probes[-1:])]
    return [point for point in (*usual, *probes[:2]) if entry.key in point]


def _with_usual_numbers(space: SearchSpace, probe: Mapping[str, Any]) -> dict[str, Any]:
    so_far: dict[str, Any] = {}

    def draw(key: str, range_: Range) -> Any:
        if isinstance(range_, Choice):
            value = probe.get(key, range_.values[0])
        else:
            value = value_at(with_overrides(space.base, so_far), key)
            value = value if contains(range_, value) else _middle(range_)
        so_far[key] = value
        return value

    return space.sample(draw)


# configurations


def configurations(
    spec: SweepSpec, varied: VariedKey, background: Mapping[str, Any]
) -> list[tuple[Any, TrialConfig]]:
    """(value, configuration) of each setting beside ``background``; settings that cannot be there
    are left out.
    """
    found = []
    for setting in varied.settings:
        try:
            config = make_point(spec, varied.studies[0], 0, {**background, **setting}).config
        except SpecError:
            continue
        found.append((_value_in(config, varied.key, setting), config))
    return found


def _value_in(config: TrialConfig, key: str, setting: Mapping[str, Any]) -> Any:
    """What the key comes to, defaults filled in; for a switch what was said, else whether it is
    on.
    """
    if key in setting:
        return setting[key]
    value = value_at(config.to_dict(), key)
    return None if value is MISSING else value


def counts_epochs(key: str, config: TrialConfig) -> bool:
    """Whether the key's value is a number of epochs of the trial."""
    if key == "epochs":
        return True
    parts = key.split(".")
    cls = config_class_of(config.to_dict(), tuple(parts))
    field = yaml_fields(cls).get(parts[-1]) if cls is not None else None
    return field is not None and any(isinstance(item, InEpochs) for item in field.metadata)


def shortened(config: TrialConfig, num_epochs: int) -> dict[str, Any]:
    """``config.to_dict()`` for a training of ``num_epochs`` in which everything that waits for an
    epoch still happens.

    Milestones and parameters that count epochs shrink along (to at least 1, and before the last
    epoch); nothing ends the training early; it is validated at its end.
    """
    plain = config.to_dict()
    for part in config.techniques():
        place = (
            plain["regularizers"][part.registered_name]
            if part.room == "regularizers"
            else plain[part.room]
        )
        for key, field in yaml_fields(type(part)).items():
            if place[key] and any(isinstance(item, InEpochs) for item in field.metadata):
                place[key] = _within(place[key], config.epochs, num_epochs)
    whole = config.optimizer.milestones_of or config.epochs
    plain["optimizer"] |= {
        "milestones_of": num_epochs,
        "milestones": [
            _within(m, whole, num_epochs) if m < whole else num_epochs
            for m in config.optimizer.milestones
        ],
    }
    return {**plain, "epochs": num_epochs, "validate_every": num_epochs, "patience": None}


def _within(epoch: int, whole: int, num_epochs: int) -> int:
    """An epoch (or number of epochs) of a training of ``whole`` epochs in one of ``num_epochs``; 0
    stays 0.
    """
    return min(max(int(epoch > 0), round(epoch * num_epochs / whole)), num_epochs - 1)


def shortened_apart(
    configs: Sequence[tuple[Any, TrialConfig]], key: str, num_epochs: int
) -> list[tuple[Any, dict[str, Any]]]:
    """``shortened`` of each, where different numbers of epochs under ``key`` stay different, in
    their order.
    """
    plains = [(value, shortened(config, num_epochs)) for value, config in configs]
    if not configs or not counts_epochs(key, configs[0][1]):
        return plains
    ordered = sorted({value for value, _ in configs if isinstance(value, int) and value > 0})
    *parts, last = key.split(".")
    for value, plain in plains:
        place = plain
        for part in parts:
            place = place[part]
        if value in ordered:
            rank = ordered.index(value)
            place[last] = (
                num_epochs - (rank == 0) if key == "epochs" else min(1 + rank, num_epochs - 1)
            )
    return plains
