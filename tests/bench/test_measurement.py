"""Verdicts, processor time, and the number of threads."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from dirsweep.bench import measurement
from dirsweep.bench.measurement import BenchRow, one_thread, processor_seconds


@pytest.mark.parametrize(
    ("part", "ratio", "target", "met"),
    [
        ("loop", 5.0, 5.0, True),
        ("loop", 4.9, 5.0, False),
        ("step", 1.04, 1.03, True),
        ("step", 1.05, 1.03, False),
        ("memory", 3.0, None, None),
    ],
)
def test_verdicts(part: Any, ratio: float, target: float | None, met: bool | None) -> None:
    assert BenchRow(part, "x", "y", ratio, target, 1.0, 1.0).met is met


def test_noise_widens_a_steps_target() -> None:
    assert BenchRow("step", "x", "y", 1.06, 1.03, 1.0, 1.0, noise=0.04).met is True


def test_short_calls_are_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    now, calls = [0.0], []
    monkeypatch.setattr(measurement.time, "process_time", lambda: now[0])

    def action() -> None:
        calls.append(None)
        now[0] += 0.25

    assert processor_seconds(action, at_least=0.6) == 0.25
    assert len(calls) == 3
    assert processor_seconds(action) == 0.25
    assert len(calls) == 4


def test_threads_are_given_back() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2
    torch.set_num_threads(before)
