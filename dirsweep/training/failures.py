"""Whose fault it is that a trial failed: the configuration's or the machine's."""

from __future__ import annotations

import torch

from dirsweep.errors import DataError, StoreError, TrialTimeoutError
from dirsweep.run.tables import Fault
from dirsweep.training.memory import out_of_memory

#: errors of memory, disks, networks, files, time limits and missing packages
_OF_THE_MACHINE = (
    MemoryError,
    OSError,
    EOFError,
    ImportError,
    DataError,
    StoreError,
    TrialTimeoutError,
    torch.OutOfMemoryError,
    torch.AcceleratorError,
)
#: how a plain RuntimeError of an accelerator or a worker process begins
_DEVICE_TEXTS = ("CUDA", "cuDNN", "cuBLAS", "CUBLAS", "NCCL", "HIP", "MPS", "DataLoader worker")


def fault_of(error: Exception) -> Fault:
    """Return whose fault a failure is.

    A training is deterministic, so an error that is not recognised as the machine's comes again
    wherever the trial is trained: it is the configuration's.

    Args:
        error: what ended the training.
    """
    if isinstance(error, _OF_THE_MACHINE) or out_of_memory(error) is not None:
        return "machine"
    of_device = type(error) is RuntimeError and str(error).startswith(_DEVICE_TEXTS)
    return "machine" if of_device else "point"
