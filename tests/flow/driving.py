"""Sweeps small enough for a test, the command line as a process of its own, and what must hold
whatever happened.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import yaml

from dirsweep.config.expand import validate
from dirsweep.config.load import load_sweep
from dirsweep.config.sweep import SweepSpec
from dirsweep.monitor.standing import Standing
from dirsweep.run.collect import collect
from dirsweep.run.events import Ended, Started
from dirsweep.run.folder import RunPaths, TrialFolder
from dirsweep.run.ledger import read_events, read_state
from dirsweep.run.reader import Run, open_run
from dirsweep.session import Options, run_sweep
from tests import tiny  # noqa: F401 - registers its benchmark and backbone

TESTS = Path(__file__).resolve().parents[1]
#: columns of the tables that may differ between two runs of one sweep
OF_THE_OCCASION = {
    "started_at",
    "ended_at",
    "wall_time_s",
    "training_time_s",
    "forward_time_s",
    "epoch_time_s",
    "peak_memory_mib",
    "host",
    "attempts",
    "reused_from",
}
ENDED = {"complete", "pruned", "stopped", "failed"}
#: starts the command line with the tiny benchmark of the tests registered (inline only: Ray's
#: workers do not know it)
WITH_TINY = ["-c", "from tests import tiny; from dirsweep.cli import main; main()"]


def tiny_sweep(folder: Path, studies: Mapping[str, Any] | None = None, **more: Any) -> Path:
    """A sweep file on the tiny benchmark; ``more`` replaces root keys, of ``base`` those given."""
    base = {
        "backbone": "tiny",
        "epochs": 3,
        "batch_size": 32,
        "optimizer": {"lr": 0.01},
    } | more.pop("base", {})
    text = {"name": "tiny", "benchmark": {"name": "tiny"}, "base": base, "seeds": [0], **more}
    text["studies"] = dict(
        studies or {"points": {"points": [{}, {"reweighting": "sqinv"}, {"batch_size": 16}]}}
    )
    return _written(folder, text)


def small_sweep(folder: Path, studies: Mapping[str, Any] | None = None, **more: Any) -> Path:
    """The same on a few drawn faces, which workers under Ray know, too."""
    base = {
        "backbone": "small_cnn",
        "epochs": 2,
        "batch_size": 64,
        "optimizer": {"lr": 1e-3},
    } | more.pop("base", {})
    text = {
        "name": "small",
        "benchmark": {"name": "synthetic-agedb", "image_size": 32, "fraction": 0.03},
        "base": base,
        "seeds": [0],
        **more,
    }
    text["studies"] = dict(studies or {"points": {"points": [{}, {"reweighting": "sqinv"}]}})
    return _written(folder, text)


def _written(folder: Path, text: Mapping[str, Any]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{text['name']}.yaml"
    file.write_text(yaml.safe_dump(dict(text), sort_keys=False))
    return file


class Listener:
    """A watcher that remembers what it was told."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.ended: list[tuple[str, str, str | None]] = []
        self.epochs: list[tuple[str, int]] = []
        self.messages: list[str] = []
        self.reused: list[str] = []
        self.standings: list[Standing] = []
        self.before: dict[str, int] = {}

    def trial_started(self, trial_id: str, study: str, label: str, seed: int, epochs: int) -> None:
        self.started.append(trial_id)

    def trial_epoch(self, trial_id: str, epoch: int, row: Mapping[str, Any]) -> None:
        self.epochs.append((trial_id, epoch))

    def trial_ended(
        self, trial_id: str, status: str, error: str | None, metrics: Mapping[str, float | None]
    ) -> None:
        self.ended.append((trial_id, status, error))

    def message(self, text: str) -> None:
        self.messages.append(text)

    def trial_reused(
        self, trial_id: str, name: str, source: str, metrics: Mapping[str, float | None]
    ) -> None:
        self.reused.append(trial_id)

    def standing(self, standing: Standing) -> None:
        if not self.standings:
            self.before = dict(standing.counts)
        self.standings.append(standing)

    @property
    def num_trials(self) -> int:
        return self.standings[-1].total


def loaded(file: Path) -> SweepSpec:
    spec = load_sweep(file)
    validate(spec)
    return spec


def run_here(file: Path, root: Path, listener: Listener | None = None, **options: Any) -> int:
    """``dirsweep run`` without its console, in this process; inline unless told otherwise."""
    chosen = {
        "executor": "inline",
        "reuse": False,
        "cache": os.environ.get("DIRSWEEP_CACHE"),
        **options,
    }
    return run_sweep(loaded(file), root, listener or Listener(), Options(**chosen))


class Command:
    """``dirsweep ...`` as a process of its own, with its own process group as a shell would give
    it.
    """

    def __init__(
        self, *arguments: str | Path, folder: Path, start: list[str] | None = None, **more: Any
    ) -> None:
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "COLUMNS": "200",
            **more.pop("env", {}),
        }
        environment["PYTHONPATH"] = os.pathsep.join(
            [str(TESTS), str(TESTS.parent), os.environ.get("PYTHONPATH", "")]
        )
        self.out, self.err = folder / f"{time.time_ns()}.out", folder / f"{time.time_ns()}.err"
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, *(start or ["-m", "dirsweep"]), *map(str, arguments)],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
                **more,
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    def interrupt(self) -> None:
        """As a terminal does it on Ctrl-C: to every process of the group, Ray's included."""
        os.killpg(self.pid, signal.SIGINT)

    def kill(self) -> None:
        """kill -9 of the driver alone."""
        os.kill(self.pid, signal.SIGKILL)
        self.process.wait()

    def ends(self, timeout: float = 240) -> int:
        """The exit code."""
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(
                f"still running after {timeout} s\n{self.stdout}{self.stderr}"
            ) from None

    @property
    def stdout(self) -> str:
        return self.out.read_text()

    @property
    def stderr(self) -> str:
        return self.err.read_text()

    def when(self, happened: Callable[[], Any], what: str, timeout: float = 120) -> Any:
        """Wait until ``happened`` gives something true, and return that; the command must be
        running meanwhile.
        """
        until = time.monotonic() + timeout
        while not (found := happened()):
            assert time.monotonic() < until, (
                f"{what} did not happen in {timeout} s\n{self.stdout}{self.stderr}"
            )
            assert self.process.poll() is None, f"ended before {what}\n{self.stdout}{self.stderr}"
            time.sleep(0.02)
        return found


@contextmanager
def command(*arguments: str | Path, folder: Path, **more: Any) -> Iterator[Command]:
    """A command that is gone after the block."""
    running = Command(*arguments, folder=folder, **more)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.kill()


# ---- what a run's folder says


def trial_ids(root: Path) -> list[str]:
    """Every trial that was proposed."""
    return list(read_state(RunPaths(root).ledger).proposed_trials())


def all_trial_ids(root: Path) -> list[str]:
    """These, and the trials from which they start."""
    state = read_state(RunPaths(root).ledger)
    return [*state.proposed_trials(), *state.required_trials()]


def statuses(root: Path) -> dict[str, str]:
    """trial -> how it ended, of those that have."""
    outcomes = {i: TrialFolder(RunPaths(root).trial(i)).outcome() for i in trial_ids(root)}
    return {i: outcome.status for i, outcome in outcomes.items() if outcome is not None}


def epochs_done(root: Path, trial_id: str) -> int:
    """How many epochs of the trial are on the disk."""
    return len(TrialFolder(RunPaths(root).trial(trial_id)).read_epochs())


def begun(root: Path) -> list[str]:
    """Trials that a worker has begun and not ended."""
    return [
        i
        for i in trial_ids(root)
        if RunPaths(root).trial(i).spec.exists() and i not in statuses(root)
    ]


def workers(root: Path, trial_id: str) -> list[int]:
    """The processes that took the trial, in order, from its log."""
    try:
        return [
            int(pid)
            for pid in re.findall(
                r": trial \w+, process (\d+)$", _log(root, trial_id), re.MULTILINE
            )
        ]
    except FileNotFoundError:
        return []


def _log(root: Path, trial_id: str) -> str:
    return RunPaths(root).trial(trial_id).log.text()


def alive(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def outcomes(root: Path) -> dict[str, bytes]:
    """trial -> the bytes of its outcome."""
    files = {i: RunPaths(root).trial(i).outcome for i in all_trial_ids(root)}
    return {i: data for i, file in files.items() if (data := file.read()) is not None}


def check_sound(root: Path, before: Mapping[str, bytes] | None = None) -> Run:
    """What must hold after anything: no trial lost, none run twice, none left running, tables
    readable.

    Args:
        before: outcomes as they were earlier; each must still be there, untouched.
    """
    paths = RunPaths(root)
    events = read_events(paths.ledger)
    now = outcomes(root)
    for trial_id, content in (before or {}).items():
        assert now.get(trial_id) == content, f"{trial_id} had ended and was changed"
    ended: set[str] = set()
    for event in events:
        if isinstance(event, Started):
            assert event.trial_id not in ended, "an ended trial was started again"
        elif isinstance(event, Ended):
            assert event.trial_id not in ended, "a trial ended twice"
            ended.add(event.trial_id)
    assert ended <= set(now), "every end in the ledger has its outcome"
    collect(paths)
    run = open_run(root)
    rows = run.trials().to_pylist()
    assert {row["trial_id"] for row in rows} == set(trial_ids(root))
    assert {row["status"] for row in rows} <= {*ENDED, "unfinished"}
    for row in rows:
        trial_id = row["trial_id"]
        outcome = json.loads(now[trial_id]) if trial_id in now else None
        assert row["status"] == (outcome["status"] if outcome else "unfinished")
        if outcome is not None and row["status"] != "failed":
            epochs = TrialFolder(paths.trial(trial_id)).read_epochs()
            assert [epoch["epoch"] for epoch in epochs] == list(range(outcome["num_epochs"]))
            assert outcome["attempts"] == (paths.trial(trial_id).spec.read_json() or {})["attempt"]
        assert not list(Path(paths.trial(trial_id).folder).glob(".*.tmp")) or outcome is None
    predicted = Counter(run.predictions()["trial_id"].to_pylist())
    complete = {row["trial_id"] for row in rows if row["status"] == "complete"}
    assert complete <= set(predicted) <= {row["trial_id"] for row in rows if row["status"] in ENDED}
    return run


def check_finished(root: Path, num_trials: int) -> Run:
    """Every trial of the sweep complete, exactly as many as it says."""
    run = check_sound(root)
    assert len(set(trial_ids(root))) == num_trials
    assert set(run.trials()["status"].to_pylist()) == {"complete"}
    events = read_events(RunPaths(root).ledger)
    ended = [event.trial_id for event in events if isinstance(event, Ended)]
    assert sorted(ended) == sorted(all_trial_ids(root))
    return run


def same_results(one: Run, other: Run, tolerance: float = 1e-6) -> None:
    """Equal tables, whatever the order of rows, apart from what depends on the occasion."""
    keys = {
        "trials": ("study", "point", "seed"),
        "epochs": ("trial_id", "epoch"),
        "predictions": ("trial_id", "split", "sample_id"),
    }
    for table, key in keys.items():
        left, right = getattr(one, table)(), getattr(other, table)()
        assert left.schema.names == right.schema.names
        names = [name for name in left.schema.names if name not in OF_THE_OCCASION]
        first, second = (_sorted(item.select(names).to_pylist(), key) for item in (left, right))
        assert len(first) == len(second) > 0
        for a, b in zip(first, second, strict=True):
            for name in names:
                _same(a[name], b[name], f"{table}.{name} of {[a[part] for part in key]}", tolerance)


def _sorted(rows: list[dict[str, Any]], key: tuple[str, ...]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: tuple(row[part] for part in key))


def _same(a: Any, b: Any, where: str, tolerance: float) -> None:
    if isinstance(a, float) and isinstance(b, float):
        assert abs(a - b) <= tolerance * max(1.0, abs(a)), f"{where}: {a} and {b}"
    elif isinstance(a, list) and isinstance(b, list):
        for left, right in zip(a, b, strict=True):
            _same(left, right, where, tolerance)
    elif isinstance(a, tuple) and isinstance(b, tuple):
        _same(list(a), list(b), where, tolerance)
    else:
        assert a == b, f"{where}: {a} and {b}"


def total(run: Run, status: str) -> int:
    """How many rows of the trials table have the status."""
    return int(pc.sum(pc.equal(run.trials()["status"], status)).as_py() or 0)
