"""What splits have in common: the facts of the released data, and cases by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dirsweep.data.agedb_dir import AgeDBConfig
from dirsweep.data.base import Samples, Split
from dirsweep.data.overlaps import Overlap, overlaps_line, overlaps_of
from dirsweep.data.sts_b_dir import STSB, STSBConfig
from dirsweep.data.synthetic_agedb import SyntheticAgeDBConfig
from tests.tiny import TinyBenchmark, TinyConfig


def numbers(overlap: Overlap) -> tuple[str, str, str, int, int]:
    return overlap.kind, overlap.split, overlap.other, overlap.num, overlap.total


def test_all_people_of_agedbs_test_split_are_in_training(data_dir: Path, tmp_path: Path) -> None:
    found = overlaps_of(AgeDBConfig(root=str(data_dir / "agedb-dir")).open(tmp_path))
    assert numbers(found[0]) == ("person", "test", "train", 544, 544)
    assert found[0].near == pytest.approx(0.8107, abs=1e-4)
    assert overlaps_line(found) == (
        "all 544 people of the test split are in training; 81 % of test images have a training "
        "image of the same person within 2 years"
    )


def test_fifteen_pairs_of_sts_b_are_in_test_and_training(data_dir: Path, tmp_path: Path) -> None:
    found = overlaps_of(STSBConfig(root=str(data_dir / "sts-b-dir")).open(tmp_path))
    assert [numbers(overlap) for overlap in found] == [
        ("pair", "test", "train", 15, 1000),
        ("pair", "val", "train", 8, 1000),
        ("pair", "test", "val", 2, 1000),
    ]
    assert overlaps_line(found) == (
        "15 sentence pairs of the test split are in training too, 4 more with the sentences in the "
        "other order"
    )


def test_pairs_by_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = {
        "train": (["a", "c"], ["b", "d"]),
        "val": (["a", "x"], ["B", "y"]),
        "test": (["a", "d"], ["b", "c"]),
    }

    def split(self: STSB, name: str) -> Split:
        return Split((f"{name}-0", f"{name}-1"), pairs[name], np.array([0.5, 3.0], np.float32))

    monkeypatch.setattr(STSB, "split", split)
    (only,) = overlaps_of(STSBConfig().open(tmp_path))
    assert only.text == (
        "1 sentence pair of the test split is in training too, 1 more with the sentences in the "
        "other order"
    )


def test_ids_and_people_by_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = {"train": ("ann-1", "bob-2"), "val": ("cid-3", "x"), "test": ("ann-4", "bob-2", "x")}
    labels = {"train": [1.0, 9.0], "val": [1.0, 2.0], "test": [3.0, 5.0, 1.0]}
    monkeypatch.setattr(
        TinyBenchmark,
        "samples",
        lambda self, name: Samples(ids[name], np.array(labels[name], np.float32)),
    )
    monkeypatch.setattr(
        TinyBenchmark,
        "person_of",
        lambda self, sample: sample.partition("-")[0] if "-" in sample else None,
    )
    found = overlaps_of(TinyConfig().open(tmp_path))
    assert [numbers(overlap) for overlap in found] == [
        ("id", "test", "train", 1, 3),
        ("person", "test", "train", 2, 2),
        ("id", "test", "val", 1, 3),
    ]
    # ann is 2 bins away in training, bob 4; x shows nobody
    assert found[1].near == pytest.approx(1 / 3)
    assert overlaps_line(found) == (
        "1 sample id of the test split is in training too; all 2 people of the test split are in "
        "training; 33 % of test images have a training image of the same person within 2 points"
    )


def test_nothing_in_common(tmp_path: Path) -> None:
    for config in (TinyConfig(), SyntheticAgeDBConfig(fraction=0.02)):
        assert overlaps_of(config.open(tmp_path)) == []
    assert overlaps_line([]) == ""


def test_names_of_files(tmp_path: Path) -> None:
    benchmark = AgeDBConfig(root=str(tmp_path)).open(tmp_path)
    people = {
        "AgeDB/12_MariaCallas_31_f.jpg": "MariaCallas",
        "12_O_Neill_9_m.JPG": "O_Neill",
        "AgeDB/12_MariaCallas_f.jpg": None,
        "AgeDB/face.jpg": None,
    }
    assert {path: benchmark.person_of(path) for path in people} == people
