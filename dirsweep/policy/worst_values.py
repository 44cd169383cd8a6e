"""Finite worst values for points that failed by their own fault, as samplers are told them.

Optuna's samplers ignore trials that failed, so a region where every point diverges would be
proposed again and again. A failed point is told with the worst value of each objective that any
other point has, and with the largest violation of each constraint. These values follow from all
points together and not from their order, so a search rebuilt from the log has the same ones; they
are set anew whenever a worse point becomes known.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from dirsweep.domain import is_undefined

#: objective, and violation of a constraint, of failed points while no other point has one
UNKNOWN_VALUE, UNKNOWN_VIOLATION = 0.0, 1.0


class WorstValues:
    """The worst values among the points of a study, and the trials that are told with them.

    Args:
        directions: of the objectives.
    """

    def __init__(self, directions: Sequence[StudyDirection]) -> None:
        self._signs = [-1.0 if one is StudyDirection.MAXIMIZE else 1.0 for one in directions]
        self._costs = [-math.inf] * len(self._signs)
        self._violations: dict[str, float] = {}
        self._failed: set[int] = set()
        #: number of a trial -> names of the constraints whose violation is not known
        self._unknown: dict[int, tuple[str, ...]] = {}
        #: whether ``apply`` has something to change
        self.stale = False

    def note(
        self,
        number: int,
        values: Sequence[float] | None,
        constraints: Mapping[str, float],
        *,
        failed: bool,
    ) -> None:
        """Note what is known of one of Optuna's trials.

        Args:
            number: of the trial.
            values: of its objectives; None where it has none, or failed.
            constraints: name -> violation; infinite where it is not known.
            failed: whether the trial is told with the worst values.
        """
        before = self._costs, dict(self._violations)
        unknown = tuple(name for name, broken in constraints.items() if is_undefined(broken))
        if unknown:
            self._unknown[number] = unknown
        if failed:
            self._failed.add(number)
        self._note_violations(constraints)
        if values is not None and not failed:
            self._note_costs(values)
        is_worse = (self._costs, self._violations) != before
        if failed or unknown or (is_worse and (self._failed or self._unknown)):
            self.stale = True

    def _note_violations(self, constraints: Mapping[str, float]) -> None:
        for name, broken in constraints.items():
            if not is_undefined(broken) and broken > 0:
                self._violations[name] = max(broken, self._violations.get(name, 0.0))

    def _note_costs(self, values: Sequence[float]) -> None:
        costs = [sign * value for sign, value in zip(self._signs, values, strict=True)]
        self._costs = [max(pair) for pair in zip(self._costs, costs, strict=True)]

    @property
    def values(self) -> list[float]:
        """The worst value of each objective."""
        pairs = zip(self._signs, self._costs, strict=True)
        return [sign * cost if math.isfinite(cost) else UNKNOWN_VALUE for sign, cost in pairs]

    def violation(self, constraint: str) -> float:
        """Return the largest violation of a constraint."""
        return self._violations.get(constraint, UNKNOWN_VIOLATION)

    def apply(self, trials: Sequence[FrozenTrial]) -> None:
        """Set values and violations of the failed trials.

        Args:
            trials: all of a study in memory, each at its number; changed in place, because Optuna
                refuses to change a trial that has ended.
        """
        for number in self._failed:
            if trials[number].state is TrialState.COMPLETE:
                trials[number].values = self.values
        for number, names in self._unknown.items():
            for name in names:
                trials[number].system_attrs[f"constraints:{name}"] = self.violation(name)
        self.stale = False
