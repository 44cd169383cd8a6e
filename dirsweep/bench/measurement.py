"""Measured ratios of the technique benchmark, and how time is taken."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

import torch

#: tolerance of step ratios even where repeated measurements agree better
STEP_NOISE = 0.01

Action = Callable[[], object]


@dataclass(frozen=True)
class BenchRow:
    """One measured ratio.

    Attributes:
        part: ``loop`` (times as fast as the plain loop), ``step`` (step time over vanilla's),
            ``memory`` (peak memory over vanilla's).
        technique: what was measured.
        setting: on what.
        ratio: median of the repeats' ratios (``loop``), or ratio of the shortest times (``step``).
        target: what the ratio must reach (``loop``) or stay below; None for no target.
        ours: median of our side: milliseconds, or MiB for ``memory``.
        theirs: median of the other side, likewise.
        shares: share of our time that matrix products and sorts alone would take (``loop``).
        noise: by how much a second vanilla training differed from the first (``step``).
    """

    part: Literal["loop", "step", "memory"]
    technique: str
    setting: str
    ratio: float
    target: float | None
    ours: float
    theirs: float
    shares: dict[str, float] = field(default_factory=dict)
    noise: float = 0.0

    @property
    def met(self) -> bool | None:
        """Whether the target is met, step ratios to within the noise; None without a target."""
        if self.target is None:
            return None
        if self.part == "loop":
            return self.ratio >= self.target
        return self.ratio <= self.target + max(self.noise, STEP_NOISE)


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch on one thread, and restore the number of threads afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def processor_seconds(action: Action, *, at_least: float = 0.0) -> float:
    """Measure the processor time of one call.

    Args:
        action: called until the calls took ``at_least``, at least once.
        at_least: seconds.

    Returns:
        The mean over the calls, seconds.
    """
    began, calls, taken = time.process_time(), 0, 0.0
    while calls == 0 or taken < at_least:
        action()
        calls, taken = calls + 1, time.process_time() - began
    return taken / calls
