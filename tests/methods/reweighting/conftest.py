"""AgeDB-DIR's training labels and the released code's weight of each age."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor


@pytest.fixture(scope="session")
def train_ages(data_dir: Path) -> Tensor:
    """(12208,) float32."""
    with (data_dir / "agedb-dir" / "agedb.csv").open() as file:
        return torch.tensor(
            [float(row["age"]) for row in csv.DictReader(file) if row["split"] == "train"]
        )


@pytest.fixture(scope="session")
def assert_released(train_ages: Tensor, golden) -> Callable[[Tensor, str], None]:
    """Compare per-sample weights with ``lds_agedb_<key>``, the weight of each age from 0 to 120."""

    def check(weights: Tensor, key: str) -> None:
        expected = golden[f"lds_agedb_{key}"]
        np.testing.assert_allclose(weights.numpy(), expected[train_ages.long().numpy()], rtol=1e-6)
        assert weights.mean().item() == pytest.approx(1, abs=1e-6)

    return check
