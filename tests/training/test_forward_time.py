"""Time of the forward passes: by a clock on a CPU, by events on a GPU, without waiting."""

from __future__ import annotations

import time
from typing import Any, Self

import pytest
import torch

from dirsweep.training import forward_time, loop
from dirsweep.training.assembly import build_training
from dirsweep.training.forward_time import ForwardTime
from tests.tiny import tiny_trial


def test_pieces_add_up_on_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter([10.0, 10.5, 20.0, 22.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(ticks))
    forward = ForwardTime(torch.device("cpu"))
    assert forward.seconds() == 0.0
    for _ in range(2):
        with forward.measured():
            pass
    assert forward.seconds() == 2.5


class FakeEvent:
    """An event in the queue of a made-up device: each takes its place, in milliseconds."""

    queue: list[float]

    def __init__(self, *, enable_timing: bool) -> None:
        assert enable_timing
        self.place: float | None = None

    def record(self, stream: str) -> None:
        assert stream == "the stream"
        self.place = self.queue.pop(0)

    def elapsed_time(self, other: Self) -> float:
        assert self.place is not None
        assert other.place is not None
        return other.place - self.place

    def synchronize(self) -> None:
        raise AssertionError("a step must not wait for the device")


def test_events_measure_on_a_gpu_without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeEvent.queue = [100.0, 350.0, 1000.0, 1750.0]

    def wait(*_: Any) -> None:
        raise AssertionError("a step must not wait for the device")

    monkeypatch.setattr(torch.cuda, "Event", FakeEvent)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: "the stream")
    monkeypatch.setattr(torch.cuda, "synchronize", wait)
    forward = ForwardTime(torch.device("cuda"))
    for _ in range(2):
        with forward.measured():
            pass
    assert forward.seconds() == 1.0


@pytest.mark.parametrize(("smoothing", "num_passes"), [("none", 0), ("fds", 1)])
def test_an_epoch_counts_its_losses_and_the_pass_of_fds(
    monkeypatch: pytest.MonkeyPatch, smoothing: str, num_passes: int
) -> None:
    """Only what is slowed down here takes time: each step's loss 2 s, the pass 100 s."""
    now = [0.0]
    monkeypatch.setattr(forward_time.time, "perf_counter", lambda: now[0])

    def slow(name: str, seconds: float) -> None:
        original = getattr(loop, name)

        def slowed(*args: Any, **more: Any) -> Any:
            now[0] += seconds
            return original(*args, **more)

        monkeypatch.setattr(loop, name, slowed)

    slow("loss_terms", 2.0)
    slow("observe_train_split", 100.0)
    slow("optimize", 1000.0)  # not a forward pass
    slow("predict", 10000.0)  # validation
    settings = {"name": "fds", "statistics": "pass"} if smoothing == "fds" else smoothing
    training = build_training(tiny_trial(smoothing=settings, epochs=2))
    num_steps = training.data.num_steps(training.plan.batch_size)
    training.fit()
    expected = 2.0 * num_steps + 100.0 * num_passes
    assert [row["forward_time_s"] for row in training.state.rows] == [expected, expected]
