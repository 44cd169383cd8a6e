"""The protocol of age benchmarks on images and their cache of pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from dirsweep.data.age_images import AgeImages, AgeImagesConfig, progress_bar
from dirsweep.data.base import Split, SplitName
from dirsweep.domain import ShotRule


class GreyFaces(AgeImages):
    """Three pictures a split, each of one grey value, in two blocks."""

    def __init__(self, cache: Path) -> None:
        super().__init__(AgeImagesConfig(), 16, cache)
        self.num_made = 0

    def fingerprint(self) -> str:
        return "grey"

    def _load(self, name: SplitName) -> Split:
        def blocks() -> Iterator[NDArray[np.uint8]]:
            self.num_made += 1
            for values in ([10, 20], [30]):
                grey = np.array(values, dtype=np.uint8).reshape(-1, 1, 1, 1)
                yield np.broadcast_to(grey, (len(values), 16, 16, 3))

        pictures = self._pictures(self.cache / f"{name}.npy", 3, blocks)
        labels = np.array([0, 44, 120], dtype=np.float32)
        return Split(tuple(f"{name}/{row}" for row in range(3)), pictures, labels)


def test_blocks_are_joined_in_order_and_made_once(tmp_path: Path) -> None:
    benchmark = GreyFaces(tmp_path)
    benchmark.prepare()
    pictures = benchmark.split("train").inputs
    assert isinstance(pictures, np.memmap)
    assert pictures.shape == (3, 16, 16, 3)
    assert pictures[:, 0, 0, 0].tolist() == [10, 20, 30]
    assert benchmark.num_made == 3, "once for each split"
    again = GreyFaces(tmp_path)
    again.prepare()
    assert again.num_made == 0, "they were in the cache"


def test_one_bin_a_year_from_0_to_120(tmp_path: Path) -> None:
    benchmark = GreyFaces(tmp_path)
    assert benchmark.bins.num_bins == 121
    assert np.flatnonzero(benchmark.bins.counts).tolist() == [0, 44, 120]
    assert benchmark.config.shot_rule == ShotRule(100, 20)
    assert AgeImagesConfig.label_unit == "years"


def test_views_have_the_size_of_the_pictures(tmp_path: Path) -> None:
    benchmark = GreyFaces(tmp_path)
    batch = benchmark.split("val").inputs[:2]
    view = benchmark.views().train(batch, torch.Generator().manual_seed(0))
    assert view.shape == (2, 3, 16, 16)


def test_no_progress_bar_off_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar() as bar:
        task = bar.add_task("pictures", total=2)
        bar.update(task, completed=2)
    assert capsys.readouterr() == ("", "")
