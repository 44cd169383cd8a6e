"""One technique beside a backbone, fed with batches as a trainer makes them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from dirsweep import registry
from dirsweep.config.ranges import Choice, IntUniform, LogUniform, Uniform
from dirsweep.domain import LabelBins
from dirsweep.methods.base import (
    Loss,
    Regularizer,
    Reweighting,
    Schedule,
    Setup,
    Smoothing,
    Step,
    TechniqueConfig,
)

ROOMS = ("loss", "reweighting", "smoothing", "regularizers", "schedule")
TYPES = {
    "loss": Loss,
    "reweighting": Reweighting,
    "smoothing": Smoothing,
    "regularizers": Regularizer,
    "schedule": Schedule,
}
TECHNIQUES = [(room, name) for room in ROOMS for name in registry.names(room)]
MODULES = [
    (room, name) for room, name in TECHNIQUES if room in ("loss", "smoothing", "regularizers")
]
NUM_TRAIN, BATCH, DIM = 64, 8, 6
EPOCH = 5  # late enough for whatever starts after some epochs

every_technique = pytest.mark.parametrize(("room", "name"), TECHNIQUES)
every_module = pytest.mark.parametrize(("room", "name"), MODULES)


def config_of(room: str, name: str, **parameters: Any) -> TechniqueConfig:
    config = registry.config_class(room, name).model_validate(parameters)
    assert isinstance(config, TechniqueConfig)
    return config


def make_setup() -> Setup:
    labels = 10 * torch.rand(NUM_TRAIN, generator=torch.Generator().manual_seed(7)) ** 2
    weights = 1 / (1 + labels)
    return Setup(
        train_labels=labels,
        bins=LabelBins.from_labels(labels.numpy(), low=0, high=10, width=1),
        target_scale=2.0,
        feature_dim=DIM,
        label_dim=1,
        num_epochs=6,
        batch_size=BATCH,
        seed=3,
        reweighting=weights / weights.mean(),
    )


class Backbone(nn.Module):
    """Images (N, 3, 4, 4) -> features (N, DIM)."""

    feature_dim = DIM

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(48, DIM)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.layer(inputs.flatten(1))


class Bench:
    """One technique beside a backbone, fed with batches that depend on their number only."""

    def __init__(
        self,
        config: TechniqueConfig,
        dtype: torch.dtype = torch.float32,
        seed: int = 0,
        device: str = "cpu",
    ) -> None:
        torch.manual_seed(seed)
        self.setup, self.room, self.device, self.dtype = make_setup(), config.room, device, dtype
        self.backbone = Backbone().to(device, dtype)
        self.technique = config.build(self.setup).to(device, dtype)
        self.technique.attach(self.backbone)
        self.technique.train()

    def batch(self, number: int, size: int = BATCH) -> Step:
        technique, draw = self.technique, torch.Generator().manual_seed(100 + number)
        views = technique.num_views if isinstance(technique, Regularizer) else 1
        indices = torch.randperm(NUM_TRAIN, generator=draw)[:size]
        labels = self.setup.train_labels[indices].repeat(views).to(self.device, self.dtype)
        inputs = torch.randn(views * size, 3, 4, 4, generator=draw).to(self.device, self.dtype)
        features = self.backbone(inputs)
        features.retain_grad()
        weights = (0.5 + torch.rand(size, generator=draw)).repeat(views).to(self.device, self.dtype)
        step_draw = torch.Generator(self.device).manual_seed(200 + number)
        return Step(
            features=features,
            preds=5 + features.sum(1),
            labels=labels,
            weights=weights,
            indices=indices.to(self.device),
            inputs=inputs,
            num_views=views,
            epoch=EPOCH,
            generator=step_draw,
            backbone=self.backbone,
        )

    def run(self, step: Step) -> Tensor:
        if self.room == "loss":
            return self.technique(step.preds, step.labels / self.setup.target_scale)
        if self.room == "smoothing":
            return self.technique(step.features, step.labels, step.epoch)
        return self.technique(step)

    def train(self, numbers: range) -> Bench:
        """Everything a trainer would call, without moving the backbone."""
        for number in numbers:
            step = self.batch(number)
            if self.room == "smoothing":
                self.technique.observe(step.features.detach(), step.labels)
            self.run(step)
            self.technique.after_step(self.backbone)
        if self.room == "smoothing":
            self.technique.end_epoch(EPOCH)
        return self


def ranges_of(config_class: type[TechniqueConfig]) -> Iterator[tuple[str, Any]]:
    for name, field in config_class.model_fields.items():
        for item in field.metadata:
            if isinstance(item, LogUniform | Uniform | IntUniform | Choice):
                yield field.alias or name, item


def samples(item: Any) -> tuple[Any, ...]:
    """A choice's values; the ends and the middle of a numeric range."""
    if isinstance(item, Choice):
        return item.values
    if isinstance(item, IntUniform):
        return (item.low, (item.low + item.high) // 2, item.high)
    middle = (
        (item.low * item.high) ** 0.5
        if isinstance(item, LogUniform)
        else (item.low + item.high) / 2
    )
    return (item.low, middle, item.high)
