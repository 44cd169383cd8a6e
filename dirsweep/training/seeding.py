"""Random streams of a trial, and the reset of what an earlier trial left in the process."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from dirsweep.training.memory import reset_peak


@dataclass
class Generators:
    """The random streams of one trial, independent of each other.

    What one technique draws does not change what another one draws.

    Attributes:
        order: which samples form a batch (CPU).
        views: augmentation (CPU).
        techniques: what losses and regularizers draw (on the training device).
    """

    order: torch.Generator
    views: torch.Generator
    techniques: torch.Generator

    def state(self) -> dict[str, Any]:
        """Return the state of every stream, the global ones included, for a checkpoint.

        Returns:
            Tensors, numbers, strings, lists and tuples of them.
        """
        return {
            "order": self.order.get_state(),
            "views": self.views.get_state(),
            "techniques": self.techniques.get_state(),
            "torch": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
            "numpy": _numpy_state(),
            "python": random.getstate(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Set every stream to a state.

        Args:
            state: of ``state()``. GPU streams are set only on a machine with as many GPUs.
        """
        self.order.set_state(state["order"])
        self.views.set_state(state["views"])
        self.techniques.set_state(state["techniques"])
        torch.set_rng_state(state["torch"])
        if torch.cuda.is_available() and len(state["cuda"]) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all(state["cuda"])
        _set_numpy_state(state["numpy"])
        random.setstate(state["python"])


def _numpy_state() -> dict[str, Any]:
    """Return the state of NumPy's global stream, which a backbone may draw from."""
    state: dict[str, Any] = dict(np.random.get_state(legacy=False))  # noqa: NPY002
    keys = torch.from_numpy(state["state"]["key"].astype(np.int64))  # (624,) of 32 bits
    return state | {"state": {"key": keys, "pos": state["state"]["pos"]}}


def _set_numpy_state(state: dict[str, Any]) -> None:
    keys = state["state"]["key"].numpy().astype(np.uint32)
    position = state["state"]["pos"]
    np.random.set_state(state | {"state": {"key": keys, "pos": position}})  # noqa: NPY002


def seed_everything(seed: int, device: torch.device) -> Generators:
    """Seed the global generators (dropout, initial weights) and make the trial's own streams.

    Args:
        seed: >= 0; equal seeds give equal trials on equal hardware.
        device: where the techniques draw.

    Returns:
        The trial's streams.
    """
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002
    torch.manual_seed(seed)
    words = [int(word) for word in np.random.SeedSequence(seed).generate_state(3)]
    order, views = (torch.Generator().manual_seed(word) for word in words[:2])
    techniques = torch.Generator(device=device).manual_seed(words[2])
    return Generators(order, views, techniques)


def reset_process(num_threads: int | None = None) -> None:
    """Undo what an earlier trial in this process may have changed in torch's settings.

    Args:
        num_threads: threads of one operator, from the trial's CPUs; None leaves them.
    """
    torch.set_grad_enabled(True)
    torch.set_default_dtype(torch.float32)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    torch.set_float32_matmul_precision("highest")
    if num_threads is not None and torch.get_num_threads() != num_threads:
        torch.set_num_threads(num_threads)
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    reset_peak()
