"""A full disk, a read-only folder, a file where the folder should be: one line, exit code 2, and
nothing is lost.
"""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from dirsweep.cli import main
from dirsweep.errors import StoreError
from tests.flow.driving import (
    Listener,
    begun,
    check_finished,
    check_sound,
    command,
    epochs_done,
    outcomes,
    run_here,
    same_results,
    small_sweep,
    statuses,
    tiny_sweep,
)

THREE = {"p": {"points": [{}, {"reweighting": "sqinv"}, {"batch_size": 16}]}}


class At(Listener):
    """Does something after an epoch of the second trial."""

    def __init__(self, what: Callable[[], Any]) -> None:
        super().__init__()
        self.what = what

    def trial_epoch(self, trial_id: str, epoch: int, row: Mapping[str, Any]) -> None:
        super().trial_epoch(trial_id, epoch, row)
        if (len(self.started), epoch) == (2, 0):
            self.what()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 MB of its own, where that may be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", folder], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("file systems cannot be mounted here")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def fill(disk: Path) -> None:
    """Leave no room on the disk."""
    with open(disk / "ballast", "wb", buffering=0) as file:
        for size in (65536, 4096, 512, 1):
            with suppress(OSError):
                while True:
                    file.write(b"\0" * size)
    assert os.statvfs(disk).f_bavail == 0


def test_a_full_disk(tmp_path: Path, disk: Path) -> None:
    file, root = tiny_sweep(tmp_path, THREE), disk / "run"
    with pytest.raises(StoreError, match=r"disk is full; free some space and run again$"):
        run_here(file, root, At(lambda: fill(disk)))
    (disk / "ballast").unlink()
    before = outcomes(root)
    assert len(before) == 1
    check_sound(root, before)
    assert run_here(file, root) == 0
    check_sound(root, before)
    assert run_here(file, tmp_path / "whole") == 0
    same_results(check_finished(root, 3), check_finished(tmp_path / "whole", 3))


@pytest.mark.slow
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("number", [0, 1, 2, 3, 5, 8, 12, 16, 20, 24, 28])
def test_no_write_that_fails_loses_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: int
) -> None:
    """The disk fails for good at one write after another."""
    file, root = tiny_sweep(tmp_path, THREE, base={"epochs": 2}), tmp_path / "run"
    real, calls = os.fsync, [0]

    def failing(descriptor: int) -> None:
        calls[0] += 1
        if calls[0] > number:
            raise OSError(code, os.strerror(code))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(StoreError, match="cannot write"):
        run_here(file, root)
    monkeypatch.undo()
    before = outcomes(root) if (root / "ledger.jsonl").exists() else {}
    listener = Listener()
    assert run_here(file, root, listener, cache=os.environ.get("DIRSWEEP_CACHE")) == 0
    check_sound(root, before)
    check_finished(root, 3)
    assert len(listener.started) == 3 - len(before)


def _call(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], *arguments: str | Path
) -> str:
    monkeypatch.setattr(sys, "argv", ["dirsweep", *map(str, arguments)])
    with pytest.raises(SystemExit) as leaving:
        main()
    assert leaving.value.code == 2
    err = capfd.readouterr().err
    assert "Traceback" not in err
    return err.splitlines()[-1]


def test_a_read_only_folder(
    tmp_path: Path, disk: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tiny_sweep(tmp_path, THREE)
    assert run_here(file, disk / "run", At(lambda: (_ for _ in ()).throw(KeyboardInterrupt))) == 130
    before = outcomes(disk / "run")
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    for out in ("run", "new"):
        last = _call(monkeypatch, capfd, "run", file, "--inline", "--out", disk / out)
        assert str(disk / out) in last
        assert "read-only; choose another" in last
    subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
    assert run_here(file, disk / "run") == 0
    check_sound(disk / "run", before)
    check_finished(disk / "run", 3)


def test_a_file_where_the_folder_should_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tiny_sweep(tmp_path, THREE)
    (tmp_path / "out").write_text("mine")
    last = _call(monkeypatch, capfd, "run", file, "--inline", "--out", tmp_path / "out")
    assert str(tmp_path / "out") in last
    assert "cannot write" in last
    assert (tmp_path / "out").read_text() == "mine"


@pytest.mark.ray
def test_a_full_disk_under_ray(tmp_path: Path, disk: Path) -> None:
    more = {"base": {"epochs": 12}, "resources": {"cpu": 1, "checkpoint_every_s": 0}}
    file, root = (
        small_sweep(tmp_path, {"p": {"points": [{}], "seeds": [0, 1]}}, **more),
        disk / "run",
    )
    arguments = ("run", file, "--out", root, "--cpus", "2")
    with command(*arguments, folder=tmp_path) as driver:
        driver.when(
            lambda: begun(root) and epochs_done(root, begun(root)[0]) > 2, "the middle of a trial"
        )
        fill(disk)
        assert driver.ends(120) == 2
    assert "the disk is full; free some space and run again" in driver.stderr.splitlines()[-1]
    assert "Traceback" not in driver.stderr
    (disk / "ballast").unlink()
    assert "failed" not in statuses(root).values(), "a full disk is not the trial's fault"
    before = outcomes(root)
    check_sound(root, before)
    with command(*arguments, folder=tmp_path) as driver:
        assert driver.ends() == 0, driver.stderr
    check_sound(root, before)
    check_finished(root, 2)
