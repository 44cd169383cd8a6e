"""The points that a figure compares: the baseline and the best, or those that a person names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dirsweep.analysis.measurements import points_of
from dirsweep.analysis.method_names import PLAIN, VANILLA, method_of
from dirsweep.analysis.objectives import objective_of
from dirsweep.analysis.selection import baseline_of, points_with_test_figures, searched
from dirsweep.analysis.summaries import PointSummary, best_point, sorted_by_objective
from dirsweep.errors import SpecError, did_you_mean
from dirsweep.run.reader import Run


@dataclass(frozen=True)
class ComparedPoints:
    """The points that a figure compares.

    Attributes:
        points: the first is the one that others are compared with.
        best: index of the study's best point by validation; None without any.
        base_is_best: whether the study's baseline is that point.
        named: whether a person named the points.
        num_complete: points of the study that could be named.
        anchors: labels to whose samples a figure compares all others, label unit; empty for those
            that it chooses itself.
    """

    points: list[PointSummary]
    best: int | None
    base_is_best: bool
    named: bool
    num_complete: int
    anchors: tuple[float, ...] = ()

    def is_best(self, point: PointSummary) -> bool:
        """Return whether validation chose the point."""
        return point.index == self.best


def compared_points(
    run: Run, study: str, names: Sequence[str] = (), anchors: Sequence[float] = ()
) -> ComparedPoints:
    """Return the points of a study that figures compare.

    Without names they are the baseline and the best point by validation; where the baseline is the
    best, the next best point stands beside it. In a search that point is left out, because its test
    results are withheld.

    Args:
        run: the run.
        study: its key in the sweep file.
        names: labels of points, or their techniques such as ``lds + ranksim``; those that the study
            does not have are ignored.
        anchors: labels that a person named, label unit.

    Returns:
        The points; empty without a complete point, and where the study has none of the names.
    """
    best = best_point(points_of(run, study), objective_of(run, study))
    base = baseline_of(run, study)
    known = nameable_points(run, study)
    base_is_best = best is not None and base is not None and base.index == best.index
    return ComparedPoints(
        points=_named(known, names, base) if names else _default(run, study, base, best),
        best=None if best is None else best.index,
        base_is_best=base_is_best,
        named=bool(names),
        num_complete=len(known),
        anchors=tuple(anchors),
    )


def nameable_points(run: Run, study: str) -> list[PointSummary]:
    """Return the complete points whose test results may be shown."""
    shown = set(points_with_test_figures(run, study))
    return [point for point in points_of(run, study) if point.index in shown]


def require_known_points(run: Run, studies: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    """Return names of points that may be written as one text, ``vanilla,lds``.

    A label with a comma of its own, such as ``gamma=100, lambda=2``, is recognised.

    Args:
        run: the run.
        studies: the studies whose figures are drawn.
        names: as given.

    Raises:
        SpecError: no complete point of these studies has that name.
    """
    points = [point for study in studies for point in nameable_points(run, study)]
    known = {normalised(name) for point in points for name in names_of(point)}
    found = dict.fromkeys(name for text in names for name in _split(text, known))
    unknown = [name for name in found if normalised(name) not in known]
    if unknown:
        listed = dict.fromkeys(name for point in points for name in names_of(point))
        what = f"no complete point is named '{unknown[0]}'; {did_you_mean(unknown[0], listed)}"
        raise SpecError(what, key="--points")
    return tuple(found)


def require_known_anchors(run: Run, texts: Sequence[str]) -> tuple[float, ...]:
    """Return labels that may be written as one text, ``23,43,63``.

    Args:
        run: the run.
        texts: as given.

    Raises:
        SpecError: one is not a number, or no label of the benchmark.
    """
    parts = [part.strip() for text in texts for part in text.split(",") if part.strip()]
    if not parts:
        return ()
    bins = run.bins()
    if bins is None:
        raise SpecError("the run has no label bins to find labels in", key="--anchors")
    low, high = float(bins.edges[0]), float(bins.edges[-1])
    found = []
    for part in parts:
        try:
            label = float(part)
        except ValueError:
            raise SpecError(f"'{part}' is not a number; e.g. 23,43,63", key="--anchors") from None
        if not low <= label <= high:
            what = f"{part} is outside the labels, which lie between {low:g} and {high:g}"
            raise SpecError(what, key="--anchors")
        found.append(label)
    return tuple(dict.fromkeys(found))


def names_of(point: PointSummary) -> tuple[str, ...]:
    """Return the names of a point: its label and its techniques, ``vanilla`` for none."""
    method = method_of(point)
    return tuple(dict.fromkeys((point.label, VANILLA if method == PLAIN else method)))


def normalised(name: str) -> str:
    """Return a name without regard to case, spaces and the order of techniques."""
    parts = ["".join(part.split()).casefold() for part in name.split("+")]
    return "+".join(sorted(parts))


def _split(text: str, known: Iterable[str]) -> list[str]:
    """Split a text at commas, but not inside the longest names that are known."""
    known = set(known)
    parts = [part.strip() for part in text.split(",")]
    found: list[str] = []
    start = 0
    while start < len(parts):
        ends = range(len(parts), start, -1)
        joined = {end: ", ".join(parts[start:end]) for end in ends}
        end = next((end for end in ends if normalised(joined[end]) in known), start + 1)
        found.append(joined[end])
        start = end
    return found


def _named(
    points: Sequence[PointSummary], names: Sequence[str], base: PointSummary | None
) -> list[PointSummary]:
    """The points in the order of the names; the base first, because others are compared with it.

    A label comes before techniques: several points may have the same techniques.
    """
    found: dict[int, PointSummary] = {}
    for name in map(normalised, names):
        labelled = [point for point in points if normalised(point.label) == name]
        alike = [point for point in points if name in map(normalised, names_of(point))]
        found |= {point.index: point for point in labelled or alike}
    listed = list(found.values())
    return sorted(listed, key=lambda point: base is None or point.index != base.index)


def _default(
    run: Run, study: str, base: PointSummary | None, best: PointSummary | None
) -> list[PointSummary]:
    if best is None:
        return []
    if base is None:
        return [best]
    if base.index != best.index:
        return [base, best]
    if searched(run, study):
        return [best]
    objective = objective_of(run, study)
    complete = [point for point in points_of(run, study) if not point.preliminary]
    measured = [point for point in complete if objective.name in point.metrics]
    return sorted_by_objective(measured, objective)[:2]
