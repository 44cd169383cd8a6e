"""The points of a study that are known before anything is asked: planned ones, then logged ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from dirsweep.config.expand import make_point, planned_points
from dirsweep.config.sweep import SweepSpec
from dirsweep.config.trial import Point, canonical_json
from dirsweep.run.state import RunState, StudyPoint


@dataclass(frozen=True)
class PlannedPoint:
    """A point that a study wants.

    Attributes:
        point: with its index in the study.
        known: what the log says of it; None where it is still to be proposed.
    """

    point: Point
    known: StudyPoint | None = None


def known_points(spec: SweepSpec, study: str, state: RunState) -> Iterator[PlannedPoint]:
    """Iterate over a study's points as the sweep file and the log have them.

    A planned point that was proposed before keeps its index, also where a changed space writes it
    with other keys; a new one gets the next. Then follow
    the points that a sampler proposed, in their order. A planned point of the log that the sweep
    does not want any more is left out.

    Args:
        spec: the sweep.
        study: its key in the sweep file.
        state: what the log says before any of these points is proposed.
    """
    logged = {point.index: point for point in state.points_of(study)}
    index_of = _index_by_identity(logged)
    next_index = state.next_index(study)
    planned = []
    for wanted in planned_points(spec, study):
        texts = _identities(wanted.overrides, wanted.config.to_dict())
        found = (index_of.get(text) for text in texts)
        earlier = next((index for index in found if index in logged), None)
        if earlier is None:
            planned.append(PlannedPoint(replace(wanted, index=next_index)))
            next_index += 1
        else:
            planned.append(PlannedPoint(replace(wanted, index=earlier), logged.pop(earlier)))
    yield from planned
    for index, known in sorted(logged.items()):
        if known.sampler is not None:
            yield PlannedPoint(make_point(spec, study, index, known.overrides), known)


def _index_by_identity(logged: Mapping[int, StudyPoint]) -> dict[str, int]:
    """Return the first index of each identity."""
    found: dict[str, int] = {}
    for index, point in sorted(logged.items()):
        for text in _identities(point.overrides, point.config):
            found.setdefault(text, index)
    return found


def _identities(overrides: Mapping[str, Any], config: Mapping[str, Any] | None) -> list[str]:
    """Return texts by which a point is found again: its overrides, then its configuration."""
    written = canonical_json(dict(overrides))
    return [written] if config is None else [written, canonical_json({"config": config})]
