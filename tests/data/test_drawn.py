"""Benchmarks without files: drawn once, identified by version and settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import pytest
from pydantic import Field

from dirsweep.data.base import SPLITS, BenchmarkConfig, PlainViews, Split, SplitName
from dirsweep.data.drawn import DrawnBenchmark


class Drawn(DrawnBenchmark):
    def draw(self, name: SplitName) -> Split:
        labels = np.random.default_rng(SPLITS.index(name)).random(5).astype(np.float32)
        return Split(tuple(f"{name}-{i}" for i in range(5)), labels[:, None], labels)


class DrawnConfig(BenchmarkConfig):
    registered_name = "drawn"
    label_range, label_unit, bin_width = (0.0, 1.0), "points", 0.1

    noise: Annotated[float, Field(ge=0)] = 0.1

    def build(self, cache: Path) -> Drawn:
        return Drawn(self)


def test_each_split_is_drawn_once(tmp_path: Path) -> None:
    first, second = DrawnConfig().build(tmp_path), DrawnConfig().build(tmp_path)
    first.prepare()
    assert not list(tmp_path.iterdir())
    for name in SPLITS:
        assert first.split(name) is first.split(name)
        assert np.array_equal(first.split(name).labels, second.split(name).labels)
    assert not np.array_equal(first.split("train").labels, first.split("val").labels)
    assert isinstance(first.views(), PlainViews)


def test_version_and_settings_identify_the_samples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, same, other = (DrawnConfig(noise=noise).build(tmp_path) for noise in (0.1, 0.1, 0.2))
    assert one.fingerprint() == same.fingerprint() != other.fingerprint()
    before = one.fingerprint()
    monkeypatch.setattr(Drawn, "version", 2)
    assert one.fingerprint() != before
