"""Whether a study's default is as good as its best point."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dirsweep.analysis.differences import Difference, contrast
from dirsweep.analysis.intervals import Interval, interval_of
from dirsweep.analysis.measurements import DEFAULT_RESAMPLING, Resampling, measure
from dirsweep.analysis.objectives import default_point, objective_of
from dirsweep.analysis.selection import could_be_chosen, top_points
from dirsweep.run.reader import Run


@dataclass(frozen=True)
class Plateau:
    """The study's default compared with its best point, on validation.

    Attributes:
        default: interval of the default, of the study's objective.
        best: interval of the best point.
        breaks: the constraints that the default violates; then it is not compared with the best.
        overlap: whether the two intervals share a value; None where one of them has none.
        difference: best minus default, paired, corrected for the best having been chosen among
            many. It is the stricter test. None when the default is the best, or violates a
            constraint.
    """

    default: Interval
    best: Interval
    breaks: tuple[str, ...]
    overlap: bool | None
    difference: Difference | None

    @property
    def on_plateau(self) -> bool | None:
        """Whether the intervals overlap and the paired difference is not separable.

        None where there are no intervals, or the default violates a constraint.
        """
        separable = self.difference is not None and self.difference.separable
        return None if self.overlap is None or self.breaks else self.overlap and not separable

    @property
    def is_best(self) -> bool:
        """Whether the default was chosen itself."""
        return self.default.point == self.best.point


def plateau(run: Run, study: str, *, resampling: Resampling = DEFAULT_RESAMPLING) -> Plateau | None:
    """Compare the base's own point with the study's best.

    Args:
        run: the run.
        study: its key in the sweep file.
        resampling: number of draws and seed.

    Returns:
        The comparison; None when the base is not among the study's points.
    """
    default, best = default_point(run, study), next(iter(top_points(run, study, 1)), None)
    if default is None or best is None:
        return None
    measured = measure(run, study, objective_of(run, study), resampling=resampling)
    seed = resampling.seed
    if default.index not in measured.values or best.index not in measured.values:
        return None
    ends = (
        interval_of(measured, default.index, seed=seed),
        interval_of(measured, best.index, seed=seed),
    )
    lows = [item.low for item in ends if item.low is not None]
    highs = [item.high for item in ends if item.high is not None]
    overlap = max(lows) <= min(highs) if len(lows) == len(highs) == 2 else None
    common = set(measured.values[default.index]) & set(measured.values[best.index])
    difference = None
    breaks = tuple(name for name, beyond in default.violations.items() if beyond > 0)
    if default.index != best.index and common and not breaks:
        difference = contrast(measured, {best.index: 1.0}, {default.index: 1.0}, seed=seed)
        num = len(could_be_chosen(measured)) - 1
        p = None if difference.p is None else min(1.0, num * difference.p)
        difference = replace(
            difference,
            p_corrected=p,
            num_comparisons=num,
            family=f"points of {study} that could have been the best, by Bonferroni",
        )
    return Plateau(ends[0], ends[1], breaks, overlap, difference)
