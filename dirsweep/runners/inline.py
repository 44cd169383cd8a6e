"""Every trial in this process, one after another: the same rows as under Ray, and a debugger can step through."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dirsweep.errors import TrialPruned
from dirsweep.runners.base import Watcher, announce_end, announce_start
from dirsweep.runners.worker import run_trial
from dirsweep.search.proposer import Proposer


def run_inline(proposer: Proposer, root: Path, watcher: Watcher, *, num_threads: int) -> None:
    """Train what ``proposer`` proposes until it has nothing more.

    Raises: KeyboardInterrupt: the running trial's checkpoint is written.
    """
    while (trial := proposer.next_trial()) is not None:
        announce_start(watcher, proposer, trial)

        def emit(row: dict[str, Any], trial_id: str = trial.trial_id) -> None:
            watcher.trial_epoch(trial_id, row["epoch"], row)
            if proposer.observe(trial_id, row):
                raise TrialPruned

        announce_end(watcher, proposer, run_trial(trial, root, emit, num_threads=num_threads))
