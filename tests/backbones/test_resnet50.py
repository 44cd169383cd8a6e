"""ResNet-50 at its own size; what all residual networks share is in ``test_resnet``."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
import torch
from torchvision import models

from dirsweep.backbones.resnet50 import ResNet50Config
from dirsweep.data.base import Benchmark


def sample(folder: Path, patch: pytest.MonkeyPatch) -> ResNet50Config:
    """For the contract tests."""
    return ResNet50Config()


def test_it_is_torchvisions_without_the_classifier() -> None:
    torch.manual_seed(3)
    backbone = ResNet50Config().build(cast(Benchmark, None), Path())
    torch.manual_seed(3)
    reference = models.resnet50(weights=None)
    assert backbone.feature_dim == reference.fc.in_features == 2048
    ours, theirs = backbone.network.state_dict(), reference.state_dict()
    assert theirs.keys() - ours.keys() == {"fc.weight", "fc.bias"}
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)


def test_number_of_parameters() -> None:
    backbone = ResNet50Config().build(cast(Benchmark, None), Path())
    # torchvision's 25,557,032 less the classifier
    assert sum(p.numel() for p in backbone.parameters()) == 23_508_032
