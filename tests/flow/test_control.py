"""A run from outside: resume, status, watch, stop, logs; equal trials of neighbouring runs; two
drivers.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from dirsweep.cli import main
from dirsweep.monitor.control import stop_trial
from dirsweep.monitor.snapshot import read_snapshot
from dirsweep.run.events import Ended
from dirsweep.run.folder import RunPaths
from dirsweep.run.ledger import read_events
from dirsweep.run.locks import lock_run
from dirsweep.run.reader import open_run
from tests.flow.driving import (
    WITH_TINY,
    Listener,
    begun,
    check_finished,
    check_sound,
    command,
    epochs_done,
    outcomes,
    run_here,
    same_results,
    statuses,
    tiny_sweep,
    total,
    trial_ids,
)

Call = Callable[..., tuple[int, str, str]]
THREE = {"p": {"points": [{}, {"reweighting": "sqinv"}, {"batch_size": 16}]}}


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Call:
    """``dirsweep ...`` in this process: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["dirsweep", *map(str, arguments)])
        with pytest.raises(SystemExit) as leaving:
            main()
        out, err = capfd.readouterr()
        return int(leaving.value.code or 0), out, err

    return run


class At(Listener):
    """Does something after an epoch of a trial."""

    def __init__(self, trial: int, epoch: int, what: Callable[[str], Any]) -> None:
        super().__init__()
        self.at, self.what = (trial, epoch), what

    def trial_epoch(self, trial_id: str, epoch: int, row: Mapping[str, Any]) -> None:
        super().trial_epoch(trial_id, epoch, row)
        if (len(self.started) - 1, epoch) == self.at:
            self.what(trial_id)


def _interrupt(trial_id: str) -> None:
    raise KeyboardInterrupt


# ---- going on


@pytest.mark.slow
def test_resume_needs_only_the_runs_folder(tmp_path: Path, call: Call) -> None:
    file = tiny_sweep(tmp_path, THREE)
    assert run_here(file, tmp_path / "run", At(1, 1, _interrupt)) == 130
    before = outcomes(tmp_path / "run")
    file.unlink()
    code, out, err = call("resume", "run", "--inline")
    assert code == 0, err
    assert "ended before: 1 complete" in err
    assert "SYNTHETIC" in out
    check_sound(tmp_path / "run", before)
    check_finished(tmp_path / "run", 3)
    code, _, err = call("resume", "nowhere")
    assert (code, err.count("\n")) == (2, 1)


@pytest.mark.slow
def test_a_failed_trial_is_retried_only_when_asked(tmp_path: Path, call: Call) -> None:
    tiny_sweep(tmp_path, {"p": {"points": [{}, {"optimizer.name": "sgd", "optimizer.lr": 1e30}]}})
    assert call("run", "tiny.yaml", "--inline", "--out", "run")[0] == 1
    before = outcomes(tmp_path / "run")
    code, _, err = call("resume", "run", "--inline")
    assert code == 1
    assert "started" not in err
    assert outcomes(tmp_path / "run") == before
    code, _, err = call("resume", "run", "--inline", "--retry", "failed")
    assert code == 1
    assert err.count("started") == 1
    code, _, err = call("resume", "run", "--inline", "--retry", "everything")
    assert (code, err.count("\n")) == (2, 1)
    assert "failed" in err


# ---- looking


@pytest.mark.slow
def test_status_while_it_runs_and_afterwards(tmp_path: Path, call: Call) -> None:
    root = tmp_path / "run"
    studies = {
        **THREE,
        "s": {
            "trials": 2,
            "space": {"optimizer.lr": {"log_uniform": [1e-3, 1e-1]}},
            "seeds": [0, 1],
        },
    }
    file = tiny_sweep(tmp_path, studies, resources={"checkpoint_every_s": 0})
    seen = []
    assert run_here(file, root, At(1, 1, lambda _: seen.append(read_snapshot(RunPaths(root))))) == 0
    (during,) = seen
    assert during.counts == {"complete": 1, "running": 1, "waiting": 5}
    assert during.total == 7
    assert during.driver is not None
    assert during.driver.startswith("pid ")
    (running,) = during.running
    assert (running.epochs, running.num_epochs) == (2, 3)
    assert running.name == "p: sqinv, seed 0"
    assert running.value is not None
    after = read_snapshot(RunPaths(root))
    assert after.counts == {"complete": 7}
    assert (after.driver, after.running, after.over) == (None, (), True)
    points: dict[tuple[str, int], list[float]] = {}
    for row in open_run(root).trials().to_pylist():
        points.setdefault((row["study"], row["point"]), []).append(row["val_mae_all"])
    assert after.best is not None
    assert after.best.value == pytest.approx(min(sum(v) / len(v) for v in points.values()))
    assert set(after.best.regions) == {"all", "many", "median", "few"}
    code, out, err = call("status", "run")
    assert (code, err) == (0, "")
    for words in ("7 trials: 7 complete", "SYNTHETIC", *after.best.trials.values()):
        assert words in out
    code, out, _ = call("status", "run", "--json")
    assert json.loads(out)["counts"] == {"complete": 7}
    code, out, err = call("watch", "run")
    assert code == 0
    assert (out + err).count("7 complete") == 1, "the end is printed once"


def test_status_needs_a_run_and_says_who_goes_on(tmp_path: Path, call: Call) -> None:
    code, _, err = call("status", "nowhere")
    assert (code, err.count("\n")) == (2, 1)
    assert err.endswith("nowhere: no such folder; give the folder of a run (default: runs/NAME)\n")
    code, _, err = call("status", tiny_sweep(tmp_path, THREE))
    assert (code, err.count("\n")) == (2, 1)
    assert err.endswith("tiny.yaml: a file; give the folder of a run (default: runs/NAME)\n")
    assert run_here(tiny_sweep(tmp_path, THREE), tmp_path / "run", At(1, 1, _interrupt)) == 130
    code, out, _ = call("status", "run")
    assert code == 0
    assert "1 complete, 1 unfinished, 1 waiting" in out
    assert "no driver is running; `dirsweep resume run` continues the run" in out
    assert call("watch", "run")[0] == 130, "nobody works on it, and it is not over"


def test_asking_is_not_holding(tmp_path: Path) -> None:
    """Whoever looks whether a run is in use must not keep a driver from starting."""
    assert run_here(tiny_sweep(tmp_path, THREE), tmp_path / "run") == 0
    for _ in range(50):
        read_snapshot(RunPaths(tmp_path / "run"))
        with lock_run(RunPaths(tmp_path / "run")):
            assert read_snapshot(RunPaths(tmp_path / "run")).driver is not None


def test_logs(tmp_path: Path, call: Call) -> None:
    root = tmp_path / "run"
    assert run_here(tiny_sweep(tmp_path, THREE), root, At(1, 1, _interrupt)) == 130
    done, middle, waiting = trial_ids(root)
    code, out, _ = call("logs", "run", done[:6])
    assert code == 0
    assert f"trial {done}, process" in out
    assert "complete after" in out
    assert "complete" not in call("logs", "run", middle)[1]
    for words, trial in (("has no log yet", waiting), ("no trial", "zz"), ("no trial", "")):
        code, _, err = call("logs", "run", trial)
        assert (code, err.count("\n")) == (2, 1)
        assert words in err
    code, out, _ = call("logs", "run", done, "--follow")
    assert "complete after" in out, "an ended trial is not followed for ever"


# ---- stopping


@pytest.mark.slow
def test_a_run_stops_when_asked_and_goes_on_when_resumed(tmp_path: Path) -> None:
    root = tmp_path / "run"
    file = tiny_sweep(tmp_path, THREE, resources={"checkpoint_every_s": 0})
    assert run_here(file, root, At(1, 1, lambda _: RunPaths(root).stop.create())) == 130
    before = outcomes(root)
    assert len(before) == 1
    assert not RunPaths(root).stop.exists(), "the request is done with"
    assert run_here(file, root) == 0
    check_sound(root, before)
    check_finished(root, 3)


def test_stopping_what_does_not_run(tmp_path: Path, call: Call) -> None:
    assert run_here(tiny_sweep(tmp_path, THREE), tmp_path / "run") == 0
    trial = trial_ids(tmp_path / "run")[0]
    for arguments, words in (
        (["run"], "no driver"),
        (["run", trial], "has already ended (complete)"),
    ):
        code, _, err = call("stop", *arguments)
        assert (code, err.count("\n")) == (2, 1)
        assert words in err


@pytest.mark.slow
def test_one_trial_is_stopped_for_good(tmp_path: Path) -> None:
    root = tmp_path / "run"
    file = tiny_sweep(tmp_path, THREE, base={"epochs": 5})
    listener = At(1, 1, lambda trial_id: stop_trial(RunPaths(root), trial_id[:8]))
    assert run_here(file, root, listener) == 0
    run = check_sound(root)
    rows = run.trials().to_pylist()
    assert [row["status"] for row in rows] == ["complete", "stopped", "complete"]
    assert (rows[1]["num_epochs"], rows[1]["test_mae_all"]) == (2, None)
    assert rows[1]["val_mae_all"] is not None, "it keeps what it has"
    again = Listener()
    assert run_here(file, root, again) == 0
    assert again.started == [], "it stays stopped"
    wanted = Listener()
    assert run_here(file, root, wanted, retry=frozenset({"stopped"})) == 0
    assert wanted.started == [rows[1]["trial_id"]]
    assert set(statuses(root).values()) == {"complete"}


@pytest.mark.slow
def test_a_waiting_trial_and_an_interrupted_one_can_be_stopped(tmp_path: Path, call: Call) -> None:
    root = tmp_path / "run"
    file = tiny_sweep(tmp_path, THREE, base={"epochs": 5})
    assert run_here(file, root, At(0, 2, _interrupt)) == 130
    interrupted, waiting, _ = trial_ids(root)
    assert call("stop", "run", interrupted)[0] == 0
    assert call("stop", "run", waiting)[0] == 0
    assert run_here(file, root) == 0
    rows = {row["trial_id"]: row for row in check_sound(root).trials().to_pylist()}
    assert [row["status"] for row in rows.values()] == ["stopped", "stopped", "complete"]
    assert (rows[interrupted]["num_epochs"], rows[waiting]["num_epochs"]) == (3, 0)
    assert rows[interrupted]["val_mae_all"] is not None


@pytest.mark.slow
def test_the_commands_against_a_driver_at_work(tmp_path: Path, call: Call) -> None:
    root = tmp_path / "run"
    file = tiny_sweep(tmp_path, THREE, base={"epochs": 400}, resources={"checkpoint_every_s": 0})
    with command(
        "run", file, "--inline", "--out", root, folder=tmp_path, start=WITH_TINY
    ) as driver:
        driver.when(lambda: any(epochs_done(root, i) > 3 for i in begun(root)), "the first trial")
        code, out, _ = call("status", root)
        assert "1 running, 2 waiting" in out
        assert f"pid {driver.pid} on" in out
        # a second driver is refused, and disturbs nothing
        code, _, err = call("run", file, "--inline", "--out", root)
        assert code == 2
        assert f"pid {driver.pid}" in err.splitlines()[-1]
        assert "in use" in err.splitlines()[-1]
        assert "Traceback" not in err
        (first,) = begun(root)
        assert call("stop", root, first)[0] == 0
        driver.when(lambda: statuses(root).get(first) == "stopped", "the stop of the first trial")
        driver.when(lambda: any(epochs_done(root, i) > 3 for i in begun(root)), "the second trial")
        assert call("stop", root)[0] == 0
        assert driver.ends() == 130
    run = check_sound(root)
    assert (total(run, "stopped"), total(run, "unfinished")) == (1, 2)


# ---- equal trials of other runs


@pytest.mark.slow
def test_equal_trials_of_neighbouring_runs_are_taken_over(tmp_path: Path) -> None:
    first = tiny_sweep(tmp_path / "one", THREE)
    assert run_here(first, tmp_path / "runs" / "one") == 0
    more = {"q": {"points": [{"batch_size": 16}, {"batch_size": 64}, {}]}}
    second = tiny_sweep(tmp_path / "two", more, name="two")
    listener = Listener()
    assert run_here(second, tmp_path / "runs" / "two", listener, reuse=True) == 0
    assert len(listener.started) == 1, "only batch_size=64 is new"
    assert any("2 trials" in text and "one" in text for text in listener.messages)
    assert listener.before == {"complete": 2, "waiting": 1}
    own = Listener()
    assert run_here(second, tmp_path / "runs" / "three", own, reuse=False) == 0
    assert len(own.started) == 3
    same_results(check_sound(tmp_path / "runs" / "two"), check_sound(tmp_path / "runs" / "three"))
    assert run_here(first, tmp_path / "runs" / "one") == 0, "the source is as it was"
    check_finished(tmp_path / "runs" / "one", 3)
    # where they came from is in the ledger, once, and in the table
    taken = check_finished(tmp_path / "runs" / "two", 3)
    events = [
        event
        for event in read_events(RunPaths(tmp_path / "runs" / "two").ledger)
        if isinstance(event, Ended)
    ]
    assert [event.reused_from for event in events] == ["one", "one", None]
    columns = taken.trials().select(["label", "reused_from"]).to_pydict()
    assert columns == {
        "label": ["batch_size=16", "batch_size=64", "base"],
        "reused_from": ["one", None, "one"],
    }
    assert run_here(second, tmp_path / "runs" / "two", reuse=True) == 0
    check_finished(tmp_path / "runs" / "two", 3)
    assert set(run_rows(tmp_path / "runs" / "three")) == {None}


@pytest.mark.slow
def test_taken_over_before_anybody_noted_it(tmp_path: Path) -> None:
    file = tiny_sweep(tmp_path, THREE)
    assert run_here(file, tmp_path / "runs" / "one") == 0
    root = tmp_path / "runs" / "two"
    assert run_here(file, root, reuse=True) == 0
    ledger = RunPaths(root).ledger
    lines = [line for line in ledger.text().splitlines(keepends=True) if '"ended"' not in line]
    ledger.write("".join(lines).encode())  # killed right after the files were there
    assert run_here(file, root, reuse=True) == 0
    check_finished(root, 3)
    assert run_rows(root) == ["one"] * 3
    ledger.write("".join(lines).encode())
    assert run_here(file, root, reuse=False) == 0
    assert run_rows(root) == ["one"] * 3, "told by what lies beside it"
    ledger.write("".join(lines).encode())
    (tmp_path / "runs" / "one").rename(tmp_path / "one-moved")
    assert run_here(file, root) == 0
    assert run_rows(root) == ["outside this run"] * 3


def run_rows(root: Path) -> list[str | None]:
    return open_run(root).trials()["reused_from"].to_pylist()  # type: ignore[no-any-return]


def test_a_table_of_an_earlier_version_lacks_where_trials_came_from(tmp_path: Path) -> None:
    assert run_here(tiny_sweep(tmp_path, THREE), tmp_path / "run") == 0
    paths = RunPaths(tmp_path / "run")
    table = open_run(paths.root).trials().drop_columns(["reused_from"])
    paths.trials_table.write_table(
        pa.table(
            {name: table[name].combine_chunks() for name in table.schema.names}, schema=table.schema
        ),
    )
    assert open_run(paths.root).require_finished().trials().num_rows == 3


def test_only_complete_trials_are_taken_over(tmp_path: Path) -> None:
    bad = {"optimizer.name": "sgd", "optimizer.lr": 1e30}
    file = tiny_sweep(tmp_path, {"p": {"points": [bad, {}]}})
    assert run_here(file, tmp_path / "runs" / "one", At(1, 1, _interrupt)) == 130
    listener = Listener()
    assert run_here(file, tmp_path / "runs" / "two", listener, reuse=True) == 1
    assert len(listener.started) == 2


def test_a_proposed_trial_can_be_taken_over_as_well(tmp_path: Path) -> None:
    study = {
        "s": {
            "trials": 3,
            "sampler": {"name": "random", "seed": 5},
            "space": {"batch_size": {"choice": [16, 32]}},
        }
    }
    assert run_here(tiny_sweep(tmp_path, study), tmp_path / "runs" / "one") == 0
    listener = Listener()
    assert (
        run_here(tiny_sweep(tmp_path, study), tmp_path / "runs" / "two", listener, reuse=True) == 0
    )
    assert listener.started == []
    same_results(*(check_sound(tmp_path / "runs" / name) for name in ("one", "two")))
