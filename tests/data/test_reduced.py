"""A benchmark of which samples are left out: what passes through, and what is left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from dirsweep.data.agedb_dir import AgeDBConfig
from dirsweep.data.base import Samples, SplitName
from dirsweep.data.label_distribution import LabelDistribution
from dirsweep.data.label_settings import LabelSettings
from dirsweep.data.reduced import Reduced
from dirsweep.data.zero_shot import ZeroShot
from tests.tiny import TinyBenchmark, TinyConfig


class EverySecond(Reduced):
    """Every second training sample."""

    def prepare(self) -> None:
        self.whole.prepare()

    def fingerprint(self) -> str:
        return f"second {self.whole.fingerprint()}"

    def keep(self, name: SplitName, samples: Samples) -> NDArray[np.int64] | None:
        return np.arange(0, len(samples), 2) if name == "train" else None


def test_split_and_samples_agree(tmp_path: Path) -> None:
    whole = TinyConfig().build(tmp_path)
    reduced = EverySecond(whole)
    split, samples = reduced.split("train"), reduced.samples("train")
    assert split.ids == samples.ids == whole.split("train").ids[::2]
    np.testing.assert_array_equal(split.labels, whole.split("train").labels[::2])
    np.testing.assert_array_equal(split.inputs, whole.split("train").inputs[::2])
    np.testing.assert_array_equal(samples.labels, split.labels)
    assert reduced.split("train") is split
    assert reduced.split("val") is whole.split("val")
    assert reduced.bins.counts.sum() == 100


def test_samples_need_no_inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = TinyConfig().build(tmp_path)
    samples = Samples(("a", "b", "c"), np.array([1.0, 2.0, 3.0], np.float32))
    monkeypatch.setattr(TinyBenchmark, "samples", lambda self, name: samples)
    monkeypatch.delattr(TinyBenchmark, "_splits")
    assert EverySecond(whole).samples("train").ids == ("a", "c")


def test_the_source_is_below_every_layer(tmp_path: Path) -> None:
    config = TinyConfig(labels=LabelSettings(flatten=20), zero_shot=((0.0, 2.0),))
    benchmark = config.open(tmp_path)
    assert isinstance(benchmark, ZeroShot)
    assert isinstance(benchmark.whole, LabelDistribution)
    assert type(benchmark.source) is TinyBenchmark
    assert (benchmark.bins.counts <= 20).all()
    assert benchmark.bins.counts[:2].tolist() == [0, 0]


def test_who_is_shown_and_whose_split_it_is_stay(tmp_path: Path) -> None:
    reduced = EverySecond(AgeDBConfig(root=str(tmp_path)).build(tmp_path))
    assert reduced.person_of("AgeDB/12_MariaCallas_31_f.jpg") == "MariaCallas"
    assert reduced.variant == ""
