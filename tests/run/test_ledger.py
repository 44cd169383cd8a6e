from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dirsweep.errors import StoreError
from dirsweep.run import ledger as ledger_file
from dirsweep.run.folder import RunPaths
from dirsweep.run.ledger import (
    Ledger,
    ended,
    lock_run,
    nothing_open,
    proposed,
    read_events,
    started,
)


def three() -> list[ledger_file.Event]:
    sampler: ledger_file.SamplerState = {
        "params": {"lr": 0.1},
        "distributions": {"lr": "{}"},
        "system_attrs": {},
    }
    return [
        proposed(
            "s", 0, {"lr": 0.1}, seeds=[0], trial_ids=["a"], sampler=sampler, config={"lr": 0.1}
        ),
        started("a"),
        ended("a", "failed", "loss is NaN"),
    ]


def test_events_come_back(tmp_path: Path) -> None:
    file = tmp_path / "run" / "ledger.jsonl"
    events = three()
    with Ledger(file) as ledger:
        ledger.append(events[0])
        ledger.append(*events[1:])
        assert ledger.events() == events
    assert read_events(file) == events
    with Ledger(file) as ledger:
        assert ledger.events() == events
        ledger.append(started("b"))
    assert [event["event"] for event in read_events(file)] == [
        "proposed",
        "started",
        "ended",
        "started",
    ]
    assert read_events(tmp_path / "none") == []


def test_torn_at_every_byte(tmp_path: Path) -> None:
    file = tmp_path / "ledger.jsonl"
    events = three()
    with Ledger(file) as ledger:
        ledger.append(*events)
    whole = file.read_bytes()
    ends = [i + 1 for i, byte in enumerate(whole) if byte == ord("\n")]
    for size in range(len(whole) + 1):
        file.write_bytes(whole[:size])
        kept = events[: sum(end <= size for end in ends)]
        assert read_events(file) == kept
        assert file.stat().st_size == size, "a reader changes nothing"
        with Ledger(file) as ledger:
            assert ledger.events() == kept
            ledger.append(events[1])
        assert read_events(file) == [*kept, events[1]]


def test_a_tail_of_zeros_is_torn(tmp_path: Path) -> None:
    file = tmp_path / "ledger.jsonl"
    with Ledger(file) as ledger:
        ledger.append(*three())
    with file.open("ab") as tail:
        tail.write(b"\0" * 512)
    with Ledger(file) as ledger:
        assert len(ledger.events()) == 3


def test_damage_in_the_middle_is_named(tmp_path: Path) -> None:
    file = tmp_path / "ledger.jsonl"
    file.write_bytes(b'{"event":"started"}\nrubbish\n{"event":"started"}\n')
    for read in (read_events, Ledger):
        with pytest.raises(StoreError, match=r"ledger\.jsonl: line 2 is damaged; delete that line"):
            read(file)


def test_a_full_disk_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "ledger.jsonl"
    with Ledger(file) as ledger:
        ledger.append(started("a"))
        before = file.read_bytes()
        write, calls = os.write, 0

        def half_then_full(descriptor: int, data: memoryview) -> int:
            nonlocal calls
            calls += 1
            if calls == 1:
                return write(descriptor, data[:10])
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(ledger_file.os, "write", half_then_full)
        with pytest.raises(StoreError, match="the disk is full"):
            ledger.append(started("b"))
        monkeypatch.undo()
        assert file.read_bytes() == before
        ledger.append(started("c"))
        assert [event["trial_id"] for event in ledger.events()] == ["a", "c"]
    assert [json.loads(line)["trial_id"] for line in file.read_bytes().splitlines()] == ["a", "c"]


def test_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot write"):
        Ledger(tmp_path / "file" / "ledger.jsonl")
    with pytest.raises(StoreError, match="cannot write"), lock_run(RunPaths(tmp_path / "file")):
        pass


def test_second_driver_is_refused(tmp_path: Path) -> None:
    paths = RunPaths(tmp_path)
    with lock_run(paths):
        words = rf"in use by another dirsweep \(pid {os.getpid()} on .* since 2"
        with pytest.raises(StoreError, match=words), lock_run(paths):
            pass
    with lock_run(paths):
        pass


def test_the_lock_goes_with_a_killed_driver(tmp_path: Path) -> None:
    paths = RunPaths(tmp_path)
    program = (
        "import sys,time,pathlib;from dirsweep.run.ledger import lock_run;from dirsweep.run.folder import RunPaths\n"
        "with lock_run(RunPaths(pathlib.Path(sys.argv[1]))): print('held', flush=True); time.sleep(60)"
    )
    driver = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert driver.stdout is not None
    assert driver.stdout.readline() == "held\n"
    with pytest.raises(StoreError, match=f"pid {driver.pid} on"), lock_run(paths):
        pass
    driver.kill()
    driver.wait()
    driver.stdout.close()
    began = time.monotonic()
    with lock_run(paths):
        assert time.monotonic() - began < 1


def test_nothing_open(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    assert not nothing_open(path)
    with Ledger(path) as ledger:
        assert not nothing_open(path), "nothing was begun"
        ledger.append(started("a"), started("b"), ended("a", "complete", None))
        assert not nothing_open(path)
        ledger.append(ended("b", "failed", "x"))
        assert nothing_open(path)
        ledger.append(started("b"))
        assert not nothing_open(path), "tried again"
    path.write_text("garbage\nmore\n")
    assert not nothing_open(path)
