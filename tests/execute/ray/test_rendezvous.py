"""Two threads that meet: the reporter waits until the driver has decided."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial

import pytest

from dirsweep.execute.base import News, TimePassed
from dirsweep.execute.ray.rendezvous import AbandonedError, Rendezvous


def in_thread(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_the_reporter_waits_until_the_driver_listens_again() -> None:
    rendezvous, heard, returned = Rendezvous(), list[News](), threading.Event()

    def reporter() -> None:
        rendezvous.report(lambda handle: handle(TimePassed()))
        returned.set()

    in_thread(reporter)
    assert rendezvous.listen(heard.append, 5.0)
    assert heard == [TimePassed()]
    assert not returned.wait(0.1), "what the driver does now comes before the reporter goes on"
    assert not rendezvous.listen(heard.append, 0.0)
    assert returned.wait(5.0)


def test_reports_are_handled_in_order_and_in_the_drivers_thread() -> None:
    rendezvous, threads = Rendezvous(), list[tuple[int, int]]()

    def note(number: int, handle: object) -> None:
        threads.append((number, threading.get_ident()))

    for number in range(3):
        rendezvous.post(partial(note, number))
    while rendezvous.listen(lambda news: None, 0.0):
        pass
    assert threads == [(number, threading.get_ident()) for number in range(3)]


def test_an_error_of_the_handler_leaves_in_the_drivers_thread() -> None:
    rendezvous = Rendezvous()

    def work(handle: object) -> None:
        raise OSError("disk full")

    rendezvous.post(work)
    with pytest.raises(OSError, match="disk full"):
        rendezvous.listen(lambda news: None, 5.0)


def test_closed_it_holds_nobody_up() -> None:
    rendezvous = Rendezvous()
    waiting = in_thread(lambda: rendezvous.report(lambda handle: None))
    time.sleep(0.05)
    rendezvous.close()
    waiting.join(5.0)
    assert not waiting.is_alive()
    rendezvous.report(lambda handle: pytest.fail("handled"))


def test_abandoned_the_reporter_leaves() -> None:
    rendezvous, left = Rendezvous(), threading.Event()

    def reporter() -> None:
        try:
            rendezvous.report(lambda handle: None)
        except AbandonedError:
            left.set()

    in_thread(reporter)
    time.sleep(0.05)
    rendezvous.abandon()
    assert left.wait(5.0)
    with pytest.raises(AbandonedError):
        rendezvous.check()
