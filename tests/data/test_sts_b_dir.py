"""STS-B-DIR: the published files, small files by hand, and every way a file can be broken."""

from __future__ import annotations

import csv
import logging
from pathlib import Path

import numpy as np
import pytest
import torch

from dirsweep.config.trial import build_named
from dirsweep.data.sts_b_dir import STSB, STSBConfig
from dirsweep.errors import DataError

HEADER = "index\tgenre\tsentence1\tsentence2\tscore"
FILES = {"train": "train_new.tsv", "val": "dev_new.tsv", "test": "test_new.tsv"}


def write(folder: Path, end: str = "\n", **lines: list[str]) -> STSB:
    """Three files; a split's rows are replaced by ``lines``."""
    folder.mkdir(exist_ok=True)
    rows = {
        "train": ['7\tnews\tA "cat sits.\tA dog.\t0.3', "7\tnews\tü\u2028x\té\t5"],
        "val": ["0\tx\ta\tb\t2.5"],
        "test": ["0\tx\tc\td\t1"],
    }
    for name, file in FILES.items():
        text = end.join([HEADER, *lines.get(name, rows[name])]) + end
        (folder / file).write_bytes(text.encode())
    return STSBConfig(root=str(folder)).build(folder)


def sample(folder: Path, patch: pytest.MonkeyPatch) -> STSBConfig:
    """For the contract tests."""
    write(folder)
    return STSBConfig(root=str(folder))


def test_the_published_files(data_dir: Path) -> None:
    benchmark = STSBConfig(root=str(data_dir / "sts-b-dir")).build(Path())
    benchmark.prepare()
    sizes = {"train": 5249, "val": 1000, "test": 1000}
    for name, size in sizes.items():
        split = benchmark.split(name)  # type: ignore[arg-type]
        with (data_dir / "sts-b-dir" / FILES[name]).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
        assert len(split) == len(rows) == size
        assert split.ids == tuple(f"{name}-{row}" for row in range(size))
        assert list(split.inputs[0]) == [row["sentence1"] for row in rows]
        assert list(split.inputs[1]) == [row["sentence2"] for row in rows]
        assert split.labels.tolist() == [float(np.float32(row["score"])) for row in rows]
    counts = np.zeros(50, dtype=int)
    for label in benchmark.split("train").labels.tolist():
        counts[min(int(label * 10 + 1e-5), 49)] += 1
    assert benchmark.bins.counts.tolist() == counts.tolist()
    regions = benchmark.bins.region_of(benchmark.split("test").labels)
    many = sum(
        counts[min(int(label * 10 + 1e-5), 49)] > 100
        for label in benchmark.split("test").labels.tolist()
    )
    few = sum(
        counts[min(int(label * 10 + 1e-5), 49)] < 20
        for label in benchmark.split("test").labels.tolist()
    )
    assert [(regions == name).sum() for name in ("many", "median", "few")] == [
        many,
        1000 - many - few,
        few,
    ]


def test_pairs_of_small_files(tmp_path: Path) -> None:
    benchmark = write(tmp_path)
    split = benchmark.split("train")
    assert split.inputs == (['A "cat sits.', "ü\u2028x"], ["A dog.", "é"])
    assert split.labels.dtype == np.float32
    assert split.labels.tolist() == [float(np.float32(0.3)), 5.0]
    assert split.ids == ("train-0", "train-1")
    assert benchmark.split("train") is split
    assert benchmark.bins.num_bins == 50
    assert benchmark.bins.bin_of(split.labels).tolist() == [3, 49]


def test_views_leave_the_batch_as_it_is(tmp_path: Path) -> None:
    batch = np.arange(6).reshape(1, 2, 3)
    views = write(tmp_path).views()
    assert (
        views.evaluate(batch).tolist()
        == views.train(batch, torch.Generator()).tolist()
        == batch.tolist()
    )


def test_fingerprint_is_of_the_content_whatever_ends_the_lines(tmp_path: Path) -> None:
    plain, windows = write(tmp_path / "a"), write(tmp_path / "b", end="\r\n")
    assert plain.fingerprint() == windows.fingerprint()
    assert windows.split("train").labels.tolist() == plain.split("train").labels.tolist()
    changed = write(tmp_path / "c", val=["0\tx\ta\tb\t2.6"])
    assert changed.fingerprint() != plain.fingerprint()
    moved = write(tmp_path / "d", val=["0\tx\tc\td\t1"], test=["0\tx\ta\tb\t2.5"])
    assert moved.fingerprint() != plain.fingerprint()


def test_another_number_of_pairs_is_allowed_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        write(tmp_path).split("val")
    assert "dev_new.tsv: 1 pairs, but the published split has 1000" in caplog.text


def test_root_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DIRSWEEP_DATA", raising=False)
    assert STSBConfig().root == str(tmp_path / "data" / "sts-b-dir")
    monkeypatch.setenv("DIRSWEEP_DATA", "/elsewhere")
    assert STSBConfig().root == "/elsewhere/sts-b-dir"
    assert build_named("benchmark", "sts-b-dir").to_dict() == {
        "name": "sts-b-dir",
        "root": "/elsewhere/sts-b-dir",
    }
    assert STSBConfig().identity() == {"name": "sts-b-dir"}


def test_an_absent_folder_or_file_says_how_to_obtain_it(
    tmp_path: Path,
) -> None:
    absent = STSBConfig(root=str(tmp_path / "nowhere")).build(tmp_path)
    with pytest.raises(
        DataError,
        match=r"no folder .*nowhere; take train_new\.tsv, .*Yang et al\., .*put them there "
        r"or set benchmark\.root$",
    ):
        absent.prepare()
    benchmark = write(tmp_path)
    (tmp_path / "test_new.tsv").unlink()
    with pytest.raises(
        DataError, match=r"no file test_new\.tsv in .*; take .* or set benchmark\.root$"
    ):
        benchmark.fingerprint()


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["0\tx\ta\tb\tmuch"], r"train_new\.tsv:2: score 'much'; expected a number from 0 to 5"),
        (["0\tx\ta\tb\t0", "0\tx\ta\tb\t5.001"], r":3: score '5\.001'; expected"),
        (["0\tx\ta\tb\t-0.1"], r":2: score '-0\.1'; expected"),
        (["0\tx\ta\tb\t1_0"], r":2: score '1_0'; expected"),
        (["0\tx\ta\tb\tnan"], r":2: score 'nan'; expected"),
        (["0\tx\ta\tb\t"], r":2: score ''; expected"),
        (["0\tx\ta\tb"], r":2: 4 columns; expected 5"),
        (["0\tx\ta\tb\t1\t2"], r":2: 6 columns; expected 5"),
        (["0\tx\ta\tb\t1", "", "0\tx\ta\tb\t1"], r":3: an empty line; remove it"),
        (["0\tx\t \tb\t1"], r":2: an empty sentence"),
        ([], r"train_new\.tsv: a header but no pair; expected 5,249 pairs"),
    ],
)
def test_broken_rows(tmp_path: Path, lines: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        write(tmp_path, train=lines).prepare()


def test_broken_headers_and_bytes(tmp_path: Path) -> None:
    write(tmp_path)
    file = tmp_path / "train_new.tsv"
    for content, message in [
        (
            b"index\tsentence1\tscore\n0\ta\t1\n",
            r"train_new\.tsv:1: no column sentence2; expected .*found index, ",
        ),
        (
            HEADER.encode() + b"\tscore\n0\tx\ta\tb\t1\t2\n",
            r"train_new\.tsv:1: column 'score' occurs twice; expected it once",
        ),
        (HEADER.encode() + b"\n0\tx\ta\0\tb\t1\n", r"train_new\.tsv:2: a NUL character"),
        ((HEADER + "\n").encode("utf-16"), r"train_new\.tsv: UTF-16 text; save it as UTF-8"),
        (b"", r"train_new\.tsv:1: no column sentence1, sentence2, score; .*found an empty file"),
        (
            HEADER.encode() + b"\n0\tx\ta\tb\t1\n0\tx\t\xff\tb\t1\n",
            r"train_new\.tsv:3: not UTF-8 text",
        ),
    ]:
        file.write_bytes(content)
        with pytest.raises(DataError, match=message):
            STSBConfig(root=str(tmp_path)).build(tmp_path).prepare()
