"""A benchmark and a backbone so small that a trial takes milliseconds: a noisy line; many, median
and few labels.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from dirsweep.backbones.base import Backbone, BackboneConfig
from dirsweep.config.trial import TrialConfig, TrialSpec
from dirsweep.data.base import Benchmark, BenchmarkConfig, PlainViews, Split, SplitName, Views
from dirsweep.domain import ShotRule
from dirsweep.registry import register

SIZES = {"train": 200, "val": 60, "test": 60}


class NoisyViews(PlainViews):
    """Each view adds noise from the generator it is given."""

    def train(self, batch: Any, generator: torch.Generator, strength: str = "standard") -> Tensor:
        inputs = torch.as_tensor(batch)
        return inputs + 0.05 * torch.randn(inputs.shape, generator=generator)


class TinyBenchmark(Benchmark):
    def __init__(self, config: TinyConfig) -> None:
        super().__init__(config)
        self.noise = config.noise

    def prepare(self) -> None:
        pass

    def fingerprint(self) -> str:
        return f"tiny-{self.noise}"

    def split(self, name: SplitName) -> Split:
        return self._splits[name]

    def views(self) -> Views:
        return NoisyViews()

    @cached_property
    def _splits(self) -> dict[str, Split]:
        rng, splits = np.random.default_rng(7), {}
        direction = rng.normal(size=8)
        for name, size in SIZES.items():
            labels = np.clip(
                rng.normal(4, 2, size) if name == "train" else rng.uniform(0, 10, size), 0, 9.9
            )
            labels = np.round(labels, 1).astype(np.float32)
            inputs = labels[:, None] / 10 * direction + self.noise * rng.normal(size=(size, 8))
            splits[name] = Split(
                tuple(f"{name}-{i}" for i in range(size)), inputs.astype(np.float32), labels
            )
        return splits


@register("benchmark", "tiny")
class TinyConfig(BenchmarkConfig):
    display_name = "tiny line"
    label_range, label_unit, bin_width, target_scale = (0.0, 10.0), "points", 1.0, 10.0
    synthetic = True

    noise: Annotated[float, Field(ge=0)] = 0.1

    @property
    def shot_rule(self) -> ShotRule:
        return ShotRule(many_above=40, few_below=10)

    def build(self, cache: Path) -> TinyBenchmark:
        return TinyBenchmark(self)


class TinyBackbone(Backbone):
    feature_dim = 16

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.1)
        )

    def forward(self, inputs: Tensor) -> Tensor:
        features: Tensor = self.layers(inputs)
        return features


@register("backbone", "tiny")
class TinyBackboneConfig(BackboneConfig):
    def build(self, benchmark: Benchmark, cache: Path) -> TinyBackbone:
        return TinyBackbone()


def tiny_trial(
    trial_id: str = "t0", seed: int = 0, metric: str = "mae", **config: Any
) -> TrialSpec:
    """A trial on it; ``config`` goes into ``TrialConfig``."""
    settings = {"backbone": "tiny", "epochs": 4, "batch_size": 32, **config}
    return TrialSpec(
        trial_id=trial_id,
        seed=seed,
        config=TrialConfig.model_validate(settings).to_dict(),
        benchmark=TinyConfig().to_dict(),
        metric=metric,
        synthetic=True,
    )
