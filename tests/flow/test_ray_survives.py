"""What a sweep under Ray survives, done for real: Ctrl-C once and twice, kill -9 of driver and
workers, a hang.
"""

from __future__ import annotations

import os
import random
import re
import signal
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dirsweep.monitor.control import stop_run, stop_trial
from dirsweep.monitor.snapshot import read_snapshot
from dirsweep.run.folder import RunPaths
from dirsweep.run.reader import Run, open_run
from tests.flow.driving import (
    Command,
    alive,
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
    total,
    trial_ids,
    workers,
)

pytestmark = pytest.mark.ray

POINTS = {"p": {"points": [{}, {"reweighting": "sqinv"}], "seeds": [0, 1]}}
NUM_TRIALS = 4
#: as far as the kernel keeps a process's name
AGENTS = {"ray::DashboardA", "ray::RuntimeEnv", "ray::RuntimeE"}
#: long enough to be hit in the middle; a checkpoint after each epoch
LONG = {"base": {"epochs": 12}, "resources": {"cpu": 1, "checkpoint_every_s": 0}}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The sweep's uninterrupted results."""
    folder = tmp_path_factory.mktemp("whole")
    assert run_here(small_sweep(folder, POINTS, **LONG), folder / "run") == 0
    return open_run(folder / "run")


class Sweep:
    """A sweep, its folder, and the drivers that work on it one after another."""

    def __init__(self, folder: Path, **resources: float) -> None:
        self.folder, self.root = folder, folder / "run"
        more = {**LONG, "resources": {**LONG["resources"], **resources}}
        self.file = small_sweep(folder, POINTS, **more)
        self.mark = f"DIRSWEEP_TEST_{uuid.uuid4().hex}"

    @contextmanager
    def driver(self) -> Iterator[Command]:
        """``dirsweep run`` on 2 CPUs; nothing of it is left after the block."""
        arguments = ("run", self.file, "--out", self.root, "--cpus", "2", "--no-reuse")
        with command(*arguments, folder=self.folder, env={self.mark: "1"}) as running:
            try:
                yield running
            finally:
                self.gone(killed=running.process.poll() == -signal.SIGKILL)

    def family(self) -> dict[int, str]:
        """Every process of a driver, its Ray and its workers (they inherit its environment), by
        name.
        """
        found = {}
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and self.mark.encode() in (entry / "environ").read_bytes():
                    found[int(entry.name)] = (entry / "comm").read_text().strip()
            except OSError:
                continue
        return {pid: name for pid, name in found.items() if alive(pid)}

    def gone(self, killed: bool, timeout: float = 60) -> None:
        """Wait until no process of a driver is left; what stays is killed, and the test fails.

        A Ray whose driver was killed while it started may leave its agents waiting for it: they do
            no work, and go.
        """
        until = time.monotonic() + timeout
        while left := self.family():
            agents_only = killed and all(name in AGENTS for name in left.values())
            if time.monotonic() > until - (timeout - 10 if agents_only else 0):
                for pid in left:
                    os.kill(pid, signal.SIGKILL)
                assert agents_only, f"left behind: {left}"
            time.sleep(0.2)

    def in_the_middle(self, driver: Command) -> str:
        """Wait for a trial that a worker has trained a few epochs of, and is not about to end."""

        def look() -> str | None:
            middle = (
                i for i in begun(self.root) if 2 <= epochs_done(self.root, i) < 9 and self.worker(i)
            )
            return next(middle, None)

        return str(driver.when(look, "the middle of a trial"))

    def worker(self, trial_id: str) -> int | None:
        """The process that trains the trial now."""
        return RunPaths(self.root).trial(trial_id).log.holder()

    def finish(self, whole: Run, before: dict[str, bytes]) -> Run:
        """Run it to its end; everything is there once, with the numbers of an uninterrupted run."""
        with self.driver() as last:
            assert last.ends() == 0, last.stderr
        check_sound(self.root, before)
        run = check_finished(self.root, NUM_TRIALS)
        same_results(run, whole)
        return run


def begun_by_now(root: Path) -> list[str]:
    """As ``begun``, also while there is no ledger yet."""
    return begun(root) if (root / "ledger.jsonl").exists() else []


@pytest.fixture
def sweep(tmp_path: Path) -> Sweep:
    return Sweep(tmp_path)


def test_interrupted_once_twice_and_killed_it_goes_on(sweep: Sweep, whole: Run) -> None:
    with sweep.driver() as driver:
        middle = sweep.in_the_middle(driver)
        done = epochs_done(sweep.root, middle)
        driver.interrupt()
        assert driver.ends(60) == 130
    assert "Traceback" not in driver.stderr
    assert "Resume: dirsweep run" in driver.stderr
    before = outcomes(sweep.root)
    run = check_sound(sweep.root, before)
    assert total(run, "unfinished") >= 1
    assert read_snapshot(RunPaths(sweep.root)).counts.get("running") is None

    with sweep.driver() as driver:
        middle = sweep.in_the_middle(driver)
        driver.interrupt()
        time.sleep(0.3)
        driver.interrupt()
        assert driver.ends(30) == 130
    assert "Traceback" not in driver.stderr
    check_sound(sweep.root, before)
    before = outcomes(sweep.root)

    with sweep.driver() as driver:
        sweep.in_the_middle(driver)
        driver.kill()
    check_sound(sweep.root, before)
    before = outcomes(sweep.root)
    assert read_snapshot(RunPaths(sweep.root)).counts.get("running") is None
    sweep.finish(whole, before)
    assert epochs_done(sweep.root, middle) == 12 > done


def test_a_killed_worker_costs_an_epoch_and_a_hang_costs_the_trial(tmp_path: Path) -> None:
    sweep = Sweep(tmp_path, epoch_limit_s=8)
    # four times the seeds: when the killed trial has ended there must be one left to hang
    more = {**LONG, "resources": {**LONG["resources"], "epoch_limit_s": 8}}
    sweep.file = small_sweep(tmp_path, {"p": {**POINTS["p"], "seeds": list(range(8))}}, **more)
    with sweep.driver() as driver:
        killed = sweep.in_the_middle(driver)
        done, pid = epochs_done(sweep.root, killed), sweep.worker(killed)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        driver.when(lambda: len(workers(sweep.root, killed)) == 2, "another worker takes the trial")
        driver.when(lambda: statuses(sweep.root).get(killed) == "complete", "the end of that trial")
        log = RunPaths(sweep.root).trial(killed).log.text()
        resumed = re.search(r"resumed after epoch (\d+)", log)
        assert resumed is not None
        assert int(resumed[1]) >= done, "it goes on from its checkpoint"

        hanging = sweep.in_the_middle(driver)
        pid = sweep.worker(hanging)
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        driver.when(
            lambda: statuses(sweep.root).get(hanging) == "failed", "the end of the trial that hangs"
        )
        assert driver.ends() == 1
    assert "epoch_limit_s, 8 s" in driver.stderr
    run = check_sound(sweep.root)
    rows = {row["trial_id"]: row for row in run.trials().to_pylist()}
    assert rows.pop(hanging)["error"] == "an epoch took longer than resources.epoch_limit_s, 8 s"
    assert {row["status"] for row in rows.values()} == {"complete"}
    assert len(rows) == 4 * NUM_TRIALS - 1
    assert rows[killed]["attempts"] == 2
    alone = small_sweep(
        tmp_path / "alone", {"p": {**POINTS["p"], "seeds": [rows[killed]["seed"]]}}, **more
    )
    assert run_here(alone, tmp_path / "alone" / "run") == 0
    expected = {
        row["trial_id"]: row["test_mae_all"]
        for row in open_run(tmp_path / "alone" / "run").trials().to_pylist()
    }
    assert rows[killed]["test_mae_all"] == pytest.approx(expected[killed], abs=1e-6)


def test_the_whole_ray_is_killed_and_a_worker_dies_for_good(sweep: Sweep, whole: Run) -> None:
    with sweep.driver() as driver:
        sweep.in_the_middle(driver)
        for pid, name in sweep.family().items():
            if name in ("gcs_server", "raylet"):
                os.kill(pid, signal.SIGKILL)
        assert driver.ends(40) == 130
    assert (
        "was killed); finished trials are kept; run the same command to resume"
        in driver.stderr.splitlines()[-1]
    )
    assert "Traceback" not in driver.stderr
    before = outcomes(sweep.root)
    check_sound(sweep.root, before)

    with sweep.driver() as driver:
        unlucky = sweep.in_the_middle(driver)
        killed = {None}
        for _ in range(3):
            driver.when(
                lambda: sweep.worker(unlucky) not in killed, "another worker takes the trial"
            )
            killed.add(pid := sweep.worker(unlucky))
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
        assert driver.ends() == 1, driver.stderr
    run = check_sound(sweep.root, before)
    rows = {row["trial_id"]: row for row in run.trials().to_pylist()}
    assert rows[unlucky]["status"] == "failed"
    assert "died again and again" in rows[unlucky]["error"]
    assert total(run, "complete") == NUM_TRIALS - 1


def test_stopped_from_outside(sweep: Sweep, whole: Run) -> None:
    paths = RunPaths(sweep.root)
    with sweep.driver() as driver:
        trial = sweep.in_the_middle(driver)
        seen = read_snapshot(paths)
        assert trial in {running.trial_id for running in seen.running}
        assert seen.counts["running"] == 2
        assert str(driver.pid) in str(seen.driver)
        stop_trial(paths, trial)
        driver.when(lambda: statuses(sweep.root).get(trial) == "stopped", "the stop of the trial")
        sweep.in_the_middle(driver)
        stop_run(paths)
        assert driver.ends(60) == 130
    run = check_sound(sweep.root)
    assert total(run, "stopped") == 1
    assert total(run, "unfinished") >= 1
    assert not paths.stop.exists()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_driver_is_killed_at_twenty_random_moments(sweep: Sweep, tmp_path: Path) -> None:
    rng = random.Random(20)
    kills, num_seeds = 0, 4
    while kills < 20:
        more = {**LONG, "base": {"epochs": 6}, "seeds": list(range(num_seeds))}
        points = {"p": {"points": [{}, {"reweighting": "sqinv"}, {"batch_size": 32}]}}
        sweep.file = small_sweep(sweep.folder, points, **more)
        known = (sweep.root / "ledger.jsonl").exists()
        before = outcomes(sweep.root) if known else {}
        with sweep.driver() as driver:
            if rng.random() < 0.5:  # while it starts, or in the thick of it
                time.sleep(rng.uniform(1, 12))
            else:
                driver.when(lambda: begun_by_now(sweep.root), "a trial")
                time.sleep(rng.uniform(0, 6))
            if driver.process.poll() is None:
                driver.kill()
                kills += 1
            else:
                assert driver.process.returncode == 0, driver.stderr
        if (sweep.root / "ledger.jsonl").exists() and trial_ids(sweep.root):
            run = check_sound(sweep.root, before)
            if total(run, "unfinished") == 0:
                num_seeds += 2  # there must be work left to be killed
    before = outcomes(sweep.root)
    with sweep.driver() as driver:
        assert driver.ends(600) == 0, driver.stderr
    check_sound(sweep.root, before)
    run = check_finished(sweep.root, 3 * num_seeds)
    assert run_here(sweep.file, tmp_path / "elsewhere" / "run") == 0
    same_results(run, open_run(tmp_path / "elsewhere" / "run"))
