"""AgeDB-DIR on a small folder of drawn pictures, on the real csv, and on everything that can be
wrong with them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError
from torchvision.transforms.functional import pil_to_tensor, resize

from dirsweep import registry
from dirsweep.config.trial import build_named
from dirsweep.data.agedb_dir import AgeDB, AgeDBConfig, read_rows
from dirsweep.data.base import SPLITS
from dirsweep.errors import DataError

ROWS = (
    ("31", "AgeDB/1_A_31_f.jpg", "train"),
    ("59", "AgeDB/2_B_59_f.png", "val"),
    ("44", "AgeDB/3_C_44_m.jpg", "train"),
    ("0", "AgeDB/4_D_0_m.png", "test"),
    ("101", "AgeDB/5_E_101_m.png", "train"),
)


def write_csv(
    root: Path, rows: tuple[tuple[str, ...], ...] = ROWS, header: str = "age,path,split"
) -> Path:
    root.mkdir(exist_ok=True)
    file = root / "agedb.csv"
    file.write_text("\n".join([header, *(",".join(row) for row in rows)]) + "\n")
    return file


def write_sample(folder: Path) -> None:
    """A csv of five rows and pictures of several sizes and colour modes at the paths it names."""
    folder.mkdir(exist_ok=True)
    write_csv(folder)
    (folder / "AgeDB").mkdir()
    rng = np.random.default_rng(0)
    for number, (_, path, _) in enumerate(ROWS):
        pixels = rng.integers(0, 256, (40 + 7 * number, 50, 3), dtype=np.uint8)
        mode = ("RGB", "RGB", "L", "P", "RGBA")[number]
        Image.fromarray(pixels).convert(mode).save(folder / path)


def sample(folder: Path, patch: pytest.MonkeyPatch) -> AgeDBConfig:
    """For the contract tests."""
    write_sample(folder)
    return AgeDBConfig(root=str(folder), image_size=32)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "agedb-dir"
    write_sample(folder)
    return folder


def line_of(action: Callable[[], object]) -> str:
    with pytest.raises(DataError) as caught:
        action()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_splits_follow_the_csv_and_pixels_follow_torchvision(root: Path, tmp_path: Path) -> None:
    benchmark = AgeDBConfig(root=str(root), image_size=32).build(tmp_path / "cache")
    benchmark.prepare()
    train = benchmark.split("train")
    assert train.ids == ("AgeDB/1_A_31_f.jpg", "AgeDB/3_C_44_m.jpg", "AgeDB/5_E_101_m.png")
    assert train.labels.tolist() == [31, 44, 101]
    assert train.labels.dtype == np.float32
    assert benchmark.split("val").labels.tolist() == [59]
    assert benchmark.split("test").ids == ("AgeDB/4_D_0_m.png",)
    for name in SPLITS:
        split = benchmark.split(name)
        assert isinstance(split.inputs, np.memmap)
        assert not split.inputs.flags.writeable
        for path, pixels in zip(split.ids, split.inputs, strict=True):
            expected = pil_to_tensor(
                resize(Image.open(root / path).convert("RGB"), [32, 32])
            ).permute(1, 2, 0)
            np.testing.assert_array_equal(pixels, expected.numpy())


def test_protocol(root: Path, tmp_path: Path) -> None:
    benchmark = AgeDBConfig(root=str(root), image_size=32).build(tmp_path)
    assert (benchmark.name, benchmark.kind, benchmark.config.label_unit) == (
        "agedb-dir",
        "image",
        "years",
    )
    assert (benchmark.bins.num_bins, benchmark.target_scale, benchmark.label_dim) == (121, 1.0, 1)
    assert benchmark.bins.bin_of(np.array([0.0, 44.0, 120.0])).tolist() == [0, 44, 120]
    assert np.flatnonzero(benchmark.bins.counts).tolist() == [31, 44, 101]
    assert not benchmark.synthetic
    view = benchmark.views().train(
        benchmark.split("train").inputs[[0, 2]], torch.Generator().manual_seed(0)
    )
    assert view.shape == (2, 3, 32, 32)


def test_images_are_decoded_once(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[str] = []
    plain = AgeDB._decode

    def counting(self: AgeDB, path: str) -> np.ndarray:
        decoded.append(path)
        return plain(self, path)

    monkeypatch.setattr(AgeDB, "_decode", counting)
    config = AgeDBConfig(root=str(root), image_size=24)
    first = config.build(tmp_path / "cache")
    first.prepare()
    assert sorted(decoded) == sorted(path for _, path, _ in ROWS)
    again = config.build(tmp_path / "cache")
    again.prepare()
    assert len(decoded) == len(ROWS)
    np.testing.assert_array_equal(again.split("val").inputs, first.split("val").inputs)
    assert first.split("val") is first.split("val")
    # another picture at the same path is another experiment
    file = root / ROWS[1][1]
    Image.new("RGB", (60, 60), (10, 20, 30)).save(file)
    changed = config.build(tmp_path / "cache")
    assert changed.split("val").inputs[0, 5, 5].tolist() == [10, 20, 30]
    assert changed.fingerprint() != first.fingerprint()


def test_a_picture_of_equal_size_and_time_is_another_experiment(root: Path, tmp_path: Path) -> None:
    config, file = AgeDBConfig(root=str(root), image_size=16), root / ROWS[1][1]
    prints = []
    for colour in ((10, 20, 30), (11, 20, 30)):
        Image.new("RGB", (16, 16), colour).save(file, compress_level=0)
        os.utime(file, (10**9, 10**9))
        benchmark = config.build(tmp_path / "cache")
        assert benchmark.split("val").inputs[0, 0, 0].tolist() == list(colour)
        prints.append((benchmark.fingerprint(), file.stat().st_size))
    assert prints[0][0] != prints[1][0]
    assert prints[0][1] == prints[1][1]


def test_fingerprint_is_of_the_csv_the_pictures_and_the_size(root: Path, tmp_path: Path) -> None:
    def fingerprint(folder: Path, size: int) -> str:
        return AgeDBConfig(root=str(folder), image_size=size).build(tmp_path).fingerprint()

    elsewhere = tmp_path / "elsewhere"
    write_sample(elsewhere)
    assert fingerprint(root, 32) == fingerprint(elsewhere, 32)
    assert fingerprint(root, 32) != fingerprint(root, 64)
    write_csv(elsewhere, (("32", *ROWS[0][1:]), *ROWS[1:]))
    assert fingerprint(root, 32) != fingerprint(elsewhere, 32)


def test_absent_folder_says_how_to_obtain_it_and_what_to_run_instead(tmp_path: Path) -> None:
    benchmark = AgeDBConfig(root=str(tmp_path / "nowhere")).build(tmp_path)
    for action in (benchmark.prepare, benchmark.fingerprint, lambda: benchmark.split("train")):
        line = line_of(action)
        assert line.startswith(
            f"agedb-dir: no file {tmp_path}/nowhere/agedb.csv; ask AgeDB's owners"
        )
        assert "Yang et al. 2021" in line
        assert line.endswith("--synthetic")


def test_rows_without_an_image_are_counted_and_the_first_three_named(
    root: Path, tmp_path: Path
) -> None:
    for _, path, _ in ROWS[:4]:
        (root / path).unlink()
    line = line_of(AgeDBConfig(root=str(root)).build(tmp_path).prepare)
    assert "agedb.csv: 4 of 5 rows lack their image" in line
    assert (
        "(first: AgeDB/1_A_31_f.jpg in line 2, AgeDB/3_C_44_m.jpg in line 4, "
        "AgeDB/2_B_59_f.png in line 3)"
    ) in line
    assert line.endswith("--synthetic")


def test_an_image_that_cannot_be_decoded_is_named(root: Path, tmp_path: Path) -> None:
    config = AgeDBConfig(root=str(root), image_size=32)
    file = root / ROWS[2][1]
    content = file.read_bytes()
    for broken in (b"no picture", content[: len(content) // 2], b""):
        file.write_bytes(broken)
        line = line_of(config.build(tmp_path / "cache").prepare)
        assert line.startswith(f"{file}: cannot be decoded as an image (")
    # a failure leaves nothing behind that a later run would take for the data
    file.write_bytes(content)
    assert len(config.build(tmp_path / "cache").split("train")) == 3


@pytest.mark.parametrize(
    ("rows", "header", "says"),
    [
        (
            ROWS,
            "age,file,split",
            "1: expected a header with the columns age, path, split, found age, file, split",
        ),
        (
            (("x", *ROWS[0][1:]), *ROWS[1:]),
            "age,path,split",
            "2: age 'x': expected a number of years from 0 to 120",
        ),
        ((*ROWS, ("121", "a.jpg", "test")), "age,path,split", "7: age '121': expected a number"),
        ((*ROWS, ("nan", "a.jpg", "test")), "age,path,split", "7: age 'nan': expected a number"),
        ((*ROWS, ("-1", "a.jpg", "test")), "age,path,split", "7: age '-1': expected a number"),
        (
            (*ROWS, ("20", "a.jpg", "dev")),
            "age,path,split",
            "7: split 'dev': expected train, val or test",
        ),
        ((*ROWS, ("20", "a.jpg")), "age,path,split", "7: 2 columns; expected 3 as in the header"),
        ((*ROWS, ("20", "a.jpg", "")), "age,path,split", "7: split '': expected train, val or"),
        ((*ROWS, ("1_0", "a.jpg", "test")), "age,path,split", "7: age '1_0': expected a number"),
        ((*ROWS, ("20", '"a.jpg', "test"), *ROWS), "age,path,split", '7: a quote (") is opened'),
        ((*ROWS, ("20", "a.jpg", "test")), "age,path,split,age", "1: column 'age' occurs twice"),
        ((*ROWS, ("20", "", "test")), "age,path,split", "7: no path"),
        (
            (*ROWS, ("20", ROWS[0][1], "test")),
            "age,path,split",
            f"7: '{ROWS[0][1]}' is already in line 2",
        ),
    ],
)
def test_broken_rows_are_named_by_line(
    tmp_path: Path, rows: tuple[tuple[str, ...], ...], header: str, says: str
) -> None:
    file = write_csv(tmp_path / "data", rows, header)
    line = line_of(lambda: read_rows(file.read_bytes(), file))
    assert line.startswith(f"{file}:{says}")


def test_empty_csv_empty_split_and_other_encodings(tmp_path: Path) -> None:
    file = tmp_path / "agedb.csv"
    assert line_of(lambda: read_rows(b"", file)).endswith("columns age, path, split, found nothing")
    assert (
        line_of(lambda: read_rows(b"age,path,split\n3,a.jpg,train\n", file))
        == f"{file}: no row of split val, test"
    )
    assert (
        line_of(lambda: read_rows(b"age,path,split\n3,\xff.jpg,train\n", file))
        == f"{file}:2: not UTF-8 text"
    )
    rows = read_rows(
        b"\xef\xbb\xbfsplit,age,note,path\r\ntrain,3.5,x,a\r\nval,4,,b\r\ntest,5,,c\r\n", file
    )
    assert rows["train"][0] == ("a",)
    assert rows["train"][1].tolist() == [3.5]


def test_paths_that_name_no_file_are_named_by_line(root: Path, tmp_path: Path) -> None:
    for path, says in (("x" * 300, "'xxx"), ("AgeDB", "'AgeDB' is no file; expected an image")):
        file = write_csv(root, (*ROWS, ("20", path, "test")))
        line = line_of(AgeDBConfig(root=str(root)).build(tmp_path).prepare)
        assert line.startswith(f"{file}:7: {says}")
        assert len(line) < len(str(file)) + 140
    assert "File name too long" in line_of(
        AgeDBConfig(root=str(root / ("x" * 300))).build(tmp_path).prepare
    ) or "no file" in line_of(AgeDBConfig(root=str(root / ("x" * 300))).build(tmp_path).prepare)


def test_real_csv(data_dir: Path, tmp_path: Path) -> None:
    file = data_dir / "agedb-dir" / "agedb.csv"
    rows = read_rows(file.read_bytes(), file)
    assert [len(rows[name][0]) for name in SPLITS] == [12208, 2140, 2140]
    assert (rows["train"][1].min(), rows["train"][1].max()) == (1, 101)
    if not (data_dir / "agedb-dir" / "AgeDB").exists():
        line = line_of(AgeDBConfig(root=str(file.parent)).build(tmp_path).prepare)
        assert "16488 of 16488 rows lack their image" in line


def test_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert "agedb-dir" in registry.names("benchmark")
    monkeypatch.setenv("DIRSWEEP_DATA", str(tmp_path))
    config = build_named("benchmark", "agedb-dir")
    assert config.to_dict() == {
        "name": "agedb-dir",
        "root": str(tmp_path / "agedb-dir"),
        "image_size": 224,
    }
    assert isinstance(config, AgeDBConfig)
    assert config.identity() == {"name": "agedb-dir", "image_size": 224}
    monkeypatch.delenv("DIRSWEEP_DATA")
    monkeypatch.chdir(tmp_path)
    # absolute: a worker may run in another folder
    assert AgeDBConfig().root == os.path.join(tmp_path, "data", "agedb-dir")
    assert AgeDBConfig(root="here").root == str(tmp_path / "here")
    for wrong in ({"image_size": 8}, {"image_size": 2048}, {"image_size": 32.5}, {"rot": "x"}):
        with pytest.raises(ValidationError):
            AgeDBConfig.model_validate(wrong)
