"""How many trials share a GPU, and what happens to one that asked for more memory than its
share.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from dirsweep.config.trial import TrialSpec
from dirsweep.run.state import RunState
from dirsweep.run.tables import Outcome

#: memory that a trial is given for each byte that the measured one took
MARGIN = 1.2
#: so often a trial that ran out of memory is tried again, each time with twice the room
MAX_RETRIES = 2
#: steps of the measurement; the optimiser's state is there from the first one on
NUM_STEPS = 4


def share_of(used_mib: float, total_mib: float) -> float:
    """The part of a GPU for one trial: 1/n for the largest n whose trials fit, each with
    ``MARGIN``; 1 where none does.

    Args:
        used_mib: what one trial took at most, the CUDA context included.
        total_mib: of the GPU.
    """
    if used_mib <= 0:
        return 1.0
    return 1.0 / max(1, math.floor(total_mib / (used_mib * MARGIN) + 1e-9))


def measured_memory(trial: dict[str, Any]) -> tuple[float, float] | None:
    """(used, total) MiB of this process's GPU after a few steps of a trial and its validation; None
    without a GPU.

    Counts what the driver says is taken: tensors, the allocator's reserve, the CUDA context. To be
        run with a whole GPU
    in a process of its own.
    """
    import torch

    if not torch.cuda.is_available():
        return None
    from dirsweep.training.assembly import build_training

    config = {**trial["config"], "epochs": 1, "validate_every": 1}
    training = build_training(TrialSpec(**{**trial, "config": config}))
    few = training.data.samples["train"][: config["batch_size"] * NUM_STEPS]
    training.using({"train": few}).fit()
    free, total = torch.cuda.mem_get_info()
    return (total - free) / 2**20, total / 2**20


def ran_out_of_gpu_memory(outcome: Outcome) -> bool:
    """Whether that is why a trial failed (``training.memory.out_of_memory`` says it so)."""
    return outcome.status == "failed" and (outcome.error or "").startswith(
        "out of memory on the GPU"
    )


@dataclass
class Packing:
    """The share of a GPU that each trial gets.

    Attributes:
        share: of a trial that has not been in trouble.
        rooms: trial -> its share after it ran out of memory.
        retries: trial -> how often it was tried again.
    """

    share: float
    rooms: dict[str, float] = field(default_factory=dict)
    retries: dict[str, int] = field(default_factory=dict)

    def recall(self, state: RunState) -> None:
        """Take up what earlier sessions found out: who needs more room. A trial that has ended may
        be tried anew.
        """
        if self.share <= 0:
            return
        for trial in state.trials.values():
            if trial.share is not None:
                self.rooms[trial.trial_id] = max(self.share, trial.share)
            if trial.num_retries:
                self.retries[trial.trial_id] = trial.num_retries

    def share_of(self, trial_id: str) -> float:
        """What a trial gets now."""
        return self.rooms.get(trial_id, self.share)

    def more_room(self, outcome: Outcome) -> str | None:
        """Give a trial that ran out of memory twice its share; what to say of it, None where that
        is no help.

        A share is always 1/n, so that trials fill a GPU; above a half it is a whole one.
        """
        trial_id = outcome.trial_id
        share, done = self.share_of(trial_id), self.retries.get(trial_id, 0)
        if not ran_out_of_gpu_memory(outcome) or share <= 0 or share >= 1 or done >= MAX_RETRIES:
            return None
        self.rooms[trial_id] = 1.0 / max(1, math.floor(1 / (2 * share) + 1e-9))
        self.retries[trial_id] = done + 1
        return (
            f"out of memory with {share:.3g} of a GPU, tried again with {self.rooms[trial_id]:.3g}"
        )
