"""Selection by validation, and the bias it causes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dirsweep.analysis.intervals import Interval, interval_of, intervals
from dirsweep.analysis.measurements import (
    DEFAULT_RESAMPLING,
    Floats,
    Measured,
    Resampling,
    columns_of,
    measure,
    points_of,
    rng_for,
)
from dirsweep.analysis.objectives import default_point, objective_of
from dirsweep.analysis.summaries import PointSummary, best_point, num_different, sorted_by_objective
from dirsweep.errors import StoreError, did_you_mean
from dirsweep.run.reader import Run


@dataclass(frozen=True)
class Selection:
    """The point chosen on validation.

    Attributes:
        study: its key in the sweep file.
        chosen: the best complete point by validation.
        num_looked_at: distinct configurations that were tried, pruned ones included.
        num_complete: those of them that could be chosen: complete, with a validation value, and
            feasible where some are.
        validation: the chosen point's validation value, which selection biases.
        bias: by how much it looks better than it is, in the metric's unit, >= 0; None for a single
            point or without predictions and seeds. From one seed the seeds' part is missing.
        corrected: the validation value without the bias.
        test: the chosen point's test values by region; these were not used to choose it.
    """

    study: str
    chosen: PointSummary
    num_looked_at: int
    num_complete: int
    validation: Interval
    bias: float | None
    corrected: float | None
    test: dict[str, Interval]


def selection(
    run: Run, study: str, *, resampling: Resampling = DEFAULT_RESAMPLING
) -> Selection | None:
    """Return what validation chooses in a study; None without a complete point.

    The bias of the best of N is estimated by repeating the choice: the true values are estimated
    from the observed ones, shrunk towards their mean by the share of their variance that noise
    explains; noise of seeds and validation samples is drawn on top; the best is chosen, and its
    drawn value compared with its true one.

    Args:
        run: the run.
        study: its key in the sweep file.
        resampling: number of draws and seed.
    """
    objective = objective_of(run, study)
    points = points_of(run, study)
    chosen = best_point(points, objective)
    if chosen is None:
        return None
    measured = measure(run, study, objective, resampling=resampling)
    if chosen.index not in measured.values:
        return None
    validation = interval_of(measured, chosen.index, seed=resampling.seed)
    candidates = could_be_chosen(measured)
    bias = bias_of_best(measured, candidates, objective.higher_is_better, resampling)
    sign = 1.0 if objective.higher_is_better else -1.0
    test: dict[str, Interval] = {}
    for column in columns_of(run, metric=objective.metric):
        found = intervals(run, study, column, points=[chosen.index], resampling=resampling)
        if found:
            test[column.region] = found[0]
    return Selection(
        study=study,
        chosen=chosen,
        num_looked_at=num_different(points),
        num_complete=len(candidates),
        validation=validation,
        bias=bias,
        corrected=None if bias is None else validation.mean - sign * bias,
        test=test,
    )


def could_be_chosen(measured: Measured) -> list[int]:
    """Return the distinct feasible points; all distinct points where none is feasible."""
    first = {
        tuple(found.items()): index for index, found in reversed(measured.trials.items()) if found
    }
    different = sorted(first.values())
    return [index for index in different if measured.points[index].feasible] or different


def bias_of_best(
    measured: Measured,
    indices: Sequence[int],
    higher_is_better: bool,
    resampling: Resampling = DEFAULT_RESAMPLING,
) -> float | None:
    """Estimate how much better the best of several points looks than it is.

    Args:
        measured: the points' validation values.
        indices: the points that could be chosen.
        higher_is_better: direction of the metric.
        resampling: number of draws and seed.

    Returns:
        The bias in the metric's unit, >= 0; None for a single point, and where neither seeds nor
        samples show any noise.
    """
    if len(indices) < 2:
        return None
    means = np.array([np.mean(list(measured.values[index].values())) for index in indices])
    noise = _noise_of(measured, indices, resampling)
    if not noise.any():
        return None
    truth = _shrunk_to_mean(means, noise)
    seen = truth + noise
    best = seen.argmax(axis=1) if higher_is_better else seen.argmin(axis=1)
    gain = np.take_along_axis(noise, best[:, None], axis=1).mean()
    return max(0.0, float(gain if higher_is_better else -gain))


def _noise_of(measured: Measured, indices: Sequence[int], resampling: Resampling) -> Floats:
    """(R, P) what validation samples and seeds do to the points' means, centred."""
    parts = [measured.of_point(index).draws for index in indices]
    sampled = [part for part in parts if part is not None]
    complete = len(sampled) == len(parts)
    num_draws = len(sampled[0]) if complete else resampling.num_draws
    noise = np.zeros((num_draws, len(indices)))
    if complete:
        drawn = np.stack([part.mean(axis=1) for part in sampled], axis=1)
        noise += np.nan_to_num(drawn - np.nanmean(drawn, axis=0))
    variances = _variances_over_seeds([list(measured.values[index].values()) for index in indices])
    if variances is not None:
        rng = rng_for(resampling.seed, "optimism")
        noise += rng.standard_normal(noise.shape) * np.sqrt(variances)
    return noise


def _variances_over_seeds(groups: Sequence[Sequence[float]]) -> list[float] | None:
    """The variance of each group's mean, from the variance pooled over all groups.

    None where no group has two seeds.
    """
    df = sum(len(group) - 1 for group in groups)
    if not df:
        return None
    several = [group for group in groups if len(group) > 1]
    squares = sum((len(group) - 1) * float(np.var(group, ddof=1)) for group in several)
    return [squares / df / len(group) for group in groups]


def _shrunk_to_mean(means: Floats, noise: Floats) -> Floats:
    """Shrink the (P,) observed means by the share of their variance that noise explains."""
    # what moves all points alike chooses none of them
    own = noise - noise.mean(axis=1, keepdims=True)
    observed = float(means.var(ddof=1))
    kept = max(0.0, 1 - float(own.var(axis=0).mean()) / observed) if observed > 0 else 0.0
    shrunk: Floats = means.mean() + kept * (means - means.mean())
    return shrunk


def top_points(run: Run, study: str, num: int) -> list[PointSummary]:
    """Return the best ``num`` complete points by validation, best first."""
    objective = objective_of(run, study)
    points = [p for p in points_of(run, study) if not p.preliminary and objective.name in p.metrics]
    return sorted_by_objective(points, objective)[:num]


def best_of_studies(run: Run, num: int, study: str | None = None) -> dict[str, list[PointSummary]]:
    """Return study -> its best ``num`` points by validation.

    Args:
        run: the run.
        num: number of points per study.
        study: its name; by default every search of the run, or, without a search, every study of
            two points or more.

    Raises:
        StoreError: no complete trial, no such study, or no study with complete points.
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
    best = {name: top_points(run, name, num) for name in names}
    found = {name: points for name, points in best.items() if points}
    if not found:
        raise StoreError(f"{run.paths.root}: no study has complete points to choose from")
    return found


def searched(run: Run, study: str) -> bool:
    """Return whether a sampler proposed the study's points."""
    return run.manifest.study(study).searched


def baseline_of(run: Run, study: str) -> PointSummary | None:
    """Return the point that others are compared with.

    It is the base itself, else a planned study's first complete point; None without either. The
    first point of a search is no baseline: validation did not choose it.
    """
    first = (
        None
        if searched(run, study)
        else next((p for p in points_of(run, study) if not p.preliminary), None)
    )
    return default_point(run, study) or first


def points_with_test_figures(run: Run, study: str) -> list[int]:
    """Return the points whose test results may be shown.

    Those are all points of a planned study; of a search only the base and what validation chose:
    the best point by the sweep's objective and, with several objectives, the front. A reader who
    sees the test results of every point of a search would choose on test.
    """
    complete = [point for point in points_of(run, study) if not point.preliminary]
    if not searched(run, study):
        return [point.index for point in complete]
    best, default = best_point(complete, objective_of(run, study)), default_point(run, study)
    chosen = [point for point in complete if point.front]
    return sorted({point.index for point in (best, default, *chosen) if point is not None})
