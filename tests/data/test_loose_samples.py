"""Samples outside of a benchmark's splits: what is read, and what is refused in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dirsweep.data.loose_samples import is_root, read_pair_file, read_picture_list, read_pictures
from dirsweep.data.sts_b_dir import STSBConfig
from dirsweep.errors import DataError
from tests.tiny import TinyConfig


def test_pairs_with_and_without_scores(tmp_path: Path) -> None:
    file = tmp_path / "new.tsv"
    file.write_text("genre\tsentence1\tscore\tsentence2\nx\ta dog\t2.5\ta cat\ny\tyes\t\tno\n")
    split = read_pair_file(file, "new")
    assert split.ids == ("new-0", "new-1")
    assert split.inputs == (["a dog", "yes"], ["a cat", "no"])
    assert split.labels[0] == 2.5
    assert np.isnan(split.labels[1])


def test_a_file_named_as_a_split_has_the_splits_ids(tmp_path: Path) -> None:
    file = tmp_path / "test_new.tsv"
    file.write_text("sentence1\tsentence2\na\tb\n")
    benchmark = STSBConfig(root=str(tmp_path)).open(tmp_path)
    assert benchmark.read_samples(file).ids == ("test-0",)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("sentence1\tscore\na\t1\n", r"1: expected a header with the columns sentence1, sentence2"),
        ("sentence1\tsentence2\n", "a header but no pair"),
        ("sentence1\tsentence2\na\n", "2: 1 column; expected 2 as in the header"),
        ("sentence1\tsentence2\na\tb\n \tb\n", "3: an empty sentence"),
        ("sentence1\tsentence2\tscore\na\tb\tx\n", "label 'x'; expected a number, or nothing"),
    ],
)
def test_wrong_pairs(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "new.tsv"
    file.write_text(text)
    with pytest.raises(DataError, match=says):
        read_pair_file(file, "new")


def test_wrong_pictures(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere: no such file or folder"):
        read_pictures(tmp_path / "nowhere", 32)
    with pytest.raises(DataError, match="no pictures"):
        read_pictures(tmp_path, 32)
    (tmp_path / "a.png").write_text("no picture")
    with pytest.raises(DataError, match=r"a\.png: cannot be decoded as an image"):
        read_pictures(tmp_path, 32)
    file = tmp_path / "list.csv"
    file.write_text("path\n")
    with pytest.raises(DataError, match="a header but no picture"):
        read_picture_list(file, 32)
    file.write_text("path,age\na.png,old\n")
    with pytest.raises(DataError, match="label 'old'; expected a number"):
        read_picture_list(file, 32)


def test_a_root_is_told_from_a_file_and_from_loose_pictures(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("")
    assert not is_root(tmp_path, "image")
    assert is_root(tmp_path, "text_pair")
    (tmp_path / "agedb.csv").write_text("")
    assert is_root(tmp_path, "image")
    assert not is_root(tmp_path / "agedb.csv", "image")
    assert not is_root(tmp_path / "nowhere", "text_pair")


def test_pictures_are_resized_and_ordered_by_name(tmp_path: Path) -> None:
    for name, grey in (("b.jpg", 200), ("a.png", 10)):
        Image.new("RGB", (50, 40), (grey, grey, grey)).save(tmp_path / name)
    split = read_pictures(tmp_path, 32)
    assert split.ids == ("a.png", "b.jpg")
    assert split.inputs.shape == (2, 32, 32, 3)
    assert abs(split.inputs.mean(axis=(1, 2, 3)) - [10, 200]).max() < 2


def test_a_benchmark_without_a_form_of_its_own_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="tiny takes no samples outside of its own splits"):
        TinyConfig().open(tmp_path).read_samples(tmp_path)
