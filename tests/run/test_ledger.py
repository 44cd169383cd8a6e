from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from dirsweep.errors import StoreError
from dirsweep.run.events import Ended, Event, Proposed, SamplerState, Started
from dirsweep.run.folder import RunPaths
from dirsweep.run.ledger import Ledger, nothing_open, read_events, read_state
from dirsweep.run.state import RunState


def three() -> list[Event]:
    sampler = SamplerState({"lr": 0.1}, {"lr": "{}"}, {})
    return [
        Proposed("s", 0, {"lr": 0.1}, (0,), ("a",), sampler, {"lr": 0.1}),
        Started("a"),
        Ended("a", "failed", "loss is NaN"),
    ]


def test_events_come_back(tmp_path: Path) -> None:
    file = RunPaths(tmp_path / "run").ledger
    events = three()
    with Ledger(file) as ledger:
        ledger.append(events[0])
        ledger.append(*events[1:])
        assert ledger.state == RunState.of(events)
    assert read_events(file) == events
    with Ledger(file) as ledger:
        assert ledger.state == RunState.of(events)
        ledger.append(Started("b"))
        assert ledger.state.open_trials == ["b"]
    assert [event.kind for event in read_events(file)] == [
        "proposed",
        "started",
        "ended",
        "started",
    ]
    assert read_state(file).open_trials == ["b"]
    assert read_events(RunPaths(tmp_path / "none").ledger) == []


def test_torn_at_every_byte(tmp_path: Path) -> None:
    file = RunPaths(tmp_path).ledger
    events = three()
    with Ledger(file) as ledger:
        ledger.append(*events)
    whole = file.read()
    ends = [i + 1 for i, byte in enumerate(whole) if byte == ord("\n")]
    for size in range(len(whole) + 1):
        file.write(whole[:size])
        kept = events[: sum(end <= size for end in ends)]
        assert read_events(file) == kept
        assert len(file.read()) == size, "a reader changes nothing"
        with Ledger(file) as ledger:
            assert ledger.state == RunState.of(kept)
            ledger.append(events[1])
        assert read_events(file) == [*kept, events[1]]


def test_a_tail_of_zeros_is_torn(tmp_path: Path) -> None:
    file = RunPaths(tmp_path).ledger
    with Ledger(file) as ledger:
        ledger.append(*three())
    with open(file, "ab") as tail:
        tail.write(b"\0" * 512)
    with Ledger(file) as ledger:
        assert ledger.state == RunState.of(read_events(file))
    assert len(read_events(file)) == 3


def test_damage_in_the_middle_is_named(tmp_path: Path) -> None:
    file = RunPaths(tmp_path).ledger
    line = json.dumps(Started("a").to_dict()).encode() + b"\n"
    file.write(line + b"rubbish\n" + line)
    for read in (read_events, Ledger):
        with pytest.raises(StoreError, match=r"ledger\.jsonl: line 2 is damaged; delete that line"):
            read(file)


def test_events_of_a_newer_build_are_refused_and_their_keys_ignored(tmp_path: Path) -> None:
    file = RunPaths(tmp_path).ledger
    known = Started("a").to_dict()
    file.write((json.dumps({**known, "priority": 3}) + "\n").encode())
    assert read_state(file).open_trials == ["a"]
    file.write((json.dumps(known) + "\n" + json.dumps({"event": "paused"}) + "\n").encode())
    for read in (read_events, Ledger):
        with pytest.raises(StoreError, match="line 2: unknown event 'paused', written by a newer"):
            read(file)
    file.write((json.dumps({"event": "started", "time": "now"}) + "\n").encode())
    with pytest.raises(StoreError, match="line 1: 'started' event without a valid 'trial_id'"):
        read_events(file)


def test_a_full_disk_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = RunPaths(tmp_path).ledger
    with Ledger(file) as ledger:
        ledger.append(Started("a"))
        before = file.read()
        write, calls = os.write, 0

        def half_then_full(descriptor: int, data: memoryview) -> int:
            nonlocal calls
            calls += 1
            if calls == 1:
                return write(descriptor, data[:10])
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, "write", half_then_full)
        with pytest.raises(StoreError, match="the disk is full"):
            ledger.append(Started("b"))
        monkeypatch.undo()
        assert file.read() == before
        ledger.append(Started("c"))
        assert ledger.state.open_trials == ["a", "c"]
    assert [json.loads(line)["trial_id"] for line in file.read().splitlines()] == ["a", "c"]


def test_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot write"):
        Ledger(RunPaths(tmp_path / "file").ledger)


def test_nothing_open(tmp_path: Path) -> None:
    path = RunPaths(tmp_path).ledger
    assert not nothing_open(path)
    with Ledger(path) as ledger:
        assert not nothing_open(path), "nothing was begun"
        ledger.append(Started("a"), Started("b"), Ended("a", "complete"))
        assert not nothing_open(path)
        ledger.append(Ended("b", "failed", "x"))
        assert nothing_open(path)
        ledger.append(Started("b"))
        assert not nothing_open(path), "tried again"
    path.write(b"garbage\nmore\n")
    assert not nothing_open(path)
