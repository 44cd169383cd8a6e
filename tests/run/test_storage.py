from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from dirsweep.errors import StoreError
from dirsweep.run import storage as storage_module
from dirsweep.run.files import StoredFile
from dirsweep.run.storage import LocalStorage, local_file


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def stored(root: Path, key: str = "a.txt") -> StoredFile:
    return StoredFile(LocalStorage(root), key)


# ---- whole writes


def test_replaces_and_leaves_nothing_behind(tmp_path: Path) -> None:
    file = stored(tmp_path, "deep/er/a.txt")
    file.write(b"one")
    file.write(b"two", durable=False)
    assert file.read() == b"two"
    assert names(tmp_path / "deep" / "er") == ["a.txt"]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "no permission"),
        (errno.EIO, "input/output"),
    ],
)
@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_failure_keeps_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, words: str, call: str
) -> None:
    file = stored(tmp_path, "a.json")
    file.write_json({"a": 1})

    def fail(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(storage_module.os, call, fail)
    with pytest.raises(StoreError, match=words) as caught:
        file.write_json({"a": 2})
    assert "\n" not in str(caught.value)
    assert str(file) in str(caught.value)
    assert file.read_json() == {"a": 1}
    assert names(tmp_path) == ["a.json"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_for_real(tmp_path: Path) -> None:
    def write() -> None:
        with stored(tmp_path).writing() as file:
            os.dup2(os.open("/dev/full", os.O_WRONLY), file.fileno())
            file.write(b"x" * 100_000)

    with pytest.raises(StoreError, match="the disk is full"):
        write()
    assert names(tmp_path) == []


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    inside = stored(tmp_path, "file/a")
    assert inside.read() is None
    assert not inside.exists()
    inside.delete()
    for write in (lambda: inside.write(b""), inside.create, inside.journal):
        with pytest.raises(StoreError, match="cannot write"):
            write()


def test_an_exception_in_the_block_writes_nothing(tmp_path: Path) -> None:
    stored(tmp_path).write(b"old")

    def write() -> None:
        with stored(tmp_path).writing() as file:
            file.write(b"half")
            raise KeyError("x")

    with pytest.raises(KeyError):
        write()
    assert stored(tmp_path).read() == b"old"
    assert names(tmp_path) == ["a.txt"]


def test_killed_while_writing(tmp_path: Path) -> None:
    file = stored(tmp_path)
    file.write(b"old")
    program = (
        "import os, sys, pathlib\n"
        "from dirsweep.run.storage import local_file\n"
        "with local_file(pathlib.Path(sys.argv[1])).writing() as f:\n"
        "    f.write(b'new'); f.flush(); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(file)], check=False)
    assert done.returncode == -9
    assert file.read() == b"old"
    assert len(names(tmp_path)) == 2
    file.storage.remove_leftovers("")
    assert names(tmp_path) == ["a.txt"]


def test_a_file_of_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = local_file(Path("a.txt"))
    file.write(b"x")
    assert str(file) == "a.txt"
    assert (tmp_path / "a.txt").read_bytes() == b"x"


# ---- the rest of the interface


def test_create_only_if_absent(tmp_path: Path) -> None:
    file = stored(tmp_path, "trials/t/stop")
    assert file.create()
    assert file.read() == b""
    file.write(b"by a person")
    assert not file.create(b"again")
    assert file.read() == b"by a person"


def test_delete_and_exists(tmp_path: Path) -> None:
    file = stored(tmp_path, "d/a.txt")
    file.delete()
    assert not file.exists()
    assert file.info() is None
    file.write(b"abc")
    info = file.info()
    assert info is not None
    assert (info.size, info.modified) == (3, os.stat(file).st_mtime)
    assert not stored(tmp_path, "d").exists(), "a folder is no file"
    assert file.read(offset=1) == b"bc"
    file.delete()
    assert file.read() is None
    file.write(b"x")
    stored(tmp_path, "d").delete_tree()
    assert names(tmp_path) == []


def test_names_below_a_prefix(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    assert storage.names("trials") == []
    assert not storage.contains("trials")
    for trial in ("b", "a"):
        StoredFile(storage, f"trials/{trial}/log.txt").create()
    assert storage.names("trials") == ["a", "b"]
    assert storage.names("trials/a") == ["log.txt"]
    assert storage.contains("trials/a")


def test_neighbours_are_the_other_folders(tmp_path: Path) -> None:
    for run in ("b", "a", "c"):
        (tmp_path / run).mkdir()
    (tmp_path / "file").write_text("")
    assert LocalStorage(tmp_path / "b").neighbours() == [
        LocalStorage(tmp_path / "a"),
        LocalStorage(tmp_path / "c"),
    ]
    assert LocalStorage(tmp_path / "no" / "where").neighbours() == []


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    with pytest.raises(StoreError, match="d: cannot read: is a directory"):
        stored(tmp_path, "d").read()


def test_text_that_is_not_utf8(tmp_path: Path) -> None:
    file = stored(tmp_path)
    assert file.text() is None
    file.write("ä".encode())
    assert file.text() == "ä"
    file.write(b"\xff")
    assert file.text() is None


def test_json_has_no_nan(tmp_path: Path) -> None:
    file = stored(tmp_path)
    file.write_json({"x": float("nan"), "y": [1.5, float("-inf")], "z": (1, {"w": 0.25})})
    assert json.loads(file.read() or b"") == {
        "x": None,
        "y": [1.5, None],
        "z": [1, {"w": 0.25}],
    }
    file.write(b"{")
    assert file.read_json() is None


def test_tables_are_arrow_files(tmp_path: Path) -> None:
    file, table = stored(tmp_path, "t.arrow"), pa.table({"a": [1, 2, None], "b": ["x", "y", "z"]})
    assert file.read_table() is None
    file.write_table(table)
    assert pa.ipc.open_file(tmp_path / "t.arrow").read_all().equals(table)
    assert file.read_table().equals(table)
    before = pa.total_allocated_bytes()
    kept = file.read_table()
    assert pa.total_allocated_bytes() - before < 1000, "memory-mapped, not read"
    assert kept.num_rows == 3
    file.write((file.read() or b"")[:-20])
    with pytest.raises(StoreError, match=r"t\.arrow: incomplete, or not an Arrow file"):
        file.read_table()


def test_a_log_grows(tmp_path: Path) -> None:
    file = stored(tmp_path, "trials/a/log.txt")
    for line in ("one\n", "two\n"):
        with file.log() as stream:
            stream.write(line)
    assert file.text() == "one\ntwo\n"


# ---- journal


def test_a_journal_keeps_what_was_appended(tmp_path: Path) -> None:
    file = stored(tmp_path, "run/j.jsonl")
    journal = file.journal()
    journal.append(b"one\n")
    journal.append(b"two\n", sync=False)
    journal.close()
    journal.close()
    again = file.journal()
    assert again.read() == b"one\ntwo\n"
    again.truncate(4)
    again.append(b"three\n")
    again.close()
    assert file.read() == b"one\nthree\n"


def test_an_append_is_whole_or_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = stored(tmp_path)
    journal = file.journal()
    journal.append(b"one\n")
    write, sizes = os.write, []

    def half_then_full(descriptor: int, data: memoryview) -> int:
        if sizes:
            raise OSError(errno.ENOSPC, "No space left on device")
        sizes.append(len(data))
        return write(descriptor, data[:3])

    monkeypatch.setattr(storage_module.os, "write", half_then_full)
    with pytest.raises(StoreError, match="the disk is full"):
        journal.append(b"two\n")
    monkeypatch.undo()
    assert file.read() == b"one\n"
    journal.append(b"three\n")
    journal.close()
    assert file.read() == b"one\nthree\n"


# ---- leases


def test_one_holder_at_a_time(tmp_path: Path) -> None:
    file = stored(tmp_path, "run/lock")
    assert not file.is_held()
    assert file.holder() is None
    with file.lease() as first, file.lease() as second:
        assert first.acquire()
        assert file.is_held()
        assert file.holder() == os.getpid()
        assert not second.acquire(wait_s=0.15)
        first.describe_owner(b"a long description")
        first.describe_owner(b"me")
        assert file.read() == b"me"
    assert not file.is_held()
    with file.lease() as third:
        assert third.acquire()
