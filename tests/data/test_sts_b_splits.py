"""Yang's and RankSim's splits of STS-B-DIR, against the golden numbers and by hand."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from dirsweep.data.base import SPLITS, SplitName
from dirsweep.data.regions import sizes_of_regions
from dirsweep.data.sts_b_dir import FILES, RELEASED_SHOTS, STSB, STSBConfig
from dirsweep.data.sts_b_splits import pairs_in, ranksim_rows
from dirsweep.errors import SpecError

Golden = Mapping[str, NDArray[np.generic]]
KEYS: dict[SplitName, str] = {"train": "train", "val": "dev", "test": "test"}
NUMBERS = {"many": 0, "median": 1, "few": 2}


@pytest.fixture(scope="session")
def yang(data_dir: Path) -> STSB:
    return opened(data_dir / "sts-b-dir")


@pytest.fixture(scope="session")
def ranksim_files(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The three files as RankSim's release has them, made from Yang's rows."""
    folder = tmp_path_factory.mktemp("ranksim")
    header, rows = "", []
    for name in SPLITS:
        header, *lines = file_lines(data_dir / "sts-b-dir", name)
        rows += lines
    for name in SPLITS:
        write_lines(folder, name, [header, *(rows[row] for row in ranksim_rows()[name])])
    return folder


def file_lines(folder: Path, name: SplitName) -> list[str]:
    return (folder / FILES[name]).read_text(encoding="utf-8").rstrip("\n").split("\n")


def write_lines(folder: Path, name: SplitName, lines: list[str]) -> None:
    (folder / FILES[name]).write_text("\n".join(lines) + "\n", encoding="utf-8")


def opened(folder: Path, **settings: str) -> STSB:
    return STSBConfig.model_validate({"root": str(folder), **settings}).build(Path())


def sizes(benchmark: STSB) -> dict[str, tuple[int, ...]]:
    return {name: tuple(found.values()) for name, found in sizes_of_regions(benchmark).items()}


# ---- bins and regions


def test_golden_bins_and_regions(golden_benchmarks: Golden, yang: STSB) -> None:
    edges = golden_benchmarks["sts_bin_edges"]
    np.testing.assert_array_equal(yang.bins.edges.astype(np.float32), edges)
    np.testing.assert_array_equal(yang.bins.counts, golden_benchmarks["sts_train_count"])
    probes = golden_benchmarks["sts_probe_label"]
    np.testing.assert_array_equal(yang.bins.bin_of(probes), golden_benchmarks["sts_probe_bin"])
    listed = [NUMBERS[region] for region in RELEASED_SHOTS.regions_of(yang.bins.counts)]
    assert listed == golden_benchmarks["sts_shot_of_bin"].tolist()
    released = opened(yang.root, shots="released")
    for name, key in KEYS.items():
        labels = released.split(name).labels
        found = released.bins.bin_of(labels)
        np.testing.assert_array_equal(found, golden_benchmarks[f"sts_{key}_bin"])
        if name != "train":
            regions = [NUMBERS[region] for region in released.bins.region_of(labels)]
            assert regions == golden_benchmarks[f"sts_{key}_shot"].tolist()


def test_golden_rows_of_ranksims_split(golden_benchmarks: Golden) -> None:
    rows = ranksim_rows()
    for name, key in KEYS.items():
        np.testing.assert_array_equal(rows[name], golden_benchmarks[f"sts_ranksim_split_{key}"])
    assert sorted(np.concatenate([*rows.values()]).tolist()) == list(range(7249))


def test_sizes_of_the_regions_by_both_rules_on_both_splits(yang: STSB) -> None:
    """Facts of the released files, and counted by the printed rule."""
    root = yang.root
    assert sizes(yang) == {"train": (4510, 654, 85), "val": (758, 204, 38), "test": (756, 207, 37)}
    assert sizes(opened(root, shots="released")) == {
        "train": (4510, 538, 201),
        "val": (758, 177, 65),
        "test": (756, 170, 74),
    }
    assert sizes(opened(root, split="ranksim")) == {
        "train": (4485, 683, 81),
        "val": (764, 216, 20),
        "test": (775, 202, 23),
    }
    assert sizes(opened(root, split="ranksim", shots="released")) == {
        "train": (4485, 533, 231),
        "val": (764, 177, 59),
        "test": (775, 175, 50),
    }


# ---- whose files, whose split


def test_either_set_of_files_gives_ranksims_split(yang: STSB, ranksim_files: Path) -> None:
    made = opened(yang.root, split="ranksim")
    read = opened(ranksim_files, split="ranksim")
    assert (yang.variant, made.variant, read.variant) == ("yang", "ranksim", "ranksim")
    for name in SPLITS:
        assert made.split(name).ids == read.split(name).ids
        assert made.split(name).inputs == read.split(name).inputs
        np.testing.assert_array_equal(made.split(name).labels, read.split(name).labels)
    assert made.split("test").ids[:2] == ("test-0", "test-1")
    assert made.fingerprint() == read.fingerprint() != yang.fingerprint()
    rows = ranksim_rows()["test"]
    assert ((rows < 5249).sum(), (rows >= 6249).sum()) == (678, 168), "training, test of Yang"


def test_files_of_the_other_split_are_refused(ranksim_files: Path) -> None:
    for action in (STSB.prepare, STSB.fingerprint, lambda found: found.split("val")):
        with pytest.raises(SpecError) as caught:
            action(opened(ranksim_files))
        assert str(caught.value) == (
            f"benchmark.split: {ranksim_files}: holds RankSim's split, not Yang et al.'s split, "
            "which has the same file names; set benchmark.split to ranksim, or put the files of "
            "Yang et al. there"
        )


def test_files_of_both_splits_are_refused(
    data_dir: Path, ranksim_files: Path, tmp_path: Path
) -> None:
    for name in SPLITS:
        source = ranksim_files if name == "test" else data_dir / "sts-b-dir"
        shutil.copy(source / FILES[name], tmp_path)
    for split in ("yang", "ranksim"):
        with pytest.raises(SpecError) as caught:
            opened(tmp_path, split=split).prepare()
        assert str(caught.value) == (
            f"benchmark.split: {tmp_path}: files of two splits (train_new.tsv of Yang et al.'s "
            "split, dev_new.tsv of Yang et al.'s split, test_new.tsv of RankSim's split); take all "
            "three from one of them"
        )


def test_other_pairs_and_another_order_give_no_ranksim_split(
    data_dir: Path, tmp_path: Path
) -> None:
    for name in SPLITS:
        shutil.copy(data_dir / "sts-b-dir" / FILES[name], tmp_path)
    header, first, second, *rest = file_lines(tmp_path, "val")
    write_lines(tmp_path, "val", [header, second, first, *rest])
    assert opened(tmp_path).variant == "yang", "the order is no other split"
    with pytest.raises(SpecError, match=r"Yang's pairs in another order than released; expected"):
        opened(tmp_path, split="ranksim").prepare()
    write_lines(tmp_path, "val", [header, second, *rest])
    assert opened(tmp_path).variant == "other"
    opened(tmp_path).prepare()
    with pytest.raises(SpecError, match=r"other pairs than the released ones, so RankSim's are"):
        opened(tmp_path, split="ranksim").prepare()


def test_a_pair_has_one_spelling() -> None:
    header = "index\tsentence1\tsentence2\tscore"
    one = pairs_in([header, "1\tA  b \tc\t0.5", "2\ta\tb"])
    assert one == ["A b\tc\t0.500"]
    assert pairs_in(["score\tsentence2\tsentence1", "0.500\tc\tA b"]) == one
    assert pairs_in(["index\tscore", "1\t2"]) == []
    assert pairs_in([]) == []


# ---- settings


def test_both_settings_are_part_of_the_identity_where_they_are_set() -> None:
    assert STSBConfig().identity() == {"name": "sts-b-dir"}
    changed = STSBConfig(shots="released", split="ranksim")
    assert changed.identity() == {"name": "sts-b-dir", "shots": "released", "split": "ranksim"}
