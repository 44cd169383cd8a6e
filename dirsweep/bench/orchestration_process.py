"""Processes that the orchestration benchmark times: dirsweep, stock Ray Tune, Ray's start alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from dirsweep.bench.sleeping_trial import SECONDS_VARIABLE, WORK, import_torch
from dirsweep.monitor.standing import Standing
from dirsweep.run.folder import RunPaths
from dirsweep.run.ledger import nothing_open

if TYPE_CHECKING:  # Ray starts while this and the rest is imported, see run_ours
    from dirsweep.config.sweep import SweepSpec

Side = Literal["ours", "stock_reuse", "stock", "start"]


@dataclass(frozen=True)
class Workload:
    """What each side runs.

    Attributes:
        num_trials: how many trials.
        seconds: duration of each, ``0.2``, or a range ``0.2-1.0`` (not for stock Ray Tune).
        workers: trials at a time, one CPU each.
        sampler: ``tpe`` or ``random``.
    """

    num_trials: int
    seconds: str
    workers: int = 2
    sampler: str = "tpe"


@dataclass(frozen=True)
class SideReport:
    """What a timed process reports about itself.

    Attributes:
        memory_mib: the driver's resident memory after each trial (``ours``).
        ready_at: when a worker had imported torch, seconds since the epoch (``start``).
    """

    memory_mib: list[float] = field(default_factory=list)
    ready_at: float = 0.0


@dataclass(frozen=True)
class TimedProcess:
    """A process that has ended.

    Attributes:
        began_at: when it began, seconds since the epoch.
        seconds: how long it took.
        report: what it reported.
        folder: its files.
    """

    began_at: float
    seconds: float
    report: SideReport
    folder: Path


def run_timed(side: Side, root: Path, workload: Workload) -> TimedProcess:
    """Run one side in a process of its own.

    Args:
        side: which one.
        root: its files go into a folder of its name in here.
        workload: what it runs.

    Returns:
        The process's duration and report.

    Raises:
        subprocess.CalledProcessError: it failed; its output says why.
    """
    environment = {
        **os.environ,
        SECONDS_VARIABLE: workload.seconds,
        "RAY_USAGE_STATS_ENABLED": "0",
        "OMP_NUM_THREADS": "1",
    }
    command = f"from {__name__} import run_side; import sys; run_side(*sys.argv[1:])"
    root.mkdir(parents=True, exist_ok=True)
    began_at, began = time.time(), time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-c", command, side, str(root), json.dumps(asdict(workload))],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.monotonic() - began
    if ended.returncode:
        raise subprocess.CalledProcessError(ended.returncode, side, ended.stdout, ended.stderr)
    report = SideReport(**json.loads((root / f"{side}.json").read_bytes()))
    return TimedProcess(began_at, seconds, report, root / side)


def run_side(side: Side, root: str, workload: str) -> None:
    """Run one side in this process, and write its report (the code of the timed process)."""
    report = SIDES[side](Path(root) / side, Workload(**json.loads(workload)))
    (Path(root) / f"{side}.json").write_text(json.dumps(asdict(report)))


def bench_sweep(workload: Workload) -> SweepSpec:
    """Return the sweep of ``ours``: a search with a small network on synthetic data."""
    from dirsweep.config.load import sweep_from_data

    space = {
        "regularizers.ranksim.gamma": {"log_uniform": [0.01, 1000]},
        "optimizer.lr": {"log_uniform": [1e-5, 0.1]},
    }
    study = {"trials": workload.num_trials, "sampler": workload.sampler, "space": space}
    return sweep_from_data(
        {
            "name": "bench",
            "benchmark": {"name": "synthetic-agedb", "image_size": 32, "fraction": 0.03},
            "base": {"backbone": "small_cnn", "epochs": 1},
            "studies": {"s": study},
        }
    )


def run_ours(root: Path, workload: Workload) -> SideReport:
    """Run a sweep from its data to its tables, as ``dirsweep run`` does."""
    from dirsweep.execute.ray.cluster import LocalRay

    # as the command line does: Ray starts while the rest is imported
    ledger = RunPaths(root).ledger
    cluster = None if nothing_open(ledger) else LocalRay(workload.workers)
    from dirsweep.session import Options, run_sweep

    watcher = _MemoryWatcher()
    options = Options(cluster=cluster, reuse=False, work=WORK)
    code = run_sweep(bench_sweep(workload), root, watcher, options)
    assert code == 0, f"exit code {code}"
    return SideReport(memory_mib=watcher.memory_mib)


def run_stock(root: Path, workload: Workload, *, reuse_actors: bool) -> SideReport:
    """Run the same trials through stock Ray Tune with its own OptunaSearch."""
    from optuna.samplers import RandomSampler, TPESampler
    from ray import tune
    from ray.tune.search.optuna import OptunaSearch

    seconds = float(workload.seconds.partition("-")[0])

    def trainable(config: dict[str, Any]) -> None:
        import_torch()
        time.sleep(seconds)
        tune.report({"value": config["gamma"]})

    _start_ray(workload.workers)
    sampler = {"tpe": TPESampler, "random": RandomSampler}[workload.sampler](seed=0)
    tune.Tuner(
        tune.with_resources(trainable, {"cpu": 1}),
        param_space={"gamma": tune.loguniform(0.01, 1000), "lr": tune.loguniform(1e-5, 0.1)},
        tune_config=tune.TuneConfig(
            search_alg=OptunaSearch(metric="value", mode="min", sampler=sampler),
            num_samples=workload.num_trials,
            max_concurrent_trials=workload.workers,
            reuse_actors=reuse_actors,
        ),
        run_config=tune.RunConfig(name="stock", storage_path=str(root.resolve()), verbose=0),
    ).fit()
    return SideReport()


def start_ray_only(root: Path, workload: Workload) -> SideReport:
    """Start Ray and one worker that imports torch: no run reaches its first trial faster."""
    import ray

    _start_ray(workload.workers)

    def load() -> float:
        import_torch()
        return time.time()

    return SideReport(ready_at=ray.get(ray.remote(load).remote()))


def _start_ray(workers: int) -> None:
    import ray

    ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False, logging_level="error")


SIDES: dict[Side, Callable[[Path, Workload], SideReport]] = {
    "ours": run_ours,
    "stock_reuse": lambda root, workload: run_stock(root, workload, reuse_actors=True),
    "stock": lambda root, workload: run_stock(root, workload, reuse_actors=False),
    "start": start_ray_only,
}


class _MemoryWatcher:
    """Records the driver's memory whenever a trial ends."""

    def __init__(self) -> None:
        self.memory_mib: list[float] = []

    def trial_started(self, trial_id: str, study: str, label: str, seed: int, epochs: int) -> None:
        """Ignore it."""

    def trial_epoch(self, trial_id: str, epoch: int, row: Mapping[str, Any]) -> None:
        """Ignore it."""

    def trial_ended(
        self, trial_id: str, status: str, error: str | None, metrics: Mapping[str, float | None]
    ) -> None:
        """Record the memory."""
        self.memory_mib.append(_resident_mib())

    def message(self, text: str) -> None:
        """Print it to the log."""
        print(text, file=sys.stderr)

    def trial_reused(
        self, trial_id: str, name: str, source: str, metrics: Mapping[str, float | None]
    ) -> None:
        """Ignore it."""

    def standing(self, standing: Standing) -> None:
        """Ignore it."""


def _resident_mib() -> float:
    """Return this process's resident memory; 0 where it is unknown."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0.0
    sizes = [int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS")]
    return sizes[0] if sizes else 0.0
