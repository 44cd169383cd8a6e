from __future__ import annotations

from pathlib import Path

from dirsweep.report.html.run_facts import run_facts, run_state
from dirsweep.run.reader import Run, open_run
from tests.made_up_run import write_run


def run_with(root: Path, statuses: list[float | str | None]) -> Run:
    write_run(root, {"s": [({}, statuses)]})  # type: ignore[list-item]
    return open_run(root)


def test_how_a_run_ended(tmp_path: Path) -> None:
    assert run_state(run_with(tmp_path / "a", [7.0, 7.1])) == (
        "finished: all 2 trials complete",
        False,
    )
    assert run_state(run_with(tmp_path / "b", [7.0, "pruned"])) == (
        "finished: 1 of 2 trials complete, 1 pruned",
        False,
    )
    assert run_state(run_with(tmp_path / "c", [7.0, "failed"])) == (
        "finished: 1 of 2 trials complete, 1 failed",
        True,
    )
    assert run_state(run_with(tmp_path / "d", [7.0, None])) == (
        "not finished: 1 of 2 trials complete, 1 unfinished",
        True,
    )


def test_main_facts(tmp_path: Path) -> None:
    run = run_with(tmp_path, [7.0] * 10)
    facts = dict(run_facts(run))
    assert facts == {
        "benchmark": "agedb-dir",
        "selected by": "validation MAE, all",
        "studies": "1",
        "seeds": "0, 1, 2, 3, 4, 5, 6, 7 and 2 more",
        "compute time": "2 min 05 s",
        "first start": "2026-01-02 03:04 UTC",
        "last end": "2026-01-02 03:04 UTC",
    }
