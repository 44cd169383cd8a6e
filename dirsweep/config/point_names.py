"""Names of the planned points of a study, known before it runs."""

from __future__ import annotations

from collections.abc import Sequence

from dirsweep.config.labels import StudyLabels
from dirsweep.config.sweep import SweepSpec
from dirsweep.config.trial import Point, canonical_json
from dirsweep.errors import SpecError


def labels_of(spec: SweepSpec, study: str, points: Sequence[Point]) -> list[str]:
    """Name the planned points of a study, as every output of a run does.

    Args:
        spec: the sweep.
        study: its key in the sweep file.
        points: all of its planned points.
    """
    labels = StudyLabels()
    searched = spec.studies[study].space is not None
    for point in points:
        labels.add(point.index, point.overrides, point.config.to_dict(), searched=searched)
    return [labels.label(point.index) for point in points]


def check_labels(spec: SweepSpec, study: str, points: Sequence[Point]) -> None:
    """Refuse two different points with one name: no output could tell them apart.

    Raises:
        SpecError: the first two such points.
    """
    seen: dict[str, tuple[int, str]] = {}
    for point, label in zip(points, labels_of(spec, study, points), strict=True):
        config = canonical_json(point.config.to_dict())
        first, known = seen.setdefault(label, (point.index, config))
        if known != config:
            raise SpecError(
                f"points {first} and {point.index} differ, but both are called '{label}'; write "
                "them with the same keys",
                key=f"studies.{study}.{spec.studies[study].design}",
                source=spec.source,
            )
