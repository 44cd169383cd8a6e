"""Seconds that the forward passes of an epoch take, measured without waiting for the device."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch


class ForwardTime:
    """Sum of the measured pieces of an epoch.

    On a GPU a piece is what lies between two events in the device's queue: to record one waits for
    nothing, so the training is as fast as without. Elsewhere a clock measures it.

    Args:
        device: where the pieces run.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._events: list[tuple[torch.cuda.Event, torch.cuda.Event]] = []
        self._seconds = 0.0

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Return a context manager to run a piece in."""
        if self._device.type != "cuda":
            began = time.perf_counter()
            yield
            self._seconds += time.perf_counter() - began
            return
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        stream = torch.cuda.current_stream(self._device)
        begin.record(stream)
        yield
        end.record(stream)
        self._events.append((begin, end))

    def seconds(self) -> float:
        """Return the sum; call it after work that has waited for every piece anyway.

        Raises:
            RuntimeError: the device has not reached the end of a piece.
        """
        milliseconds: float = sum(begin.elapsed_time(end) for begin, end in self._events)
        return self._seconds + milliseconds / 1000
