"""Which trials are trained again: those that ran out of memory on a GPU that they shared."""

from __future__ import annotations

import math

from dirsweep.run.events import Retried
from dirsweep.run.state import RunState
from dirsweep.run.tables import Outcome

#: how often a trial that ran out of memory is retried, each time with twice the share
MAX_RETRIES = 2


def share_of(state: RunState, trial_id: str, usual_share: float) -> float:
    """Return the part of a GPU that a trial gets.

    Args:
        state: of the run; a trial that ran out of memory earlier keeps its larger share.
        trial_id: which.
        usual_share: of a trial that was never in trouble; 0 without a GPU.
    """
    trial = state.trials.get(trial_id)
    if usual_share <= 0 or trial is None or trial.share is None:
        return usual_share
    return max(usual_share, trial.share)


def retry_of(state: RunState, outcome: Outcome, usual_share: float) -> Retried | None:
    """Decide whether a trial is trained again, with twice its share of a GPU.

    A share is always 1/n, so that trials fill a GPU; above a half it is a whole one.

    Args:
        state: of the run.
        outcome: how the trial ended.
        usual_share: see ``share_of``.

    Returns:
        None where more memory is not what it lacks, or it cannot get more.
    """
    trial = state.trials.get(outcome.trial_id)
    num_retries = 0 if trial is None else trial.num_retries
    share = share_of(state, outcome.trial_id, usual_share)
    can_grow = 0 < share < 1 and num_retries < MAX_RETRIES
    if not can_grow or not ran_out_of_gpu_memory(outcome):
        return None
    larger = 1.0 / max(1, math.floor(1 / (2 * share) + 1e-9))
    note = f"out of memory with {share:.3g} of a GPU, tried again with {larger:.3g}"
    return Retried(outcome.trial_id, note, larger)


def ran_out_of_gpu_memory(outcome: Outcome) -> bool:
    """Return whether that is why a trial failed (``training.memory`` words the error)."""
    return outcome.status == "failed" and (outcome.error or "").startswith(
        "out of memory on the GPU"
    )
