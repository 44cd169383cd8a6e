"""Numbers of samples by shot region, by hand and against AgeDB-DIR's facts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dirsweep.data.agedb_dir import AgeDBConfig
from dirsweep.data.regions import sizes_of_regions
from dirsweep.data.synthetic_agedb import SyntheticAgeDB, SyntheticAgeDBConfig
from tests.tiny import TinyConfig


def test_agedb_needs_its_csv_alone(data_dir: Path, tmp_path: Path) -> None:
    benchmark = AgeDBConfig(root=str(data_dir / "agedb-dir")).open(tmp_path)
    held_out = {"many": 1530, "median": 448, "few": 162}
    assert sizes_of_regions(benchmark) == {
        "train": {"many": 11154, "median": 851, "few": 203},
        "val": held_out,
        "test": held_out,
    }


def test_golden_training_images_per_age(
    golden_benchmarks: dict[str, np.ndarray], data_dir: Path, tmp_path: Path
) -> None:
    counts = AgeDBConfig(root=str(data_dir / "agedb-dir")).open(tmp_path).bins.counts
    np.testing.assert_array_equal(counts[:102], golden_benchmarks["age_agedb_train_count"])
    assert counts[102:].sum() == 0


def test_drawn_faces_are_counted_without_drawing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("drawn")

    monkeypatch.setattr(SyntheticAgeDB, "_pictures", refuse)
    benchmark = SyntheticAgeDBConfig().open(tmp_path)
    assert sizes_of_regions(benchmark)["test"] == {"many": 1530, "median": 448, "few": 162}


def test_every_split_against_a_loop(tmp_path: Path) -> None:
    benchmark = TinyConfig(zero_shot=((0.0, 2.0),)).open(tmp_path)
    sizes = sizes_of_regions(benchmark)
    counts = [0] * 10
    for label in TinyConfig().open(tmp_path).split("train").labels:
        counts[int(label)] += 1

    def region(label: float) -> str:
        if label < 2:
            return "zero"
        count = counts[int(label)]
        return "many" if count > 40 else "few" if count < 10 else "median"

    for name in ("train", "val", "test"):
        found = [region(label) for label in benchmark.split(name).labels]  # type: ignore[arg-type]
        assert sizes[name] == {r: found.count(r) for r in ("many", "median", "few", "zero")}  # type: ignore[index]
    assert sizes["train"]["zero"] == 0 < sizes["test"]["zero"]
