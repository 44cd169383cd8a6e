"""What is interrupted, killed or broken goes on without loss: inline. Under Ray:
``test_ray_survives.py``.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from dirsweep.run.folder import RunPaths
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

#: enough epochs that a kill can hit the middle; a checkpoint after each
LONG = {"base": {"epochs": 30}, "resources": {"checkpoint_every_s": 0}}
STUDIES = {
    "points": {"points": [{}, {"reweighting": "sqinv"}], "seeds": [0, 1]},
    "search": {
        "trials": 3,
        "sampler": {"name": "tpe", "seed": 1, "n_startup_trials": 1},
        "space": {"optimizer.lr": {"log_uniform": [1e-3, 1e-1]}},
    },
}


def _at_half(root: Path) -> bool:
    """Two trials have ended, a third is in its middle."""
    return len(statuses(root)) >= 2 and any(
        5 < epochs_done(root, trial_id) < 25 for trial_id in begun(root)
    )


@pytest.mark.slow
def test_killed_at_half_and_run_again_equals_the_uninterrupted(tmp_path: Path) -> None:
    file = tiny_sweep(tmp_path, STUDIES, **LONG)
    root = tmp_path / "killed"
    with command(
        "run", file, "--inline", "--out", root, folder=tmp_path, start=WITH_TINY
    ) as driver:
        driver.when(lambda: _at_half(root), "half of the sweep")
        driver.kill()
    before = outcomes(root)
    (middle,) = begun(root)
    done = epochs_done(root, middle)
    check_sound(root)
    listener = Listener()
    assert run_here(file, root, listener) == 0
    check_sound(root, before)
    assert listener.before["complete"] == len(before)
    assert not set(before) & set(listener.started), "nothing finished is run twice"
    attempts = {row["trial_id"]: row["attempts"] for row in open_run(root).trials().to_pylist()}
    assert attempts.pop(middle) == 2
    assert set(attempts.values()) == {1}
    log = RunPaths(root).trial(middle).log.text()
    resumed = re.search(r"resumed after epoch (\d+)", log)
    assert resumed is not None
    assert int(resumed[1]) >= done, "what the checkpoint had is not trained again"
    assert run_here(file, tmp_path / "whole") == 0
    same_results(check_finished(root, 7), check_finished(tmp_path / "whole", 7))


@pytest.mark.slow
def test_interrupted_once_it_says_how_to_go_on_and_does(tmp_path: Path) -> None:
    file = tiny_sweep(tmp_path, STUDIES, **LONG)
    root = tmp_path / "run"
    arguments = ["run", file, "--inline", "--out", root]
    with command(*arguments, folder=tmp_path, start=WITH_TINY) as driver:
        driver.when(lambda: _at_half(root), "half of the sweep")
        driver.interrupt()
        assert driver.ends() == 130
    assert "Traceback" not in driver.stderr
    assert f"dirsweep {shlex.join(map(str, arguments))}" in driver.stderr, "how to go on"
    before = outcomes(root)
    run = check_sound(root, before)
    assert total(run, "unfinished") >= 1
    with command(*arguments, folder=tmp_path, start=WITH_TINY) as driver:
        assert driver.ends() == 0, driver.stderr
    check_sound(root, before)
    assert run_here(file, tmp_path / "whole") == 0
    same_results(check_finished(root, 7), check_finished(tmp_path / "whole", 7))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lr", "reason"),
    [(1e30, "NaN|above 1e\\+06"), (1e4, "NaN|above 1e\\+06")],
    ids=["at once", "a little later"],
)
def test_a_failing_trial_is_a_row_and_the_rest_goes_on(
    tmp_path: Path, lr: float, reason: str
) -> None:
    bad = {"optimizer.name": "sgd", "optimizer.lr": lr, "loss": "mse"}
    file = tiny_sweep(tmp_path, {"p": {"points": [{}, bad, {"batch_size": 16}]}})
    listener = Listener()
    assert run_here(file, tmp_path / "run", listener) == 1
    run = check_sound(tmp_path / "run")
    rows = {row["point"]: row for row in run.trials().to_pylist()}
    assert [rows[index]["status"] for index in range(3)] == ["complete", "failed", "complete"]
    assert re.search(reason, rows[1]["error"])
    assert rows[1]["test_mae_all"] is None
    assert [status for _, status, _ in listener.ended] == ["complete", "failed", "complete"]
    again = Listener()
    assert run_here(file, tmp_path / "run", again) == 1, "it stays failed"
    assert again.started == []
    assert again.before == {"complete": 2, "failed": 1, "waiting": 0}
    wanted = Listener()
    assert run_here(file, tmp_path / "run", wanted, retry=frozenset({"failed"})) == 1
    assert wanted.started == [rows[1]["trial_id"]]


@pytest.mark.slow
def test_a_point_of_a_search_that_fails_does_not_stop_it(tmp_path: Path) -> None:
    study = {
        "trials": 4,
        "sampler": {"name": "random", "seed": 0},
        "space": {"optimizer.lr": {"choice": [1e30, 0.01]}, "batch_size": {"choice": [16, 32, 64]}},
        "base": {"optimizer.name": "sgd"},
    }
    file = tiny_sweep(tmp_path, {"search": study})
    assert run_here(file, tmp_path / "run") == 1
    run = check_sound(tmp_path / "run")
    assert total(run, "failed") >= 1
    assert total(run, "complete") >= 1
    assert len(run.trials()) == 4


class Interrupting(Listener):
    """Presses Ctrl-C after an epoch of a trial."""

    def __init__(self, trial: int, epoch: int) -> None:
        super().__init__()
        self.at = trial, epoch

    def trial_epoch(self, trial_id: str, epoch: int, row: Mapping[str, Any]) -> None:
        super().trial_epoch(trial_id, epoch, row)
        if (len(self.started) - 1, epoch) == self.at:
            raise KeyboardInterrupt


def test_interrupted_between_two_epochs_nothing_is_trained_again(tmp_path: Path) -> None:
    file = tiny_sweep(tmp_path, STUDIES, base={"epochs": 4})
    root = tmp_path / "run"
    assert run_here(file, root, Interrupting(trial=3, epoch=1)) == 130
    before = outcomes(root)
    assert len(before) == 3
    listener = Listener()
    assert run_here(file, root, listener) == 0
    (middle,) = [trial_id for trial_id, _ in listener.epochs[:1]]
    assert "resumed after epoch 2" in RunPaths(root).trial(middle).log.text()
    check_sound(root, before)
    assert run_here(file, tmp_path / "whole") == 0
    same_results(check_finished(root, 7), check_finished(tmp_path / "whole", 7))


@pytest.mark.slow
@pytest.mark.parametrize(
    "damage", ["outcome", "epochs", "predictions", "checkpoint", "spec", "log", "stop"]
)
def test_garbage_in_a_trials_folder(tmp_path: Path, damage: str) -> None:
    file = tiny_sweep(tmp_path, {"p": {"points": [{}, {"batch_size": 16}]}})
    root = tmp_path / "run"
    assert run_here(file, tmp_path / "whole") == 0
    assert run_here(file, root, Interrupting(trial=0, epoch=1)) == 130
    (middle,) = begun(root)
    getattr(RunPaths(root).trial(middle), damage).write(b"\x00garbage\xff{")
    assert run_here(file, root) == 0
    same_results(check_finished(root, 2), check_finished(tmp_path / "whole", 2))


def test_a_torn_last_line_of_the_ledger(tmp_path: Path) -> None:
    file = tiny_sweep(tmp_path, STUDIES)
    root = tmp_path / "run"
    assert run_here(file, root) == 0
    ledger = RunPaths(root).ledger
    whole = ledger.read()
    ledger.write(whole[:-20])  # the last 'ended' is lost, its outcome is not
    listener = Listener()
    assert run_here(file, root, listener) == 0
    assert listener.started == []
    events = [json.loads(line) for line in ledger.read().splitlines()]
    assert [event["event"] for event in events].count("ended") == 7
    check_finished(root, 7)


def test_an_end_that_no_driver_noted_is_noted_by_the_next(tmp_path: Path) -> None:
    file = tiny_sweep(tmp_path)
    root = tmp_path / "run"
    assert run_here(file, root) == 0
    before = outcomes(root)
    ledger = RunPaths(root).ledger
    lines = ledger.text().splitlines(keepends=True)
    ledger.write("".join(line for line in lines if '"ended"' not in line).encode())
    assert run_here(file, root) == 0
    check_sound(root, before)
    check_finished(root, len(trial_ids(root)))
