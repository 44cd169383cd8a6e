"""Whose fault a failure is."""

from __future__ import annotations

import pytest
import torch

from dirsweep.errors import DataError, SpecError, TrialError, TrialTimeoutError
from dirsweep.training.failures import fault_of
from dirsweep.training.trial import train
from tests.tiny import tiny_trial


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
        RuntimeError("CUDA error: an illegal memory access was encountered"),
        OSError(28, "No space left on device"),
        ConnectionResetError(),
        DataError("agedb.csv is missing"),
        TrialTimeoutError("an epoch took longer than 3 s"),
        ImportError("no module named x"),
    ],
)
def test_the_machines(error: Exception) -> None:
    assert fault_of(error) == "machine"


@pytest.mark.parametrize(
    "error",
    [
        TrialError("the training loss became NaN in epoch 2"),
        SpecError("needs two samples per batch"),
        ValueError("Expected more than 1 value per channel when training"),
        RuntimeError("mat1 and mat2 shapes cannot be multiplied"),
        ZeroDivisionError(),
    ],
)
def test_the_configurations(error: Exception) -> None:
    assert fault_of(error) == "point"


def test_the_outcome_says_it() -> None:
    wild = train(tiny_trial(optimizer={"lr": 1e30}), num_threads=1)
    assert (wild.status, wild.fault) == ("failed", "point")
    assert train(tiny_trial(epochs=1), num_threads=1).fault is None
