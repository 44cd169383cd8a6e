"""What validation chooses, and what having chosen it does to its number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dirsweep.analysis.intervals import Interval, interval_of, intervals
from dirsweep.analysis.measurements import NUM_RESAMPLES, Measured, measure, points_of, rng_for
from dirsweep.analysis.objectives import aims_of, default_point
from dirsweep.analysis.summaries import PointSummary, best_point, num_different, sorted_by_objective
from dirsweep.domain import REGIONS
from dirsweep.errors import StoreError, did_you_mean
from dirsweep.run.reader import Run


@dataclass(frozen=True)
class Selection:
    """The point chosen on validation, and what having chosen it does to its number.

    Attributes:
        study: where.
        chosen: the best complete point by validation.
        num_looked_at: different configurations that had a chance, pruned ones included.
        num_complete: of them those that could be chosen: with a validation figure of complete
            trials, and keeping to the constraints where some do.
        validation: the chosen point's validation figure, which selection makes look better than it
            is.
        optimism: by how much, in the metric's unit, >= 0; None for a single point or without
            predictions and seeds. Leaves out the seeds' part where there is one seed only.
        corrected: the validation figure without it.
        test: the chosen point's test figures by region: these were not looked at to choose it.
    """

    study: str
    chosen: PointSummary
    num_looked_at: int
    num_complete: int
    validation: Interval
    optimism: float | None
    corrected: float | None
    test: dict[str, Interval]


def selection(
    run: Run, study: str, *, num_resamples: int = NUM_RESAMPLES, seed: int = 0
) -> Selection | None:
    """What validation chooses in a study; None without a complete point.

    The optimism of the best of N is found by playing the choice again: true values as far as the
        noise lets them be
    known (observed ones, drawn together by the share of their variance that noise explains), noise
    of seeds and validation samples drawn on top, the best taken, and its drawn value held against
    its true one.
    """
    objective = aims_of(run, study).objective
    points = points_of(run, study)
    chosen = best_point(points, objective)
    if chosen is None:
        return None
    measured = measure(
        run,
        study,
        objective.metric,
        objective.region,
        split="val",
        num_resamples=num_resamples,
        seed=seed,
    )
    if chosen.index not in measured.values:
        return None
    validation = interval_of(measured, chosen.index, seed)
    among = could_be_chosen(measured)
    optimism = _optimism(measured, among, objective.higher_is_better, seed)
    sign = 1.0 if objective.higher_is_better else -1.0
    test: dict[str, Interval] = {}
    for region in REGIONS:
        found = intervals(
            run,
            study,
            objective.metric,
            region,
            points=[chosen.index],
            num_resamples=num_resamples,
            seed=seed,
        )
        if found:
            test[region] = found[0]
    return Selection(
        study=study,
        chosen=chosen,
        num_looked_at=num_different(points),
        num_complete=len(among),
        validation=validation,
        optimism=optimism,
        corrected=None if optimism is None else validation.mean - sign * optimism,
        test=test,
    )


def could_be_chosen(measured: Measured) -> list[int]:
    """Measured points that keep to the study's constraints, equal ones once; all of them where none
    does.
    """
    first = {
        tuple(found.items()): index for index, found in reversed(measured.trials.items()) if found
    }
    different = sorted(first.values())
    return [index for index in different if measured.points[index].feasible] or different


def _optimism(
    measured: Measured, indices: Sequence[int], higher_is_better: bool, seed: int
) -> float | None:
    if len(indices) < 2:
        return None
    rng = rng_for(seed, "optimism")
    means = np.array([np.mean(list(measured.values[index].values())) for index in indices])
    parts = [measured.draws_of(index, measured.values[index]) for index in indices]
    sampled = [part for part in parts if part is not None]
    num_draws = len(sampled[0]) if len(sampled) == len(parts) else NUM_RESAMPLES
    noise = np.zeros((num_draws, len(indices)))
    if len(sampled) == len(parts):
        drawn = np.stack([part.mean(axis=1) for part in sampled], axis=1)
        # the same in every draw of one seed or many: what the samples do, centred
        noise += np.nan_to_num(drawn - np.nanmean(drawn, axis=0))
    groups = [list(measured.values[index].values()) for index in indices]
    df = sum(len(group) - 1 for group in groups)
    if df:
        pooled = (
            sum(
                (len(group) - 1) * float(np.var(group, ddof=1))
                for group in groups
                if len(group) > 1
            )
            / df
        )
        noise += rng.standard_normal(noise.shape) * np.sqrt(
            [pooled / len(group) for group in groups]
        )
    if not noise.any():
        return None
    # what moves all points alike chooses none of them
    own = noise - noise.mean(axis=1, keepdims=True)
    observed = float(means.var(ddof=1))
    kept = max(0.0, 1 - float(own.var(axis=0).mean()) / observed) if observed > 0 else 0.0
    truth = means.mean() + kept * (means - means.mean())
    looks = truth + noise
    best = looks.argmax(axis=1) if higher_is_better else looks.argmin(axis=1)
    gain = np.take_along_axis(noise, best[:, None], axis=1).mean()
    return max(0.0, float(gain if higher_is_better else -gain))


def top_points(run: Run, study: str, num: int) -> list[PointSummary]:
    """The best ``num`` complete points by validation, best first."""
    objective = aims_of(run, study).objective
    points = [p for p in points_of(run, study) if not p.preliminary and objective.name in p.metrics]
    return sorted_by_objective(points, objective)[:num]


def best_of_studies(run: Run, num: int, study: str | None = None) -> dict[str, list[PointSummary]]:
    """Study -> its best ``num`` points by validation.

    Args:
        study: its name; by default every search of the run, or, where there is none, every study of
            two points or more.
    Raises: StoreError: no complete trial, no such study, none with complete points to choose from.
    """
    run.require_finished()
    if study is not None and study not in run.studies:
        raise StoreError(
            f"{run.paths.root}: no study '{study}'; {did_you_mean(study, run.studies)}"
        )
    searches = [name for name in run.studies if searched(run, name)]
    names = (
        [study]
        if study is not None
        else searches or [n for n in run.studies if len(top_points(run, n, 2)) > 1]
    )
    found = {name: points for name in names if (points := top_points(run, name, num))}
    if not found:
        raise StoreError(f"{run.paths.root}: no study with complete points to choose from")
    return found


def searched(run: Run, study: str) -> bool:
    """Whether a sampler proposed the study's points."""
    return "space" in ((run.spec.get("studies") or {}).get(study) or {})


def baseline_of(run: Run, study: str) -> PointSummary | None:
    """What points are held against: the base itself, else a planned study's first complete point;
    None without any.

    The first point of a search is one of many that validation did not choose.
    """
    first = (
        None
        if searched(run, study)
        else next((p for p in points_of(run, study) if not p.preliminary), None)
    )
    return default_point(run, study) or first


def base_and_best(run: Run, study: str) -> list[PointSummary]:
    """What ``baseline_of`` says and the best by validation, once where they are the same; empty
    without a best.
    """
    best, base = (
        best_point(points_of(run, study), aims_of(run, study).objective),
        baseline_of(run, study),
    )
    if best is None:
        return []
    return [best] if base is None or base.index == best.index else [base, best]


def points_with_test_figures(run: Run, study: str) -> list[int]:
    """Points whose test figures may be shown: all planned ones; of a search only what validation
    chose and the base.

    With several objectives validation chooses the front; the best by the sweep's own objective is
    shown as well.

    A search looks at many configurations; the test figures of those it did not choose would be
    chosen on test by whoever reads them.
    """
    complete = [point for point in points_of(run, study) if not point.preliminary]
    if not searched(run, study):
        return [point.index for point in complete]
    best, default = best_point(complete, aims_of(run, study).objective), default_point(run, study)
    chosen = [point for point in complete if point.front]
    return sorted({point.index for point in (best, default, *chosen) if point is not None})
