"""Check that every objective and constraint of a sweep can be computed on the validation split."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from dirsweep.config.sweep import SweepSpec
from dirsweep.data.base import Benchmark
from dirsweep.domain import Constraint, Objective
from dirsweep.errors import SpecError

#: metrics that need two samples with different labels
CORRELATIONS = ("pearson", "spearman")


def check_goals(spec: SweepSpec, benchmark: Benchmark) -> None:
    """Refuse a goal over a region in which no validation sample, or too few, can define it.

    Schedulers, racing and samplers decide by the same goals. Without this check every trial of the
    sweep would be trained and have no result.

    Args:
        spec: the sweep.
        benchmark: its data, prepared.

    Raises:
        SpecError: the first such goal, with the regions that there are and their sizes.
    """
    goals = list(_goals(spec))
    if all(goal.region == "all" and goal.metric not in CORRELATIONS for _, goal in goals):
        return
    labels = benchmark.bin_labels(benchmark.split("val").labels)
    regions = benchmark.bins.region_of(labels)
    by_region = {name: labels[regions == name] for name in benchmark.bins.reported_regions}
    by_region["all"] = labels
    for key, goal in goals:
        reason = _reason(goal, by_region.get(goal.region, labels[:0]))
        if reason:
            sizes = ", ".join(f"{name} {len(found)}" for name, found in by_region.items())
            what = f"{reason} (validation samples by region: {sizes})"
            raise SpecError(what, key=f"{key}.region", source=spec.source)


def _goals(spec: SweepSpec) -> Iterator[tuple[str, Objective]]:
    """Yield every objective, and the objective of every constraint, with its dotted key."""
    yield "objective", spec.objective
    yield from _listed("", spec.objectives, spec.constraints)
    for name, study in spec.studies.items():
        yield from _listed(f"studies.{name}.", study.objectives or (), study.constraints or ())


def _listed(
    prefix: str, objectives: Sequence[Objective], constraints: Sequence[Constraint]
) -> Iterator[tuple[str, Objective]]:
    for index, objective in enumerate(objectives):
        yield f"{prefix}objectives.{index}", objective
    for index, constraint in enumerate(constraints):
        yield f"{prefix}constraints.{index}", constraint.objective


def _reason(goal: Objective, labels: NDArray[np.float32]) -> str | None:
    """Say why a goal is undefined whatever is predicted; None where it can be computed."""
    if not len(labels):
        return f"no validation sample lies in region '{goal.region}', so {goal.name} is undefined"
    if goal.metric in CORRELATIONS and np.ptp(labels) == 0:
        return (
            f"{goal.metric} needs two validation samples with different labels in region "
            f"'{goal.region}'"
        )
    return None
