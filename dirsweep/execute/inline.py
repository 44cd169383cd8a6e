"""Every trial in this process, one after another: same rows as under Ray, and debuggers work."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dirsweep.config.trial import TrialSpec
from dirsweep.errors import TrialTimeoutError
from dirsweep.execute.base import (
    STARTUP_S,
    Handler,
    Job,
    TrialBegan,
    hanging,
    outcome_or_failure,
)
from dirsweep.execute.held_trials import HeldTrials
from dirsweep.execute.worker import run_trial
from dirsweep.run.tables import Outcome
from dirsweep.training.state import Row


@contextmanager
def open_executor(job: Job) -> Iterator[InlineExecutor]:
    """Open this process as a place to run trials."""
    yield InlineExecutor(job)


class InlineExecutor(HeldTrials):
    """Trains one trial at a time, within ``listen``.

    An epoch's time limit is kept by an alarm. It ends what Python can be called back from, such as
    a loop, a wait or a sleep, but not a single call that never returns (under Ray that ends, too).

    Args:
        job: what all trials have in common.
    """

    def listen(self, handle: Handler) -> bool:
        """Train the trial that was started, see ``Executor.listen``."""
        if not self.trials or self.stopping:
            return False
        trial = next(iter(self.trials.values()))
        handle(TrialBegan(trial.trial_id))
        try:
            outcome = self._train(trial, handle)
        except KeyboardInterrupt:
            if self.stopping:
                return False
            raise
        self.end(handle, outcome)
        return True

    def _train(self, trial: TrialSpec, handle: Handler) -> Outcome:
        with _alarm(self.job.resources.epoch_limit_s) as wind_up:

            def emit(row: Row) -> None:
                wind_up()
                self.report(handle, trial.trial_id, row)

            try:
                return run_trial(trial, Path(self.job.root), emit, self.job.worker_settings)
            except TrialTimeoutError as error:  # the alarm rang while the results were written
                return outcome_or_failure(trial, self.job.folder(trial.trial_id), str(error))


@contextmanager
def _alarm(limit_s: float | None) -> Iterator[Callable[[], None]]:
    """Yield a function; raise TrialTimeoutError ``limit_s`` seconds after it was last called."""
    if limit_s is None or threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    limit = limit_s

    def ring(number: int, frame: Any) -> None:
        raise TrialTimeoutError(hanging(limit))

    def wind_up() -> None:
        signal.setitimer(signal.ITIMER_REAL, limit)

    earlier = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, limit + STARTUP_S)
    try:
        yield wind_up
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, earlier)
