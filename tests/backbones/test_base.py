"""What a backbone gets when it states nothing of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from dirsweep.backbones.base import Backbone, BackboneConfig
from dirsweep.data.base import Benchmark, SplitName
from tests.tiny import TinyConfig


def test_inputs_pass_through_unless_a_backbone_encodes_them(tmp_path: Path) -> None:
    benchmark = TinyConfig().build(tmp_path)
    split = benchmark.split("train")
    assert BackboneConfig().encode(split, benchmark, tmp_path) is split.inputs


def test_prepare_encodes_every_split(tmp_path: Path) -> None:
    seen: list[int] = []

    class Counting(BackboneConfig):
        def encode(self, split: object, benchmark: Benchmark, cache: Path) -> None:
            assert cache == tmp_path
            seen.append(len(split))  # type: ignore[arg-type]

    benchmark = TinyConfig().build(tmp_path)
    Counting().prepare(benchmark, tmp_path)
    splits: tuple[SplitName, ...] = ("train", "val", "test")
    assert seen == [len(benchmark.split(name)) for name in splits]


def test_a_config_must_build_and_a_backbone_must_compute(tmp_path: Path) -> None:
    with pytest.raises(NotImplementedError):
        BackboneConfig().build(TinyConfig().build(tmp_path), tmp_path)
    with pytest.raises(NotImplementedError):
        Backbone()(None)
    assert BackboneConfig.accepts == {"image"}
