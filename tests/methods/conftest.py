"""A small Setup for techniques that are built outside a training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch

from dirsweep.domain import LabelBins
from dirsweep.methods.base import Setup

MakeSetup = Callable[..., Setup]


@pytest.fixture
def make_setup() -> MakeSetup:
    """``make_setup(labels, low=0, high=10, width=1, **overrides)``: labels (N,) or (N, K), any
    fields of Setup.
    """

    def make(
        labels: Sequence[Any] = (1, 1, 1, 2, 2, 5),
        *,
        low: float = 0.0,
        high: float = 10.0,
        width: float = 1.0,
        **kw: Any,
    ) -> Setup:
        tensor = torch.tensor(labels, dtype=torch.float32)
        scalar = tensor.numpy() if tensor.ndim == 1 else np.zeros(len(tensor))
        defaults: dict[str, Any] = {
            "train_labels": tensor,
            "bins": LabelBins.from_labels(scalar, low=low, high=high, width=width),
            "target_scale": 1.0,
            "feature_dim": 3,
            "label_dim": 1 if tensor.ndim == 1 else tensor.shape[1],
            "num_epochs": 7,
            "batch_size": 4,
            "seed": 0,
        }
        return Setup(**{**defaults, **kw})

    return make
