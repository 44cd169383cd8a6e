"""The meeting of two threads: Ray Tune's, which reports, and the driver's, which decides."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from dirsweep.execute.base import Handler

#: handles a report in the driver's thread
Work = Callable[[Handler], None]
#: seconds between two checks whether the driver has left
_CHECK_EVERY_S = 0.5


class AbandonedError(BaseException):
    """Leaves Ray Tune at once, which catches common exceptions and would wait for what is gone."""


@dataclass(frozen=True)
class _Report:
    work: Work
    handled: threading.Event = field(default_factory=threading.Event)


class Rendezvous:
    """Hands reports from one thread to another, one at a time.

    The reporting thread waits until its report has been handled and the driver listens again, so
    everything that the driver does in between is done before that thread continues.
    """

    def __init__(self) -> None:
        self._reports: SimpleQueue[_Report] = SimpleQueue()
        self._current: _Report | None = None
        self._closed = self._abandoned = False

    # ---- in the reporting thread

    def report(self, work: Work) -> None:
        """Have ``work`` done in the driver's thread, and wait for it.

        Raises:
            AbandonedError: the driver has left, and so must this thread.
        """
        self.check()
        if self._closed:
            return
        report = _Report(work)
        self._reports.put(report)
        while not report.handled.wait(_CHECK_EVERY_S):
            if self._closed:
                break
        self.check()

    def check(self) -> None:
        """Raise AbandonedError if the driver has ended."""
        if self._abandoned:
            raise AbandonedError

    # ---- in any thread

    def post(self, work: Work) -> None:
        """Have ``work`` done in the driver's thread, without waiting; safe in a signal handler."""
        self._reports.put(_Report(work))

    # ---- in the driver's thread

    def listen(self, handle: Handler, timeout_s: float) -> bool:
        """Let the last reporter continue, then handle the next report.

        Returns:
            Whether there was a report within ``timeout_s`` seconds.
        """
        self._release()
        try:
            self._current = self._reports.get(timeout=max(0.0, timeout_s))
        except Empty:
            return False
        self._current.work(handle)
        return True

    def close(self) -> None:
        """Handle nothing more; reporters continue at once."""
        self._closed = True
        self._release()

    def abandon(self) -> None:
        """Make the reporting thread leave what it does."""
        self._abandoned = True
        self.close()

    def _release(self) -> None:
        if self._current is not None:
            self._current.handled.set()
            self._current = None
