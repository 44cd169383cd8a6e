"""dirsweep.data.cache: hashes, and building once however many ask."""

from __future__ import annotations

import errno
import hashlib
import multiprocessing
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from dirsweep.config.cache_folder import default_cache
from dirsweep.config.file_content import content_hash
from dirsweep.data import cache
from dirsweep.data.cache import build_once
from dirsweep.errors import DataError


def test_default_cache_is_the_named_folder_or_one_in_the_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DIRSWEEP_CACHE", str(tmp_path / "here"))
    assert default_cache() == tmp_path / "here"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DIRSWEEP_CACHE", "relative")
    assert default_cache() == tmp_path / "relative"
    monkeypatch.setenv("DIRSWEEP_CACHE", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_cache() == tmp_path / ".cache" / "dirsweep"


def test_content_hash_is_sha256_of_typed_and_measured_parts() -> None:
    assert content_hash("ab", 3) == hashlib.sha256(b"str 2\nabint 1\n3").hexdigest()[:16]


def test_content_hash_tells_parts_apart() -> None:
    hashes = [
        content_hash("ab", "c"),
        content_hash("a", "bc"),
        content_hash("abc"),
        content_hash(b"abc"),
        content_hash("1"),
        content_hash(1),
        content_hash(1.0),
        content_hash(),
        content_hash(""),
    ]
    assert len(set(hashes)) == len(hashes)


def test_builds_a_file_once_and_keeps_its_suffix_while_it_builds(tmp_path: Path) -> None:
    calls = []

    def make(path: Path) -> None:
        calls.append(path)
        np.save(path, np.arange(3))

    target = tmp_path / "deep" / "numbers.npy"
    assert build_once(target, make) == build_once(target, make) == target
    assert np.load(target).tolist() == [0, 1, 2]
    assert len(calls) == 1
    assert calls[0].parent == target.parent
    assert calls[0].suffix == ".npy"
    assert sorted(os.listdir(target.parent)) == [".numbers.npy.lock", "numbers.npy"]


def test_builds_a_folder(tmp_path: Path) -> None:
    def make(path: Path) -> None:
        path.mkdir()
        (path / "a.txt").write_text("a")

    assert (build_once(tmp_path / "folder", make) / "a.txt").read_text() == "a"


def test_a_failed_build_leaves_nothing_and_the_next_one_builds(tmp_path: Path) -> None:
    def fail(path: Path) -> None:
        path.write_text("half")
        raise RuntimeError("cut off")

    with pytest.raises(RuntimeError, match="cut off"):
        build_once(tmp_path / "file.txt", fail)
    assert os.listdir(tmp_path) == [".file.txt.lock"]
    build_once(tmp_path / "file.txt", lambda path: path.write_text("whole") and None)
    assert (tmp_path / "file.txt").read_text() == "whole"


def test_clears_away_what_a_killed_process_left(tmp_path: Path) -> None:
    (tmp_path / ".file.0123.part.txt").write_text("half")
    (tmp_path / ".folder.0123.part").mkdir()
    build_once(tmp_path / "file.txt", lambda path: path.write_text("whole") and None)
    build_once(tmp_path / "folder", lambda path: path.mkdir())
    assert sorted(os.listdir(tmp_path)) == [".file.txt.lock", ".folder.lock", "file.txt", "folder"]


def test_threads_that_ask_at_once_build_once(tmp_path: Path) -> None:
    calls = []

    def make(path: Path) -> None:
        calls.append(1)
        path.write_text("x" * 100_000)

    with ThreadPoolExecutor(8) as pool:
        texts = list(pool.map(lambda _: build_once(tmp_path / "file", make).read_text(), range(8)))
    assert len(calls) == 1
    assert texts == ["x" * 100_000] * 8


def _build_in_a_process(folder: str, start: multiprocessing.synchronize.Barrier) -> None:
    def make(path: Path) -> None:
        with (Path(folder) / "calls.txt").open("a") as file:
            file.write(f"{os.getpid()}\n")
        path.mkdir()
        for number in range(50):
            (path / f"{number}").write_text("x")

    start.wait()
    assert len(os.listdir(build_once(Path(folder) / "target", make))) == 50


def test_processes_that_ask_at_once_build_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    start = context.Barrier(3)
    processes = [
        context.Process(target=_build_in_a_process, args=(str(tmp_path), start)) for _ in range(3)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert len((tmp_path / "calls.txt").read_text().splitlines()) == 1


def test_without_locks_it_still_builds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(cache.fcntl, "flock", no_locks)
    others = tmp_path / ".folder.0123.part"
    others.mkdir()  # perhaps another process is at work there

    def make(path: Path) -> None:
        path.mkdir()
        (path / "mine").touch()
        (tmp_path / "folder").mkdir()  # another one is faster
        (tmp_path / "folder" / "theirs").touch()

    assert os.listdir(build_once(tmp_path / "folder", make)) == ["theirs"]
    assert others.is_dir()


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        DataError,
        match=r"file/sub/x: cannot keep a\.npy there \(Not a directory\); set DIRSWEEP_CACHE",
    ):
        build_once(tmp_path / "file" / "sub" / "x" / "a.npy", lambda path: None)


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    def make(path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(
        DataError, match=r"cannot keep a there \(No space left on device\); set DIRSWEEP_CACHE"
    ):
        build_once(tmp_path / "a", make)


def test_a_source_that_cannot_be_read_keeps_its_own_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        build_once(
            tmp_path / "x" / "y" / "a", lambda path: (tmp_path / "absent").read_text() and None
        )
