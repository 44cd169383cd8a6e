"""Model of a trial's durations by how it differs from the sweep's base.

Techniques add to the base. Scaling differences (backbone, batch size, precision) multiply both the
base and what techniques add: a second view costs another pass of whatever backbone there is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import astuple, dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from dirsweep.estimate.durations import Durations, TrialLength
from dirsweep.estimate.trial_kinds import Kind, scaling_part

#: savings never make a trial faster than this share of the base's time
MIN_SHARE = 0.1

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class CostModel:
    """Durations of the base, and what each difference changes in them.

    Differences that are in neither ``added`` nor ``factors`` were never timed and count as nothing.

    Attributes:
        base: durations without any difference.
        length: of a trial of the base.
        added: what a difference adds, negative where it makes a trial faster; of scaling
            differences the start only.
        factors: what a scaling difference multiplies each duration with; 1 for the start.
        noise: range of the base's repeated epoch timings as a share of their mean; None where it
            was timed once.
        timed: the kinds that were timed, without the base.
        failed: kinds that cannot be trained, and why.
        untimed: differences that are in no kind that was timed or failed.
        inseparable: groups of differences that were only ever timed together; what they add is
            shared equally.
    """

    base: Durations
    length: TrialLength
    added: Mapping[str, Durations] = field(default_factory=dict)
    factors: Mapping[str, Durations] = field(default_factory=dict)
    noise: float | None = None
    timed: tuple[Kind, ...] = ()
    failed: tuple[tuple[Kind, str], ...] = ()
    untimed: tuple[str, ...] = ()
    inseparable: tuple[tuple[str, ...], ...] = ()

    def durations(self, kind: Kind) -> Durations:
        """Predict the durations of a trial of some kind."""
        base = _vector(self.base)
        total = base.copy()
        for name in sorted(kind):
            if name in self.added:
                total += _vector(self.added[name])
        return _durations(np.maximum(total, MIN_SHARE * base) * _factor(kind, self.factors))


@dataclass(frozen=True)
class Timings:
    """What was measured for a cost model.

    Attributes:
        base: the base, once or several times.
        kinds: each scaling difference alone, and kinds with no other scaling differences than
            those.
        failed: kinds that cannot be trained, and why.
    """

    base: list[Durations] = field(default_factory=list)
    kinds: dict[Kind, Durations] = field(default_factory=dict)
    failed: list[tuple[Kind, str]] = field(default_factory=list)


def fit_cost_model(
    length: TrialLength, timings: Timings, differences: Collection[str]
) -> CostModel:
    """Find what each difference costs.

    Args:
        length: of a trial of the base.
        timings: what was measured.
        differences: every difference of the sweep's trials.

    Returns:
        A model that is exact for each kind that was timed.
    """
    base = np.mean([_vector(durations) for durations in timings.base], axis=0)
    alone, mixed = _split_kinds(timings.kinds)
    factors = {name: _ratio(durations, base) for name, durations in alone.items()}
    added = {
        name: Durations(float(durations[0] - base[0]), 0.0, 0.0, 0.0)
        for name, durations in alone.items()
    }
    techniques = sorted({name for kind in mixed for name in kind - scaling_part(kind)})
    if mixed:
        added |= _technique_costs(base, mixed, techniques, added, factors)
    known = set(added).union(*(kind for kind, _ in timings.failed))
    return CostModel(
        base=_durations(base),
        length=length,
        added=added,
        factors=factors,
        noise=_noise([durations.epoch_s for durations in timings.base]),
        timed=tuple(timings.kinds),
        failed=tuple(timings.failed),
        untimed=tuple(sorted(set(differences) - known)),
        inseparable=_equal_columns(mixed, techniques),
    )


def num_independent(kinds: Collection[Kind], differences: Collection[str]) -> int:
    """Return how many of the kinds' durations do not follow from the others'."""
    matrix = indicator_matrix(kinds, differences)
    return int(np.linalg.matrix_rank(matrix)) if matrix.size else 0


def indicator_matrix(kinds: Collection[Kind], differences: Collection[str]) -> Vector:
    """Return a (K, D) matrix that is 1 where a kind has a difference."""
    rows = [[float(name in kind) for name in differences] for kind in kinds]
    return np.array(rows).reshape(len(kinds), len(differences))


def _split_kinds(
    timed: Mapping[Kind, Durations],
) -> tuple[dict[str, Vector], dict[Kind, Vector]]:
    """Separate scaling differences that were timed alone from kinds with techniques."""
    alone: dict[str, Vector] = {}
    mixed: dict[Kind, Vector] = {}
    for kind, durations in timed.items():
        if kind == scaling_part(kind):
            alone |= dict.fromkeys(kind, _vector(durations))
        else:
            mixed[kind] = _vector(durations)
    return alone, mixed


def _technique_costs(
    base: Vector,
    mixed: Mapping[Kind, Vector],
    techniques: list[str],
    added: Mapping[str, Durations],
    factors: Mapping[str, Durations],
) -> dict[str, Durations]:
    """Solve for what each technique adds.

    The solution is exact for each kind, and of least norm: what only occurs together is shared
    equally.
    """
    excess = []
    for kind, durations in mixed.items():
        starts = sum((_vector(added[name]) for name in scaling_part(kind)), 0 * base)
        excess.append(durations / _factor(kind, factors) - starts - base)
    matrix = indicator_matrix(mixed, techniques)
    solution = np.linalg.pinv(matrix) @ np.array(excess)
    return {name: _durations(row) for name, row in zip(techniques, solution, strict=True)}


def _equal_columns(mixed: Mapping[Kind, Vector], names: list[str]) -> tuple[tuple[str, ...], ...]:
    """Return groups of names that occur in exactly the same kinds."""
    groups: dict[tuple[Kind, ...], list[str]] = {}
    for name in names:
        groups.setdefault(tuple(kind for kind in mixed if name in kind), []).append(name)
    return tuple(tuple(group) for group in groups.values() if len(group) > 1)


def _noise(epochs_s: list[float]) -> float | None:
    if len(epochs_s) < 2:
        return None
    return (max(epochs_s) - min(epochs_s)) / float(np.mean(epochs_s))


def _ratio(durations: Vector, base: Vector) -> Durations:
    """Divide part by part.

    A later stage scales like the first one; what takes no time stays so; the start is no multiple.
    """
    ratio = np.divide(durations, base, out=np.ones_like(base), where=base > 0)
    found = _durations(ratio)
    return replace(found, start_s=1.0, later_s=found.epoch_s)


def _factor(kind: Kind, factors: Mapping[str, Durations]) -> Vector:
    """Multiply the factors of a kind's scaling differences."""
    factor: Vector = np.ones(5)
    for name in sorted(kind):
        if name in factors:
            factor = factor * _vector(factors[name])
    return factor


def _vector(durations: Durations) -> Vector:
    return np.array(astuple(durations))


def _durations(vector: Vector) -> Durations:
    return Durations(*vector.tolist())
