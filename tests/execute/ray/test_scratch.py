"""Scratch folders: gone at the end, gone after a kill with the next start, never those of a living
process.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dirsweep.execute.ray import scratch
from dirsweep.execute.ray.scratch import OWNER, PREFIX, remove_stale, scratch_folder

HOLDER = """
import sys, tempfile, time
tempfile.tempdir = sys.argv[1]
from dirsweep.execute.ray.scratch import scratch_folder
with scratch_folder() as folder:
    (folder / "tune" / "deep").mkdir(parents=True)
    (folder / "tune" / "deep" / "state.json").write_text("{}")
    print(folder, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def holder(temporary: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Another process and its folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(temporary)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    yield process, Path(process.stdout.readline().strip())
    process.kill()
    process.wait()
    process.stdout.close()


def owned(parent: Path, **changes: object) -> Path:
    """A folder that a process with a number nobody has left behind."""
    folder = parent / f"{PREFIX}left{len(list(parent.iterdir()))}"
    folder.mkdir()
    (folder / "x").write_text("")
    owner = {"pid": 2**22 + 17, "started": "boot 1", "host": os.uname().nodename, **changes}
    (folder / OWNER).write_text(json.dumps(owner))
    return folder


def test_it_goes_at_the_end(temporary: Path) -> None:
    with scratch_folder() as folder:
        assert (folder.parent, folder.name.startswith(PREFIX)) == (temporary, True)
        owner = json.loads((folder / OWNER).read_text())
        assert (owner["pid"], owner["host"]) == (os.getpid(), os.uname().nodename)
        assert remove_stale() == []
        assert folder.is_dir()
    assert not folder.exists()


def test_after_a_kill_the_next_one_removes_it(holder: tuple[subprocess.Popen[str], Path]) -> None:
    process, folder = holder
    assert remove_stale() == [], "its process lives"
    assert (folder / "tune" / "deep" / "state.json").exists()
    process.send_signal(signal.SIGKILL)
    process.wait()
    with scratch_folder() as own:
        until = time.monotonic() + 10
        while folder.exists() and time.monotonic() < until:
            time.sleep(0.01)
        assert not folder.exists()
        assert own.is_dir()


def test_another_process_with_the_same_number(temporary: Path) -> None:
    folder = owned(temporary, pid=os.getpid(), started="another boot 1")
    assert remove_stale() == [folder]


def test_whatever_is_in_doubt_stays(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = temporary / "elsewhere"
    target.mkdir()
    (target / OWNER).write_text((owned(temporary) / OWNER).read_text())
    (temporary / f"{PREFIX}link").symlink_to(target)
    kept = [
        owned(temporary, host="another-machine"),
        owned(temporary, pid=os.getpid(), started=None),
        owned(temporary, pid="many"),
    ]
    broken, bare = owned(temporary), temporary / f"{PREFIX}bare"
    (broken / OWNER).write_text("{")
    bare.mkdir()
    # a process in a container of its own: its number means nothing here, its lock does
    held = owned(temporary)
    with (held / OWNER).open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert remove_stale() == [temporary / f"{PREFIX}left1"]
    for folder in (*kept, broken, bare, held, target):
        assert folder.is_dir(), folder
    assert (target / OWNER).exists()
    monkeypatch.setattr(scratch.os, "getuid", lambda: os.geteuid() + 1)
    assert remove_stale() == [], "another user's"
    assert remove_stale(temporary / "absent") == []
