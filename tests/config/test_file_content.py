"""Hashes of files that decide results, and their place in a trial's identity."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dirsweep.backbones.bilstm import BiLSTMConfig
from dirsweep.config import file_content
from dirsweep.config.file_content import (
    content_hash,
    path_content,
    paths_of,
    trial_contents,
    with_contents,
)
from dirsweep.config.trial import TrialConfig, trial_id_of
from dirsweep.errors import DataError

LONG_AGO = 10**9


def write(file: Path, text: str, mtime: int = LONG_AGO) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    os.utime(file, (mtime, mtime))
    return file


def test_the_content_counts_not_name_place_or_time(tmp_path: Path) -> None:
    first = path_content(str(write(tmp_path / "a.txt", "one")), tmp_path)
    assert path_content(str(write(tmp_path / "below" / "b.txt", "one", 5)), tmp_path) == first
    assert path_content(str(write(tmp_path / "a.txt", "two")), tmp_path) != first
    assert len(first) == 16


def test_a_replacement_of_equal_size_and_time_is_noticed(tmp_path: Path) -> None:
    """``cp -p`` and ``mv`` keep the time of change; the inode or its own time tell."""
    file = write(tmp_path / "a.txt", "one")
    before = path_content(str(file), tmp_path)
    os.replace(write(tmp_path / "new.txt", "two"), file)
    moved = path_content(str(file), tmp_path)
    assert moved != before
    write(file, "six")  # in place, the old time set again
    assert path_content(str(file), tmp_path) not in (before, moved)


def test_a_hash_is_computed_once_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_content, "_SETTLED_AFTER_NS", 0)
    file, cache = write(tmp_path / "a.txt", "one"), tmp_path / "cache"
    first = path_content(str(file), cache)
    monkeypatch.setattr(file_content, "_digest_of", None)
    assert path_content(str(file), cache) == first
    monkeypatch.setattr(file_content, "_known", {})  # another process
    assert path_content(str(file), cache) == first
    kept = next((cache / "content").iterdir())
    kept.write_text("cut")  # damaged: computed again
    monkeypatch.setattr(file_content, "_known", {})
    with pytest.raises(TypeError):
        path_content(str(file), cache)


def test_a_folder_is_its_files_with_their_names(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    write(folder / "weights.bin", "one")
    write(folder / "README.md", "words")
    found = path_content(str(folder), tmp_path, frozenset({".bin"}))
    write(folder / "README.md", "other words")
    assert path_content(str(folder), tmp_path, frozenset({".bin"})) == found
    assert path_content(str(folder), tmp_path) != found
    moved = folder.rename(tmp_path / "moved")
    assert path_content(str(moved), tmp_path, frozenset({".bin"})) == found
    (moved / "weights.bin").rename(moved / "other.bin")
    assert path_content(str(moved), tmp_path, frozenset({".bin"})) != found


def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    for path, says in (
        (tmp_path / "absent", f"{tmp_path}/absent: cannot be read (No such file or directory)"),
        (tmp_path / ("x" * 300), "cannot be read (File name too long)"),
    ):
        with pytest.raises(DataError) as caught:
            path_content(str(path), tmp_path)
        assert says in str(caught.value)


def glove_config(file: Path) -> TrialConfig:
    backbone = BiLSTMConfig(hidden=2, word_dim=2, glove=str(file))
    return TrialConfig.model_validate({"backbone": backbone})


def id_of(config: TrialConfig, contents: dict[str, str]) -> str:
    return trial_id_of(config, {"name": "b"}, "f", 0, "mae/all", contents)


def test_the_content_of_a_named_file_is_part_of_the_trial(tmp_path: Path) -> None:
    file = write(tmp_path / "glove.txt", "the 1 2\n")
    config, cache = glove_config(file), tmp_path / "cache"
    contents = trial_contents(config, cache)
    assert contents == {"backbone.glove": path_content(str(file), cache)}
    plain = with_contents(config.to_dict(), contents)
    assert plain["backbone"]["glove"] == f"content {contents['backbone.glove']}"
    assert config.to_dict()["backbone"]["glove"] == str(file)
    # moved: the same trial; changed: another one
    moved = glove_config(write(tmp_path / "elsewhere" / "vectors.txt", "the 1 2\n"))
    assert id_of(moved, trial_contents(moved, cache)) == id_of(config, contents)
    write(file, "the 1 3\n")
    assert id_of(config, trial_contents(config, cache)) != id_of(config, contents)


def test_a_trial_without_paths_keeps_its_id() -> None:
    config = TrialConfig.model_validate({"backbone": "bilstm"})
    assert paths_of(config) == []
    assert trial_contents(config, Path("/nowhere")) == {}
    assert id_of(config, {}) == trial_id_of(config, {"name": "b"}, "f", 0, "mae/all")


def test_a_run_keeps_to_what_it_first_saw(tmp_path: Path) -> None:
    file = write(tmp_path / "glove.txt", "the 1 2\n")
    config, hashes = glove_config(file), {}
    first = trial_contents(config, tmp_path, hashes)
    write(file, "the 1 3\n")
    assert trial_contents(config, tmp_path, hashes) == first
    assert trial_contents(config, tmp_path) != first


def test_content_hash_is_sha256_of_typed_and_measured_parts() -> None:
    distinct = [
        content_hash("ab", "c"),
        content_hash("a", "bc"),
        content_hash(b"abc"),
        content_hash("1"),
        content_hash(1),
        content_hash(1.0),
        content_hash(),
    ]
    assert len(set(distinct)) == len(distinct)
