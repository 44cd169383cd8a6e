"""The evidence behind everything that may be claimed about a study."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from dirsweep.analysis.differences import Difference, differences
from dirsweep.analysis.effects import Effect, effects, effects_of_run
from dirsweep.analysis.importance import Importance, importances
from dirsweep.analysis.measurements import DEFAULT_RESAMPLING, Resampling, points_of
from dirsweep.analysis.objectives import objective_of
from dirsweep.analysis.plateau import Plateau, plateau
from dirsweep.analysis.reproduction import Verdict, verdicts
from dirsweep.analysis.seed_null import SeedNull, seed_null
from dirsweep.analysis.selection import (
    Selection,
    baseline_of,
    points_with_test_figures,
    searched,
    selection,
)
from dirsweep.analysis.summaries import PointSummary
from dirsweep.domain import MetricColumn
from dirsweep.run.reader import Run

T = TypeVar("T")


@dataclass(frozen=True)
class StudyEvidence:
    """The numbers behind the claims about one study.

    Attributes:
        study: its key in the sweep file.
        objective: the validation column by which points are chosen.
        num_points: points of the study, complete or not.
        trial_ids: trials of the complete points.
        max_seeds: largest number of seeds of a complete point; 0 without complete points.
        baseline: the point that others are compared with; None where there is none.
        effects: one group per technique, its regions together; empty from one seed.
        differences: one group per point against the baseline, its regions together. Points that
            differ from the baseline by one technique are left out, because ``effects`` has them.
            Empty from one seed.
        seed_null: spread between seeds; None from one seed.
        selection: what validation chooses; None without a complete point.
        plateau: the default compared with the best; None where the study has no default.
        importances: parameters with an fANOVA share, the most important first.
        verdicts: published numbers compared with measured ones.
    """

    study: str
    objective: MetricColumn
    num_points: int
    trial_ids: tuple[str, ...]
    max_seeds: int
    baseline: PointSummary | None = None
    effects: tuple[tuple[Effect, ...], ...] = ()
    differences: tuple[tuple[Difference, ...], ...] = ()
    seed_null: SeedNull | None = None
    selection: Selection | None = None
    plateau: Plateau | None = None
    importances: tuple[Importance, ...] = ()
    verdicts: tuple[Verdict, ...] = ()


def study_evidence(
    run: Run, study: str, *, resampling: Resampling = DEFAULT_RESAMPLING
) -> StudyEvidence:
    """Collect the evidence about one study.

    Args:
        run: the run.
        study: its key in the sweep file.
        resampling: number of draws and seed.
    """
    objective = objective_of(run, study)
    points = points_of(run, study)
    complete = [point for point in points if not point.preliminary]
    trials = tuple(trial for point in complete for trial in point.trial_ids.values())
    if not complete:
        return StudyEvidence(study, objective, len(points), trials, 0)
    max_seeds = max(point.num_seeds for point in complete)
    several = max_seeds > 1
    test_column = objective._replace(split="test")
    shares = importances(run, study, seed=resampling.seed)
    return StudyEvidence(
        study=study,
        objective=objective,
        num_points=len(points),
        trial_ids=trials,
        max_seeds=max_seeds,
        baseline=baseline_of(run, study),
        effects=_effects_by_technique(run, study, resampling) if several else (),
        differences=_differences_by_point(run, study, resampling) if several else (),
        seed_null=seed_null(run, study, test_column, resampling=resampling) if several else None,
        selection=selection(run, study, resampling=resampling),
        plateau=plateau(run, study, resampling=resampling),
        importances=tuple(item for item in shares if item.fanova is not None),
        verdicts=tuple(verdicts(run, study, resampling=resampling)),
    )


def run_evidence(
    run: Run, *, resampling: Resampling = DEFAULT_RESAMPLING
) -> tuple[tuple[Effect, ...], ...]:
    """Return the effects of techniques over all planned studies, one group per technique.

    It is empty where fewer than two studies are planned, and where every effect is from one seed.
    """
    found = effects_of_run(run, resampling=resampling)
    if not any(effect.difference.num_seeds > 1 for effect in found):
        return ()
    return _by_technique(found)


def _effects_by_technique(
    run: Run, study: str, resampling: Resampling
) -> tuple[tuple[Effect, ...], ...]:
    if searched(run, study):
        return ()
    return _by_technique(effects(run, study, resampling=resampling))


def _by_technique(found: Sequence[Effect]) -> tuple[tuple[Effect, ...], ...]:
    return _grouped(((effect.key, str(effect.value)), effect) for effect in found)


def _differences_by_point(
    run: Run, study: str, resampling: Resampling
) -> tuple[tuple[Difference, ...], ...]:
    baseline = baseline_of(run, study)
    if baseline is None:
        return ()
    shown = [index for index in points_with_test_figures(run, study) if index != baseline.index]
    found = differences(run, study, baseline.index, points=shown, resampling=resampling)
    covered: set[int] = set()
    if not searched(run, study):
        for effect in effects(run, study, resampling=resampling):
            covered |= {on for on, off in effect.pairs if off == baseline.index}
    return _grouped((item.point, item) for item in found if item.point not in covered)


def _grouped(items: Iterable[tuple[Hashable, T]]) -> tuple[tuple[T, ...], ...]:
    """Items with equal keys together, in the order of the keys' first appearance."""
    groups: dict[Hashable, list[T]] = {}
    for key, item in items:
        groups.setdefault(key, []).append(item)
    return tuple(tuple(group) for group in groups.values())


@dataclass(frozen=True)
class Outcomes:
    """Differences by what a test says about them.

    Attributes:
        separable: the corrected p-value is below ``ALPHA``.
        not_separable: it is not.
        untested: there is no p-value.
    """

    separable: tuple[Difference, ...]
    not_separable: tuple[Difference, ...]
    untested: tuple[Difference, ...]


def outcomes_of(found: Iterable[Difference]) -> Outcomes:
    """Sort differences by what a test says about them, each group in the given order."""
    found = tuple(found)
    return Outcomes(
        separable=tuple(item for item in found if item.separable),
        not_separable=tuple(
            item for item in found if not item.separable and item.p_corrected is not None
        ),
        untested=tuple(item for item in found if item.p_corrected is None),
    )
