"""Training labels of the benchmarks and the released code's weight of each age or score bin."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from dirsweep.data.age_images import AgeImagesConfig
from dirsweep.data.sts_b_dir import STSBConfig
from dirsweep.domain import LabelBins
from dirsweep.methods.base import Setup, TechniqueConfig


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


@pytest.fixture(scope="session")
def assert_released_sts(
    data_dir: Path, tmp_path_factory, golden_benchmarks
) -> Callable[[TechniqueConfig, str], None]:
    """Build a reweighting on STS-B-DIR and compare with ``sts_weight_<key>``, a weight per bin."""
    config = STSBConfig(root=str(data_dir / "sts-b-dir"))
    benchmark = config.open(tmp_path_factory.mktemp("cache"))
    labels = torch.from_numpy(benchmark.split("train").labels)

    def check(technique: TechniqueConfig, key: str) -> None:
        weights = technique.build(_setup(labels, benchmark.bins)).sample_weights
        expected = golden_benchmarks[f"sts_weight_{key}"][golden_benchmarks["sts_train_bin"]]
        np.testing.assert_allclose(weights.numpy(), expected, rtol=1e-6)

    return check


@pytest.fixture(scope="session")
def assert_released_imdb(golden_benchmarks) -> Callable[[TechniqueConfig, str], None]:
    """Build a reweighting on invented ages up to 186 and compare with ``age_imdb_weight_<key>``.

    Ages above 120 share the last bin of the age benchmarks and its weight.
    """
    ages = torch.from_numpy(golden_benchmarks["age_imdb_train_label"]).float()
    low, high = AgeImagesConfig.label_range
    bins = LabelBins.from_labels(ages.numpy(), low=low, high=high, width=AgeImagesConfig.bin_width)

    def check(technique: TechniqueConfig, key: str) -> None:
        weights = technique.build(_setup(ages, bins)).sample_weights
        expected = golden_benchmarks[f"age_imdb_weight_{key}"][ages.long().numpy()]
        np.testing.assert_allclose(weights.numpy(), expected, rtol=1e-6)

    return check


def _setup(labels: Tensor, bins: LabelBins) -> Setup:
    return Setup(
        train_labels=labels,
        bins=bins,
        target_scale=1.0,
        feature_dim=1,
        label_dim=1,
        num_epochs=1,
        batch_size=1,
        seed=0,
    )
