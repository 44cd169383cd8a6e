"""Trials that hang, raise or run out of memory in this process; how a worker is told to end."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from dirsweep.execute import inline
from tests.flow.driving import Listener, check_sound, run_here, tiny_sweep
from tests.tiny import TinyBackbone

TWO = {"p": {"points": [{"batch_size": 16}, {}]}}


@pytest.fixture
def misbehave(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], None]:
    """Make the forward pass of the first trial (batch size 16) do something from its second epoch
    on.
    """

    def arm(what: Callable[[], Any]) -> None:
        real, steps = TinyBackbone.forward, [0]

        def forward(self: TinyBackbone, inputs: Tensor) -> Tensor:
            if self.training and len(inputs) == 16:
                steps[0] += 1
                if steps[0] == 15:  # 13 steps an epoch
                    what()
            return real(self, inputs)

        monkeypatch.setattr(TinyBackbone, "forward", forward)

    return arm


def _raise(error: Exception) -> Callable[[], Any]:
    def what() -> None:
        raise error

    return what


ERRORS = {
    "raises": (ValueError("no such thing\nmore"), "ValueError: no such thing"),
    "raises nothing to read": (KeyError(), "KeyError: no message"),
    "GPU memory": (
        torch.OutOfMemoryError(
            "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of ..."
        ),
        "out of memory on the GPU (2.00 GiB more requested); reduce batch_size",
    ),
    "memory": (MemoryError(), "out of memory; reduce batch_size"),
    "memory of a tensor": (
        RuntimeError(
            "[enforce fail] DefaultCPUAllocator: can't allocate memory: "
            "you tried to allocate 400 bytes."
        ),
        "out of memory (400 bytes more requested)",
    ),
}


@pytest.mark.parametrize(("error", "reason"), ERRORS.values(), ids=ERRORS)
def test_a_trial_that_raises(
    tmp_path: Path, misbehave: Callable[[Callable[[], Any]], None], error: Exception, reason: str
) -> None:
    misbehave(_raise(error))
    assert run_here(tiny_sweep(tmp_path, TWO), tmp_path / "run") == 1
    first, second = check_sound(tmp_path / "run").trials().to_pylist()
    assert (first["status"], second["status"]) == ("failed", "complete")
    assert first["error"].startswith(reason)
    assert "\n" not in first["error"]
    assert first["num_epochs"] == 1
    assert first["val_mae_all"] is not None, "what it reached before is kept"


@pytest.mark.slow
def test_a_trial_that_hangs(
    tmp_path: Path, misbehave: Callable[[Callable[[], Any]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    misbehave(lambda: time.sleep(600))
    listener, began = Listener(), time.monotonic()
    file = tiny_sweep(tmp_path, TWO, resources={"epoch_limit_s": 1})
    assert run_here(file, tmp_path / "run", listener) == 1
    assert time.monotonic() - began < 30
    first, second = check_sound(tmp_path / "run").trials().to_pylist()
    assert (first["status"], second["status"]) == ("failed", "complete")
    assert first["error"] == "an epoch took longer than resources.epoch_limit_s, 1 s"


@pytest.mark.slow
def test_the_first_epoch_has_time_to_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = TinyBackbone.__init__

    def slow(self: TinyBackbone) -> None:
        time.sleep(0.6)
        real(self)

    monkeypatch.setattr(TinyBackbone, "__init__", slow)
    file = tiny_sweep(tmp_path, {"p": {"points": [{}]}}, resources={"epoch_limit_s": 0.4})
    monkeypatch.setattr(inline, "STARTUP_S", 0.0)
    assert run_here(file, tmp_path / "short") == 1
    monkeypatch.setattr(inline, "STARTUP_S", 30.0)
    assert run_here(file, tmp_path / "long") == 0
