"""Interruptions (Ctrl-C) that a library swallows."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def noted_interrupts() -> Iterator[Callable[[], None]]:
    """Note interruptions besides raising KeyboardInterrupt.

    Python drops an exception that is raised in a callback of its garbage collector, and Ray runs
    many while it starts; the user's Ctrl-C would be lost with it.

    Yields:
        A function that raises KeyboardInterrupt if one was raised since and something dropped it.
    """
    noted = False

    def note(number: int, frame: Any) -> None:
        nonlocal noted
        noted = True
        raise KeyboardInterrupt

    def check() -> None:
        if noted:
            raise KeyboardInterrupt

    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    ):
        yield check  # somebody else handles them, such as the server of a notebook
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield check
    finally:
        if signal.getsignal(signal.SIGINT) is note:
            signal.signal(signal.SIGINT, signal.default_int_handler)
