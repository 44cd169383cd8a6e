"""``dirsweep data``: what it prints."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dirsweep.cli.data import check, regions
from dirsweep.errors import DataError, SpecError
from tests.data.test_sts_b_dir import write


@pytest.fixture(autouse=True)
def real_data(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIRSWEEP_DATA", str(data_dir))
    monkeypatch.setenv("COLUMNS", "100")


def test_regions_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    regions("sts-b-dir", ["benchmark.shots=released"], json=True)
    assert json.loads(capsys.readouterr().out) == {
        "train": {"many": 4510, "median": 538, "few": 201},
        "val": {"many": 758, "median": 177, "few": 65},
        "test": {"many": 756, "median": 170, "few": 74},
    }
    regions("agedb-dir", ["benchmark.zero_shot=[[0, 10]]"], json=True)
    assert json.loads(capsys.readouterr().out)["train"]["zero"] == 0


def test_regions_as_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    regions("sts-b-dir", ["benchmark.split=ranksim"])
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert [line.split() for line in lines[3:6]] == [
        ["train", "5,249", "4,485", "683", "81"],
        ["val", "1,000", "764", "216", "20"],
        ["test", "1,000", "775", "202", "23"],
    ]
    assert lines[6:] == [
        "regions by training labels per bin: more than 100 many-shot, fewer than 20 few-shot",
        "split: that of RankSim's release, not that of Yang et al. 2021",
    ]


def test_check_finds_overlaps(capsys: pytest.CaptureFixture[str]) -> None:
    check("sts-b-dir")
    text = " ".join(capsys.readouterr().out.split())
    assert "overlap: 15 sentence pairs of the test split are in training too, 4 more with" in text
    assert "overlap: 8 sentence pairs of the validation split are in training too" in text
    assert text.endswith("files checked: no mistake found")


def test_check_without_the_pictures_finds_people_first(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DataError, match="16488 of 16488 rows lack their image"):
        check("agedb-dir", json=True)
    first = json.loads(capsys.readouterr().out)["overlaps"][0]
    assert (first["kind"], first["split"], first["other"]) == ("person", "test", "train")
    assert (first["num"], first["total"], round(first["near"], 2)) == (544, 544, 0.81)


def test_check_of_small_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "own")
    check("sts-b-dir", [f"benchmark.root={tmp_path / 'own'}"])
    text = capsys.readouterr().out
    assert "no overlaps of splits" in text
    assert "split: files of another content than the published ones" in text


def test_settings_that_are_wrong() -> None:
    with pytest.raises(SpecError, match=r"--set benchmark\.shots=few: benchmark\.shots: unknown"):
        regions("sts-b-dir", ["benchmark.shots=few"])
