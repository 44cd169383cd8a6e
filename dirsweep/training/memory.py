"""The most memory a trial took, counted from the trial's own start, and the lack of it."""

from __future__ import annotations

import re
import resource
import sys
from contextlib import suppress
from pathlib import Path

import torch

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def reset_peak() -> None:
    """Start counting anew (on Linux and CUDA; elsewhere the process's whole life counts)."""
    with suppress(OSError):
        _CLEAR.write_text("5")  # 5 resets the peak resident set size, see proc(5)
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()


def peak_mib(device: torch.device) -> float:
    """MiB: of the GPU where training ran on one, else of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    with suppress(OSError):
        if found := re.search(r"VmHWM:\s+(\d+) kB", _STATUS.read_text()):
            return int(found.group(1)) / 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


_AMOUNT = re.compile(r"allocate:? ([\d.]+ ?(?:[KMG]iB|bytes))")


def out_of_memory(error: BaseException) -> str | None:
    """One line when ``error`` says that memory ran out, on a GPU or in the machine; None for any
    other error.
    """
    text = str(error)
    on_gpu = isinstance(error, torch.OutOfMemoryError)
    # PyTorch's allocator for the CPU raises a plain RuntimeError
    if not (on_gpu or isinstance(error, MemoryError) or "can't allocate memory" in text):
        return None
    amount = _AMOUNT.search(text) or re.search(r"you tried to allocate (\d+ bytes)", text)
    wanted = f" (it asked for {amount.group(1)} more)" if amount else ""
    more = (
        "give it more of a GPU (resources.gpu)"
        if on_gpu
        else "run fewer trials at a time (resources.cpu)"
    )
    return f"out of memory{' on the GPU' if on_gpu else ''}{wanted}; take a smaller batch_size, or {more}"
