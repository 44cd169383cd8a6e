"""Peak memory of a trial, and errors that mean that memory ran out."""

from __future__ import annotations

import re
import resource
import sys
from contextlib import suppress
from pathlib import Path

import torch

_STATUS, _CLEAR_REFS = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_PEAK = re.compile(r"VmHWM:\s+(\d+) kB")
_GPU_AMOUNT = re.compile(r"allocate:? ([\d.]+ ?(?:[KMG]iB|bytes))")
_CPU_AMOUNT = re.compile(r"you tried to allocate (\d+ bytes)")


def reset_peak() -> None:
    """Reset the peak (Linux and CUDA; elsewhere it is that of the process's whole life)."""
    with suppress(OSError):
        _CLEAR_REFS.write_text("5")  # 5 resets the peak resident set size, see proc(5)
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()


def peak_mib(device: torch.device) -> float:
    """Return the peak memory since ``reset_peak``.

    Args:
        device: where the training ran.

    Returns:
        MiB of the GPU if ``device`` is one, else of this process.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    with suppress(OSError):
        if found := _PEAK.search(_STATUS.read_text()):
            return int(found.group(1)) / 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def out_of_memory(error: BaseException) -> str | None:
    """Describe an error that means that memory ran out.

    Args:
        error: what ended a training.

    Returns:
        One line with the amount requested and advice; None for any other error.
    """
    text = str(error)
    on_gpu = isinstance(error, torch.OutOfMemoryError)
    # PyTorch's allocator for the CPU raises a plain RuntimeError
    on_cpu = isinstance(error, MemoryError) or "can't allocate memory" in text
    if not on_gpu and not on_cpu:
        return None
    amount = _GPU_AMOUNT.search(text) or _CPU_AMOUNT.search(text)
    requested = f" ({amount.group(1)} more requested)" if amount else ""
    if on_gpu:
        what, advice = "out of memory on the GPU", "give each trial more of a GPU (resources.gpu)"
    else:
        what, advice = "out of memory", "run fewer trials at a time (resources.cpu)"
    return f"{what}{requested}; reduce batch_size, or {advice}"
