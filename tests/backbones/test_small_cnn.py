"""The small convolutional network."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from dirsweep import registry
from dirsweep.backbones.small_cnn import SmallCNN, SmallCNNConfig
from dirsweep.config.trial import build_named
from dirsweep.data.base import Benchmark

BENCHMARK = cast(Benchmark, None)  # not looked at


def sample(folder: Path, patch: pytest.MonkeyPatch) -> SmallCNNConfig:
    """For the contract tests."""
    return SmallCNNConfig(width=4, feature_dim=8, dropout=0.5)


def test_default_sizes_by_hand() -> None:
    backbone = SmallCNNConfig().build(BENCHMARK, Path())
    # 3 -> 24 -> 48 -> 96 -> 128 channels: weights of 3x3 kernels, and two numbers a channel of
    # normalisation
    kernels = 9 * (3 * 24 + 24 * 48 + 48 * 96 + 96 * 128)
    assert sum(p.numel() for p in backbone.parameters()) == kernels + 2 * (24 + 48 + 96 + 128)
    assert backbone.feature_dim == 128
    for size in (32, 64, 224):
        assert backbone(torch.zeros(2, 3, size, size)).shape == (2, 128)


def test_forward_is_the_blocks_one_by_one() -> None:
    torch.manual_seed(0)
    backbone = SmallCNN(width=4, feature_dim=8, dropout=0.5).eval()
    images = torch.randn(3, 3, 32, 32)
    expected = images
    for block in range(4):
        convolution, norm = backbone.blocks[3 * block], backbone.blocks[3 * block + 1]
        assert isinstance(convolution, nn.Conv2d)
        expected = nn.functional.conv2d(expected, convolution.weight, stride=2, padding=1)
        expected = norm(expected).clamp(min=0)
    torch.testing.assert_close(
        backbone(images), expected.flatten(2).sum(dim=2) / 4
    )  # 2x2 positions are left


def test_dropout_acts_in_training_only() -> None:
    torch.manual_seed(0)
    backbone = SmallCNN(width=4, feature_dim=64, dropout=0.5)
    images = torch.randn(8, 3, 32, 32)
    assert (backbone(images) == 0).float().mean() > 0.35
    backbone.eval()
    assert torch.equal(backbone(images), backbone(images))


def test_torch_seed_decides_the_weights() -> None:
    def first_weight(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return next(SmallCNNConfig().build(BENCHMARK, Path()).parameters())

    assert torch.equal(first_weight(1), first_weight(1))
    assert not torch.equal(first_weight(1), first_weight(2))


def test_settings() -> None:
    assert "small_cnn" in registry.names("backbone")
    config = build_named("backbone", {"name": "small_cnn", "width": 8, "feature_dim": 32})
    assert config.to_dict() == {"name": "small_cnn", "width": 8, "feature_dim": 32, "dropout": 0.0}
    for wrong in ({"width": 0}, {"feature_dim": 0}, {"dropout": 1.0}, {"depth": 3}):
        with pytest.raises(ValidationError):
            SmallCNNConfig.model_validate(wrong)
