"""ResNet-18 at its own size; what all residual networks share is in ``test_resnet``."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
import torch
from torchvision import models

from dirsweep.backbones.resnet18 import ResNet18Config
from dirsweep.data.base import Benchmark


def sample(folder: Path, patch: pytest.MonkeyPatch) -> ResNet18Config:
    """For the contract tests."""
    return ResNet18Config()


def test_it_is_torchvisions_without_the_classifier() -> None:
    torch.manual_seed(3)
    backbone = ResNet18Config().build(cast(Benchmark, None), Path())
    torch.manual_seed(3)
    reference = models.resnet18(weights=None)
    assert backbone.feature_dim == reference.fc.in_features == 512
    ours, theirs = backbone.network.state_dict(), reference.state_dict()
    assert theirs.keys() - ours.keys() == {"fc.weight", "fc.bias"}
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)
