from __future__ import annotations

from pathlib import Path

from dirsweep.report.html.provenance import SessionView, sessions
from dirsweep.run.reader import Run, open_run
from tests.made_up_run import write_run


def run_with(root: Path, provenance: str) -> Run:
    paths = write_run(root, {"s": [({}, [7.0])]})
    paths.provenance.write(provenance.encode())
    return open_run(root)


def test_the_newest_session_is_first(tmp_path: Path) -> None:
    first = '{"started_at": "2026-01-02T03:04:05+00:00", "ended_at": "2026-01-02T04:00:00+00:00"}'
    second = (
        '{"command": "dirsweep resume x", "seeds": [0, 1],'
        ' "git": {"revision": "abc", "dirty": true},'
        ' "hardware": {"host": "box", "system": "Linux", "num_cpus": 2, "cpu": "x86",'
        ' "memory_mib": 4096, "gpus": [{"name": "H100"}]}, "versions": {"torch": "2.9"}}'
    )
    newest, oldest = sessions(run_with(tmp_path, f'{{"sessions": [{first}, {second}]}}'))
    assert newest == SessionView(
        "session 2 of 2",
        [
            ("started", "–"),
            ("ended", "not recorded (still running, or killed)"),
            ("command", "dirsweep resume x"),
            ("seeds", "0, 1"),
            ("code", "abc with uncommitted changes"),
            ("machine", "box, Linux"),
            ("hardware", "H100; 2 CPUs (x86), 4096 MiB"),
            ("versions", "torch 2.9"),
        ],
    )
    assert oldest.title == "session 1 of 2"
    assert oldest.facts[:2] == [
        ("started", "2026-01-02 03:04:05 UTC"),
        ("ended", "2026-01-02 04:00:00 UTC"),
    ]


def test_damaged_parts_are_skipped(tmp_path: Path) -> None:
    text = '{"sessions": [3, {"started_at": "yesterday", "git": 7}, {}]}'
    (session,) = sessions(run_with(tmp_path, text))
    assert session.facts[0] == ("started", "yesterday")
    assert "code" not in dict(session.facts)
    assert sessions(run_with(tmp_path / "b", '{"sessions": 3}')) == []


def test_the_data_is_shown_by_its_hashes(tmp_path: Path) -> None:
    data = '{"fingerprint": "f1", "splits": {}, "files": {"/a/glove.txt": "c2"}}'
    (session,) = sessions(run_with(tmp_path, f'{{"sessions": [{{"data": {data}}}]}}'))
    assert dict(session.facts)["data"] == "fingerprint f1; /a/glove.txt c2"
