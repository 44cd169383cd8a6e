"""What each difference from the base costs, found from the paces of a few kinds of trials."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import astuple, dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from dirsweep.estimate.step_time import Length, Pace
from dirsweep.estimate.trial_kinds import Kind, scales_of

#: no sum of savings makes a trial faster than this share of the base's time
LEAST = 0.1


@dataclass(frozen=True)
class Prices:
    """What trials take by what differs from the base.

    Techniques add to the base. Its scale (backbone, batch size, precision) multiplies both: a
    second view costs another pass of whatever backbone there is. Differences that are in neither
    mapping were never timed and count as nothing.

    Attributes:
        base: without any difference.
        length: of a trial of the base.
        added: what a difference adds; what makes a trial faster is negative. Of scales only the
            start.
        factors: what a scale multiplies each part with; 1 for the start.
        noise: by how much the timings of the base's epoch differ, as a share of it; None where it
            was timed once.
        timed: the kinds that were timed, the base left out.
        failed: kinds that could not be trained, and why.
        untimed: differences that are in no kind that was timed or failed.
        together: groups of differences that were only ever timed together: each has an equal share
            of what they add.
    """

    base: Pace
    length: Length
    added: Mapping[str, Pace] = field(default_factory=dict)
    factors: Mapping[str, Pace] = field(default_factory=dict)
    noise: float | None = None
    timed: tuple[Kind, ...] = ()
    failed: tuple[tuple[Kind, str], ...] = ()
    untimed: tuple[str, ...] = ()
    together: tuple[tuple[str, ...], ...] = ()

    def pace(self, kind: Kind) -> Pace:
        """Of a trial with these differences."""
        base = _vector(self.base)
        whole = base + sum(_vector(self.added[name]) for name in sorted(kind) if name in self.added)
        return Pace(*(np.maximum(whole, LEAST * base) * _factor(kind, self.factors)).tolist())


def prices_of(
    length: Length,
    bases: list[Pace],
    timed: Mapping[Kind, Pace],
    failed: list[tuple[Kind, str]],
    names: Collection[str],
) -> Prices:
    """Prices from what was timed.

    Args:
        bases: the base, once or several times.
        timed: each scale alone, and kinds with no other scales than those.
        names: every difference there is.
    """
    base = np.mean([_vector(pace) for pace in bases], axis=0)
    alone = {
        name: _vector(pace)
        for kind, pace in timed.items()
        if kind == scales_of(kind)
        for name in kind
    }
    factors = {name: _ratio(pace, base) for name, pace in alone.items()}
    added = {name: Pace(float(pace[0] - base[0]), 0.0, 0.0, 0.0) for name, pace in alone.items()}
    mixed = {
        kind - scales_of(kind): (kind, pace)
        for kind, pace in timed.items()
        if kind != scales_of(kind)
    }
    techniques = sorted(set().union(*mixed))
    rows = rows_of(mixed, techniques)
    if mixed:
        starts = [
            sum((_vector(added[name]) for name in scales_of(kind)), 0 * base)
            for kind, _ in mixed.values()
        ]
        plain = [_vector(pace) / _factor(kind, factors) for kind, pace in mixed.values()]
        more = np.array(plain) - np.array(starts) - base
        # exact for each kind that was timed; what only occurred together is shared equally (least
        # squares, least norm)
        solved = (np.linalg.pinv(rows) @ more).tolist()
        added |= {name: Pace(*price) for name, price in zip(techniques, solved, strict=True)}
    groups: dict[bytes, list[str]] = {}
    for column, name in enumerate(techniques):
        groups.setdefault(rows[:, column].tobytes(), []).append(name)
    epochs = [pace.epoch_s for pace in bases]
    return Prices(
        base=Pace(*base.tolist()),
        length=length,
        added=added,
        factors=factors,
        noise=(max(epochs) - min(epochs)) / float(np.mean(epochs)) if len(epochs) > 1 else None,
        timed=tuple(timed),
        failed=tuple(failed),
        untimed=tuple(sorted(set(names).difference(added, *(kind for kind, _ in failed)))),
        together=tuple(tuple(group) for group in groups.values() if len(group) > 1),
    )


def rank_of(kinds: Collection[Kind], names: Collection[str]) -> int:
    """How many of the kinds' paces do not follow from the others'."""
    rows = rows_of(kinds, names)
    return int(np.linalg.matrix_rank(rows)) if rows.size else 0


def rows_of(kinds: Collection[Kind], names: Collection[str]) -> NDArray[np.float64]:
    """(K, D): 1 where a kind has a difference."""
    return np.array([[float(name in kind) for name in names] for kind in kinds]).reshape(
        len(kinds), len(names)
    )


def _ratio(pace: NDArray[np.float64], base: NDArray[np.float64]) -> Pace:
    """Part by part; a later stage goes with the first one's, what takes no time stays so, the start
    is no multiple.
    """
    found = Pace(*np.divide(pace, base, out=np.ones_like(base), where=base > 0).tolist())
    return replace(found, start_s=1.0, later_s=found.epoch_s)


def _factor(kind: Kind, factors: Mapping[str, Pace]) -> NDArray[np.float64]:
    known = [_vector(factors[name]) for name in sorted(kind) if name in factors]
    factor: NDArray[np.float64] = np.array([np.ones(5), *known]).prod(axis=0)
    return factor


def _vector(pace: Pace) -> NDArray[np.float64]:
    return np.array(astuple(pace))
