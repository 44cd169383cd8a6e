from __future__ import annotations

import os
import signal
from contextlib import suppress

import pytest

from dirsweep.execute.interrupts import noted_interrupts


def test_a_swallowed_interruption_is_raised_again() -> None:
    with noted_interrupts() as check:
        check()
        with suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            check()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interruption_is_raised_at_once() -> None:
    with pytest.raises(KeyboardInterrupt), noted_interrupts():
        os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_handler_of_somebody_else_stays() -> None:
    def handle(number: int, frame: object) -> None:
        pass

    earlier = signal.signal(signal.SIGINT, handle)
    try:
        with noted_interrupts() as check:
            os.kill(os.getpid(), signal.SIGINT)
            check()
        assert signal.getsignal(signal.SIGINT) is handle
    finally:
        signal.signal(signal.SIGINT, earlier)
