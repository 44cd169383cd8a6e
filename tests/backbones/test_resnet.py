"""Residual networks: torchvision's own without the classifier, and weights from a file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import cast

import pytest
import torch
from torchvision import models

from dirsweep.backbones.resnet18 import ResNet18Config
from dirsweep.backbones.resnet50 import ResNet50Config
from dirsweep.config.trial import TrialConfig
from dirsweep.data.base import Benchmark
from dirsweep.errors import DataError, SpecError
from tests.tiny import TinyConfig

BENCHMARK = cast(Benchmark, None)  # not looked at


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.manual_seed(7)
    file = tmp_path / "resnet18.pth"
    torch.save(models.resnet18(weights=None).state_dict(), file)
    return file


def test_features_are_torchvisions_before_the_classifier(weights: Path) -> None:
    torch.manual_seed(0)
    backbone = ResNet18Config(pretrained=str(weights)).build(BENCHMARK, Path()).eval()
    reference = models.resnet18(weights=None).eval()
    reference.load_state_dict(torch.load(weights))
    images = torch.randn(2, 3, 64, 64)
    features = backbone(images)
    assert features.shape == (2, backbone.feature_dim) == (2, 512)
    # the classifier on top of the features gives the whole network's outputs
    torch.testing.assert_close(reference.fc(features), reference(images))


@pytest.mark.slow
def test_torchvision_is_imported_only_when_built() -> None:
    code = (
        "import sys; from dirsweep.registry import names; names('backbone'); "
        "print('torchvision' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_absent_weights_are_said_when_built_and_when_planned(tmp_path: Path) -> None:
    config = ResNet18Config(pretrained=str(tmp_path / "no.pth"))
    says = r"no\.pth: no such file; pretrained takes a torchvision resnet18 state dict"
    with pytest.raises(DataError, match=says):
        config.build(BENCHMARK, tmp_path)
    trial = cast(TrialConfig, None)
    with pytest.raises(SpecError, match=r"^backbone\.pretrained: .*no\.pth: no such file"):
        config.conflict(trial, config)
    assert ResNet18Config().conflict(trial, config) is None


def test_weights_that_do_not_fit_are_refused_in_one_line(tmp_path: Path, weights: Path) -> None:
    with pytest.raises(
        DataError, match=r"not of a torchvision resnet50: \d+ entries are absent"
    ) as caught:
        ResNet50Config(pretrained=str(weights)).build(BENCHMARK, tmp_path)
    assert "\n" not in str(caught.value)
    noise, number = tmp_path / "noise.pth", tmp_path / "number.pth"
    noise.write_bytes(b"no state dict at all")
    torch.save({"epoch": 3}, number)
    for file, says in (
        (noise, "not a state dict saved by torch.save"),
        (number, "expected a mapping of names"),
    ):
        with pytest.raises(DataError, match=says) as caught:
            ResNet18Config(pretrained=str(file)).build(BENCHMARK, tmp_path)
        assert "\n" not in str(caught.value)


def test_weights_are_checked_before_a_worker_starts(tmp_path: Path, weights: Path) -> None:
    benchmark = TinyConfig().build(tmp_path)
    torch.manual_seed(1)
    state = torch.random.get_rng_state()
    ResNet18Config(pretrained=str(weights)).prepare(benchmark, tmp_path)
    assert torch.equal(torch.random.get_rng_state(), state)
    content, broken = torch.load(weights), tmp_path / "broken.pth"
    content["conv1.weight"][0, 0, 0, 0] = float("nan")
    torch.save(content, broken)
    cut = tmp_path / "cut.pth"
    cut.write_bytes(weights.read_bytes()[:100_000])
    for file, says in (
        (
            broken,
            r"broken\.pth: 1 entries hold numbers that are not finite \(first: conv1\.weight\)",
        ),
        (cut, r"cut\.pth: not a state dict saved by torch\.save \("),
        (tmp_path / "no.pth", r"no\.pth: no such file"),
    ):
        with pytest.raises(DataError, match=says) as caught:
            ResNet18Config(pretrained=str(file)).prepare(benchmark, tmp_path)
        assert "\n" not in str(caught.value)


def test_a_stored_network_does_not_need_the_file_it_started_from(tmp_path: Path) -> None:
    stored = ResNet18Config(pretrained=str(tmp_path / "gone.pth")).restored({})
    assert stored.build(BENCHMARK, tmp_path).feature_dim == 512
    with pytest.raises(DataError):
        ResNet18Config(pretrained=str(tmp_path / "gone.pth")).build(BENCHMARK, tmp_path)
