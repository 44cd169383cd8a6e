"""Everything random in a trial comes from here, and everything a trial may leave behind in a
process is undone here.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from dirsweep.training.memory import reset_peak


@dataclass
class Generators:
    """The random streams of one trial; apart from each other, so that one technique's draws do not
    move another's.

    Attributes:
        order: which samples form a batch (CPU).
        views: augmentation (CPU).
        techniques: what losses and regularizers draw (on the training device).
    """

    order: torch.Generator
    views: torch.Generator
    techniques: torch.Generator

    def state(self) -> dict[str, Any]:
        """The state of every stream, the global ones included, for a checkpoint."""
        return {
            "order": self.order.get_state(),
            "views": self.views.get_state(),
            "techniques": self.techniques.get_state(),
            "torch": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
            "numpy": np.random.get_state(),  # noqa: NPY002 - a backbone may draw from it
            "python": random.getstate(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from ``state()``."""
        self.order.set_state(state["order"])
        self.views.set_state(state["views"])
        self.techniques.set_state(state["techniques"])
        torch.set_rng_state(state["torch"])
        if torch.cuda.is_available() and len(state["cuda"]) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all(state["cuda"])
        np.random.set_state(state["numpy"])  # noqa: NPY002
        random.setstate(state["python"])


def seed_everything(seed: int, device: torch.device) -> Generators:
    """Seed the global generators (dropout, initial weights) and make the trial's own streams.

    Args:
        seed: >= 0; equal seeds give equal trials on equal hardware.
        device: where the techniques draw.
    """
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002
    torch.manual_seed(seed)
    words = [int(word) for word in np.random.SeedSequence(seed).generate_state(3)]
    order, views = (torch.Generator().manual_seed(word) for word in words[:2])
    techniques = torch.Generator(device=device).manual_seed(words[2])
    return Generators(order, views, techniques)


def reset_process(num_threads: int | None = None) -> None:
    """Undo what an earlier trial in this process may have changed: a trial's numbers must not
    depend on its forerunner.

    Args:
        num_threads: threads for one operator, from the trial's CPUs; None leaves them.
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
