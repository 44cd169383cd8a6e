"""Rules that end trials early, as functions of the trials' objectives by epoch.

The same curves give the same answer, whatever the process and the order in which trials are read.
So a resumed run whose trials are trained one after another judges as an undisturbed one; where
several are trained at a time, a verdict depends on how far the others are. A trial that resumes
from a checkpoint keeps the verdicts on all of its earlier epochs but the last one, which is judged
again: the log does not show whether it had been judged. If only some of the studies that share it
had given it up, they judge it again at its next rung.

Successive halving and the median follow Optuna's pruners, which keep rungs and brackets in a study
in memory, by the order in which trials were asked for; no log gives these back. Optuna's patience
never ends a trial whose best value so far stays the same. An undefined objective is the worst there
is (see ``domain.is_undefined``).
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from dirsweep.config.scheduler import SchedulerSpec


@dataclass
class Curve:
    """The objective of one trial, as a scheduler sees it.

    Attributes:
        costs: number of epochs trained -> best objective so far as a cost (less is better),
            infinite where it is undefined; ascending, of validated epochs only.
        complete: whether the trial has been trained to its end.
        bracket: hyperband: which bracket the trial belongs to.
        unimproved: validations since the best so far, where an epoch may have several; None where
            each of ``costs`` is one.
    """

    costs: dict[int, float] = field(default_factory=dict)
    complete: bool = False
    bracket: int = 0
    unimproved: int | None = None


def wants_end(spec: SchedulerSpec, curve: Curve, others: Sequence[Curve]) -> bool:
    """Return whether a scheduler ends a trial after its last validated epoch.

    Args:
        spec: the scheduler.
        curve: of the trial.
        others: of the other trials that the scheduler has seen.
    """
    match spec.name:
        case "asha":
            return _is_behind(curve, others, spec.grace_epochs, spec.reduction_factor)
        case "hyperband":
            peers = [other for other in others if other.bracket == curve.bracket]
            first_rung = spec.grace_epochs * spec.reduction_factor**curve.bracket
            return _is_behind(curve, peers, first_rung, spec.reduction_factor)
        case "median":
            return _is_below_median(curve, others, spec.grace_epochs, spec.min_trials)
        case "patience":
            return _is_out_of_patience(curve, spec.grace_epochs, spec.patience)
        case "none":
            return False


# ---- successive halving


def _is_behind(curve: Curve, others: Sequence[Curve], first_rung: int, factor: int) -> bool:
    """Return whether a trial is not promoted at a rung that it has just reached (ASHA).

    Rungs are at ``first_rung * factor ** k`` epochs. A trial is judged at the first validated
    epoch from a rung on, against every trial that was judged at the rung before.
    """
    now = max(curve.costs)
    for rung in _rungs(first_rung, factor, now):
        if _judged_at(curve, rung) != now:
            continue
        cost = curve.costs[now]
        peers = [other.costs[at] for other in others if (at := _judged_at(other, rung))]
        if not _is_promoted(cost, peers, factor):
            return True
    return False


def _rungs(first_rung: int, factor: int, last_epoch: int) -> Iterator[int]:
    rung = first_rung
    while rung <= last_epoch:
        yield rung
        rung *= factor


def _judged_at(curve: Curve, rung: int) -> int | None:
    """Return the first validated epoch from a rung on; None before it."""
    return next((epoch for epoch in curve.costs if epoch >= rung), None)


def _is_promoted(cost: float, peers: Iterable[float], factor: int) -> bool:
    """Return whether a cost is among the best 1/factor, of few trials the best one."""
    if math.isinf(cost):
        return False
    ranked = sorted([cost, *peers])
    return cost <= ranked[max(0, len(ranked) // factor - 1)]


# ---- hyperband's brackets


def bracket_of(spec: SchedulerSpec, max_epochs: int, key: str) -> int:
    """Return the bracket of a trial; later ones judge first after more epochs.

    Brackets take turns by a hash of ``key`` in the shares of Hyperband (Li et al., JMLR 2018).

    Args:
        spec: a hyperband scheduler.
        max_epochs: of a whole training.
        key: names the trial; nothing else decides, so every process gives the same answer.
    """
    shares = _bracket_shares(spec, max_epochs)
    place = zlib.crc32(key.encode()) % sum(shares)
    for bracket, share in enumerate(shares):
        place -= share
        if place < 0:
            return bracket
    raise AssertionError("shares cover every place")


def _bracket_shares(spec: SchedulerSpec, max_epochs: int) -> list[int]:
    """Return each bracket's share of the trials."""
    num_rungs = sum(1 for _ in _rungs(spec.grace_epochs, spec.reduction_factor, max_epochs))
    num = max(1, num_rungs)
    return [
        math.ceil(num * spec.reduction_factor ** (num - 1 - bracket) / (num - bracket))
        for bracket in range(num)
    ]


# ---- median and patience


def _is_below_median(
    curve: Curve, others: Sequence[Curve], grace_epochs: int, min_trials: int
) -> bool:
    """Return whether a trial's best is worse than the median of the complete ones at its epoch."""
    now = max(curve.costs)
    peers = [other.costs[now] for other in others if other.complete and now in other.costs]
    if now < grace_epochs or len(peers) < min_trials:
        return False
    return min(curve.costs.values()) > median(peers)


def _is_out_of_patience(curve: Curve, grace_epochs: int, patience: int) -> bool:
    """Return whether a trial's best has not changed for ``patience`` validations.

    A best that gets worse is that of a new stage of the training, which starts anew.
    """
    unimproved = num_unimproved(curve.costs) if curve.unimproved is None else curve.unimproved
    return max(curve.costs) >= grace_epochs and unimproved >= patience


def num_unimproved(costs: Mapping[int, float]) -> int:
    """Return the number of validations since the best so far has changed."""
    values = list(costs.values())
    unchanged = 0
    for earlier, later in zip(reversed(values[:-1]), reversed(values), strict=False):
        if earlier != later:
            break
        unchanged += 1
    return unchanged
