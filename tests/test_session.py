"""What surrounds the loop in one call of ``dirsweep run``."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from dirsweep.errors import StoreError
from dirsweep.run.folder import RunPaths
from dirsweep.run.locks import lock_run, require_free
from dirsweep.run.reader import open_run
from dirsweep.session import open_ledger
from tests.flow.driving import Listener, loaded, run_here, tiny_sweep

ONE = {"s": {"points": [{}]}}


def test_tables_bins_provenance_and_exit_code(tmp_path: Path) -> None:
    file, root, listener = tiny_sweep(tmp_path, ONE), tmp_path / "run", Listener()
    assert run_here(file, root, listener) == 0
    run = open_run(root)
    assert run.trials()["status"].to_pylist() == ["complete"]
    assert sum(run.bins().train) == 200
    (session,) = run.provenance["sessions"]
    assert session["ended_at"]
    assert [dict(standing.counts) for standing in listener.standings] == [
        {"waiting": 1},
        {"running": 1, "waiting": 0},
        {"complete": 1, "waiting": 0},
        {"complete": 1, "waiting": 0},
    ]


def test_a_failed_trial_gives_exit_code_1_and_is_tabled(tmp_path: Path) -> None:
    file = tiny_sweep(tmp_path, {"s": {"points": [{"optimizer": {"name": "sgd", "lr": 1e30}}]}})
    assert run_here(file, tmp_path / "run") == 1
    assert open_run(tmp_path / "run").trials()["status"].to_pylist() == ["failed"]


class Failing(Listener):
    """Breaks the session while it trains."""

    def trial_epoch(self, trial_id: str, epoch: int, row: Mapping[str, Any]) -> None:
        raise StoreError("broken")


def test_tables_are_built_also_where_training_breaks(tmp_path: Path) -> None:
    file, root = tiny_sweep(tmp_path, ONE), tmp_path / "run"
    with pytest.raises(StoreError, match="broken"):
        run_here(file, root, Failing())
    assert open_run(root).trials()["status"].to_pylist() == ["unfinished"]
    require_free(RunPaths(root))


def test_a_request_to_stop_of_earlier_does_not_count(tmp_path: Path) -> None:
    file, root = tiny_sweep(tmp_path, ONE), tmp_path / "run"
    RunPaths(root).stop.create()
    assert run_here(file, root) == 0
    assert not RunPaths(root).stop.exists()


def test_a_run_that_is_held_or_of_another_sweep_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "run"
    first = loaded(tiny_sweep(tmp_path, ONE))
    with lock_run(RunPaths(root)):
        with pytest.raises(StoreError, match=r"in use by another dirsweep .*`dirsweep stop "):
            require_free(RunPaths(root))
        with (
            pytest.raises(StoreError, match="in use"),
            open_ledger(first, RunPaths(root)),
        ):
            pass
    assert run_here(tiny_sweep(tmp_path, ONE), root) == 0
    shutil.rmtree(root / "plots", ignore_errors=True)
    other = tiny_sweep(tmp_path, ONE, base={"epochs": 2})
    with pytest.raises(StoreError, match="made from another version of the sweep"):
        run_here(other, root)
