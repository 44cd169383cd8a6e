"""Every trial in this process, one after another: the same rows as under Ray, and a debugger can
step through.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dirsweep.errors import TrialError, TrialPruned
from dirsweep.execute.base import STARTUP_S, Watcher, announce_end, announce_start, fail, hanging
from dirsweep.execute.worker import run_trial
from dirsweep.policy.proposer import Proposer
from dirsweep.run.folder import RunPaths


def run_inline(proposer: Proposer, root: Path, watcher: Watcher, *, num_threads: int) -> None:
    """Train what ``proposer`` proposes until it has nothing more.

    An epoch's time limit is kept with an alarm: it ends what Python can be called back from, such
    as a loop, a wait or a sleep, but not a single call that never returns (under Ray that ends,
    too).
    Raises: KeyboardInterrupt: interrupted, or asked to stop by a file; finished epochs are kept.
        StoreError: the run's folder cannot be written to.
    """
    stop, resources = RunPaths(root).stop, proposer.spec.resources
    while (trial := proposer.next_trial()) is not None:
        announce_start(watcher, proposer, trial)
        with _alarm(resources.epoch_limit_s) as wind_up:

            def emit(
                row: dict[str, Any],
                trial_id: str = trial.trial_id,
                wind_up: Callable[[], None] = wind_up,
            ) -> None:
                wind_up()
                watcher.trial_epoch(trial_id, row["epoch"], row)
                if proposer.observe(trial_id, row):
                    raise TrialPruned
                proposer.look_at_budget()
                if stop.exists() or proposer.stopping:
                    raise KeyboardInterrupt

            try:
                outcome = run_trial(
                    trial,
                    root,
                    emit,
                    num_threads=num_threads,
                    checkpoint_every_s=resources.checkpoint_every_s,
                    store_features=proposer.spec.store.features,
                )
            except TrialError as error:  # the alarm rang while the results were written
                outcome = fail(trial, proposer.folder_of(trial.trial_id), str(error))
        announce_end(watcher, proposer, outcome)
        if stop.exists() and not proposer.finished:
            raise KeyboardInterrupt


@contextmanager
def _alarm(limit_s: float | None) -> Iterator[Callable[[], None]]:
    """Raise TrialError in this thread once ``limit_s`` have passed since the yielded function was
    last called.
    """
    if limit_s is None or threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    limit = limit_s

    def ring(number: int, frame: Any) -> None:
        raise TrialError(hanging(limit))

    def wind_up() -> None:
        signal.setitimer(signal.ITIMER_REAL, limit)

    earlier = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, limit + STARTUP_S)
    try:
        yield wind_up
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, earlier)
