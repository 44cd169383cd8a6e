"""Every trial in this process, one after another: same rows as under Ray, and debuggers work."""

from __future__ import annotations

import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dirsweep.config.trial import TrialSpec
from dirsweep.errors import TrialPruned, TrialTimeoutError
from dirsweep.execute.base import (
    STARTUP_S,
    Action,
    EndTrial,
    EpochEnded,
    Handler,
    Job,
    StartTrial,
    StopAll,
    TimePassed,
    TrialBegan,
    TrialEnded,
    hanging,
    outcome_or_failure,
)
from dirsweep.execute.worker import run_trial
from dirsweep.run.tables import Outcome
from dirsweep.training.state import Row


@contextmanager
def open_executor(job: Job) -> Iterator[InlineExecutor]:
    """Open this process as a place to run trials."""
    yield InlineExecutor(job)


class InlineExecutor:
    """Trains one trial at a time, within ``listen``.

    An epoch's time limit is kept by an alarm. It ends what Python can be called back from, such as
    a loop, a wait or a sleep, but not a single call that never returns (under Ray that ends, too).

    Args:
        job: what all trials have in common.
    """

    gpu_share, num_waiting = 0.0, 0

    def __init__(self, job: Job) -> None:
        self.job = job
        self._started: deque[TrialSpec] = deque()
        self._to_end: set[str] = set()
        self._stopping = False

    def room(self) -> int:
        """See ``Executor.room``."""
        return 1 - len(self._started)

    def perform(self, action: Action) -> None:
        """See ``Executor.perform``."""
        match action:
            case StartTrial(trial=trial):
                self._started.append(trial)
            case EndTrial(trial_id=trial_id):
                self._to_end.add(trial_id)
            case StopAll():
                self._stopping = True

    def listen(self, handle: Handler) -> bool:
        """Train the trial that was started, see ``Executor.listen``."""
        if not self._started or self._stopping:
            return False
        trial = self._started[0]
        handle(TrialBegan(trial.trial_id))
        try:
            outcome = self._train(trial, handle)
        except KeyboardInterrupt:
            if self._stopping:
                return False
            raise
        self._started.popleft()
        handle(TrialEnded(outcome))
        handle(TimePassed())
        return True

    def _train(self, trial: TrialSpec, handle: Handler) -> Outcome:
        with _alarm(self.job.resources.epoch_limit_s) as wind_up:

            def emit(row: Row) -> None:
                wind_up()
                self._report(trial.trial_id, row, handle)

            try:
                return run_trial(trial, Path(self.job.root), emit, self.job.worker_settings)
            except TrialTimeoutError as error:  # the alarm rang while the results were written
                return outcome_or_failure(trial, self.job.folder(trial.trial_id), str(error))

    def _report(self, trial_id: str, row: Row, handle: Handler) -> None:
        handle(EpochEnded(trial_id, row))
        if trial_id in self._to_end:
            raise TrialPruned
        handle(TimePassed())
        if self._stopping:
            raise KeyboardInterrupt


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
