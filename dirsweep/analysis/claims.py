"""The evidence behind everything that may be claimed about a study."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from dirsweep.analysis.differences import Difference, differences
from dirsweep.analysis.effects import Effect, LeftOut, all_effects, effects, study_effects
from dirsweep.analysis.importance import Importance, importances
from dirsweep.analysis.measurements import (
    DEFAULT_RESAMPLING,
    Resampling,
    points_of,
    study_columns,
)
from dirsweep.analysis.objectives import objective_of
from dirsweep.analysis.plateau import Plateau, plateau
from dirsweep.analysis.region_sizes import few_samples
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
        left_out: techniques that some points have, about whose effect nothing is said.
        undefined: points for which the objective is undefined in some seeds, the worst result
            there is.
        few_samples: region -> its number of test samples, where there are few.
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
    left_out: tuple[LeftOut, ...] = ()
    undefined: tuple[UndefinedObjective, ...] = ()
    few_samples: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class UndefinedObjective:
    """A point for which the objective is undefined in some seeds.

    Attributes:
        label: of the point.
        column: the objective on validation, or its metric on test.
        seeds: for which it is undefined.
        num_seeds: complete seeds of the point.
        trial_ids: the trials of ``seeds``.
    """

    label: str
    column: MetricColumn
    seeds: tuple[int, ...]
    num_seeds: int
    trial_ids: tuple[str, ...]


def undefined_objectives(run: Run, study: str) -> tuple[UndefinedObjective, ...]:
    """Return the points of a study with an objective that is undefined for some seeds.

    A point whose objective is defined on validation, and its metric not on test, counts as well.
    """
    objective = objective_of(run, study)
    found = []
    for point in points_of(run, study):
        for column in (objective, objective._replace(split="test")):
            seeds = point.undefined.get(column.name, ())
            if seeds and not point.preliminary:
                trials = tuple(point.trial_ids[seed] for seed in seeds)
                found.append(
                    UndefinedObjective(point.label, column, seeds, point.num_seeds, trials)
                )
                break
    return tuple(found)


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
    undefined = undefined_objectives(run, study)
    if not complete:
        return StudyEvidence(study, objective, len(points), trials, 0)
    max_seeds = max(point.num_seeds for point in complete)
    several = max_seeds > 1
    test_column = objective._replace(split="test")
    columns = study_columns(run, study)
    shares = importances(run, study, seed=resampling.seed)
    left_out: tuple[LeftOut, ...] = ()
    if several and not searched(run, study):
        left_out = study_effects(run, study, resampling=resampling).left_out
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
        left_out=left_out,
        undefined=undefined,
        few_samples={column.region: num for column in columns if (num := few_samples(run, column))},
    )


@dataclass(frozen=True)
class RunEvidence:
    """The numbers behind the claims about all planned studies together.

    Attributes:
        effects: one group per technique, the objective's region first.
        left_out: techniques about whose effect nothing is said here.
    """

    effects: tuple[tuple[Effect, ...], ...] = ()
    left_out: tuple[LeftOut, ...] = ()


def run_evidence(run: Run, *, resampling: Resampling = DEFAULT_RESAMPLING) -> RunEvidence:
    """Return the effects of techniques over all planned studies.

    An effect whose pairs are all in one study is that study's, and left out here. There is nothing
    where fewer than two studies are planned, and where every effect is from one seed.
    """
    every = all_effects(run, resampling=resampling)
    if not any(effect.difference.num_seeds > 1 for effect in every.found):
        return RunEvidence()
    over_studies = [effect for effect in every.found if not effect.within]
    within = dict.fromkeys(
        LeftOut(effect.technique, f"see {effect.within}") for effect in every.found if effect.within
    )
    return RunEvidence(
        effects=_by_technique(over_studies, run.manifest.objective.region),
        left_out=(*within, *every.left_out),
    )


def _effects_by_technique(
    run: Run, study: str, resampling: Resampling
) -> tuple[tuple[Effect, ...], ...]:
    if searched(run, study):
        return ()
    region = objective_of(run, study).region
    return _by_technique(effects(run, study, resampling=resampling), region)


def _by_technique(found: Iterable[Effect], region: str) -> tuple[tuple[Effect, ...], ...]:
    """One group per technique, the objective's region first."""
    ordered = sorted(found, key=lambda effect: effect.difference.region != region)
    return _grouped(((effect.key, str(effect.value)), effect) for effect in ordered)


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
    region = objective_of(run, study).region
    ordered = sorted(found, key=lambda item: (item.point, item.region != region))
    return _grouped((item.point, item) for item in ordered if item.point not in covered)


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
