"""Labels (N, K): what trains on them, what says beforehand that it cannot, and what a sweep
says.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
import yaml
from numpy.typing import NDArray

from dirsweep.config.expand import validate
from dirsweep.config.load import load_sweep
from dirsweep.config.trial import TrialConfig, TrialSpec
from dirsweep.data.base import Split, SplitName
from dirsweep.domain import LabelBins, ShotRule
from dirsweep.errors import DataError, ShapeError, SpecError
from dirsweep.registry import register
from dirsweep.training import metrics
from dirsweep.training.assembly import build_training
from tests.tiny import TinyBenchmark, TinyConfig

NO_WEIGHTS = {"conr": {"pushing_weights": "none", "beta": 0.1}}


class PlaneBenchmark(TinyBenchmark):
    """The tiny benchmark with the label and its square over 10; counted by the label itself."""

    def bin_labels(self, labels: NDArray[np.float32]) -> NDArray[np.float32]:
        return labels[:, 0]

    @cached_property
    def _splits(self) -> dict[str, Split]:
        lines = TinyBenchmark(TinyConfig(noise=self.noise))
        return {
            name: Split(
                split.ids, split.inputs, np.stack([split.labels, split.labels**2 / 10], axis=1)
            )
            for name in ("train", "val", "test")
            if (split := lines.split(name))  # type: ignore[arg-type]
        }


@register("benchmark", "tiny_plane")
class PlaneConfig(TinyConfig):
    """Two numbers a label."""

    label_dim: ClassVar[int] = 2
    metrics: ClassVar[tuple[str, ...]] = ("mae", "mse", "gm", "pearson")

    def build(self, cache: Path) -> PlaneBenchmark:
        return PlaneBenchmark(self)


def trained(**config: Any) -> list[dict[str, Any]]:
    settings = {
        "backbone": "tiny",
        "epochs": 12,
        "batch_size": 32,
        "optimizer": {"lr": 0.02},
        **config,
    }
    built = TrialConfig.model_validate(settings)
    assert all(part.conflict(built, PlaneConfig()) is None for part in built.techniques())
    trial = TrialSpec("t", 0, built.to_dict(), PlaneConfig().to_dict())
    return build_training(trial, device=torch.device("cpu")).fit().rows


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"loss": "mse"},
        {"loss": "focal_r"},
        {"loss": "huber"},
        {"loss": {"name": "balanced_mse", "variant": "bmc", "init_noise_sigma": 0.1}},
        {"regularizers": NO_WEIGHTS},
        {"regularizers": {"conr": {"formulation": "released", "beta": 0.01}}},
        {"regularizers": {"ranksim": {"gamma": 0.01}}},
        {"regularizers": {"rank_n_contrast": {"weight": 0.01}}},
        {"schedule": {"name": "rrt", "reweighting": "trial"}},
        {"regressor_init": "label_mean"},
    ],
    ids=str,
)
def test_trains_on_vectors(config: dict[str, Any]) -> None:
    rows = trained(**config)
    best = min(row["val_mae_all"] for row in rows)
    # labels are spread over 10: guessing their mean is off by 2.5
    assert best < 1.8
    assert {row["val_mae_few"] is not None for row in rows} == {True}
    assert {row["val_pearson_all"] for row in rows} == {None}


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        *(
            (
                {"loss": {"name": "balanced_mse", "variant": variant}},
                f"'{variant}' takes scalar labels",
            )
            for variant in ("gai", "bni")
        ),
        *(
            (
                {"reweighting": name},
                f"{name} needs scalar labels; this benchmark's have 2 dimensions",
            )
            for name in ("inv", "sqinv", "lds", "dense_weight")
        ),
        ({"smoothing": "fds"}, "fds keeps statistics per label bin and needs scalar labels"),
        ({"schedule": "rrt"}, "rrt with reweighting 'inv' counts labels in bins"),
        (
            {"regularizers": {"conr": {}}},
            "pushing_weights 'inv' needs scalar labels; use 'reweighting' or 'none'",
        ),
    ],
    ids=str,
)
def test_what_counts_labels_says_so_beforehand(config: dict[str, Any], reason: str) -> None:
    built = TrialConfig.model_validate({"backbone": "tiny", **config})
    reasons = [part.conflict(built, PlaneConfig()) for part in built.techniques()]
    assert any(reason in found for found in reasons if found)
    assert all(part.conflict(built, TinyConfig()) is None for part in built.techniques())


def test_a_sweep_over_them_is_refused(tmp_path: Path) -> None:
    plain = {
        "name": "s",
        "benchmark": {"name": "tiny_plane"},
        "base": {"backbone": "tiny"},
        "studies": {"a": {"points": [{}]}},
    }
    file = tmp_path / "s.yaml"
    file.write_text(yaml.safe_dump(plain))
    with pytest.raises(
        SpecError, match=r"benchmark.name: labels of 'tiny_plane' have 2 dimensions, .* scalar"
    ):
        validate(load_sweep(file))


def test_metrics_are_means_over_both_axes_and_regions_go_by_the_counted_number() -> None:
    labels = np.array([[0.5, 1.0], [0.5, 3.0], [9.5, 0.0]])
    preds = labels + np.array([[1.0, 3.0], [2.0, 2.0], [-4.0, 0.5]])
    bins = LabelBins.from_labels(
        np.array([0.5] * 5), low=0, high=10, width=1, shot_rule=ShotRule(3, 1)
    )
    found = metrics.compute(
        labels, preds, bins, ("mae", "mse", "spearman"), bin_labels=labels[:, 0]
    )
    assert found["mae_all"] == pytest.approx(12.5 / 6)
    assert found["mae_many"] == pytest.approx(2.0)
    assert found["mae_few"] == pytest.approx(2.25)
    assert found["mse_few"] == pytest.approx((16 + 0.25) / 2)
    assert found["spearman_all"] is None
    with pytest.raises(ShapeError, match=r"bins are over scalar labels \(N,\), got \(3, 2\)"):
        metrics.compute(labels, preds, bins, ("mae",))


def test_a_benchmark_must_say_by_which_number_it_bins_vectors() -> None:
    class Silent(PlaneBenchmark):
        bin_labels = TinyBenchmark.bin_labels

    line = r"tiny_plane: labels \(200, 2\) are no scalars; its class must override bin_labels"
    with pytest.raises(DataError, match=line):
        _ = Silent(PlaneConfig()).bins


def test_splits_of_the_plane_have_two_numbers() -> None:
    name: SplitName = "train"
    assert PlaneBenchmark(PlaneConfig()).split(name).labels.shape == (200, 2)
