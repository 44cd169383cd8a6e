"""Trials on a cluster through Ray Tune. The only file that imports ray.

Ray executes; it decides nothing and remembers nothing. What to train comes from the ``Proposer``, what came of it lies
in the trial's folder, and Ray's own experiment state is thrown away.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# read once when ray.tune is imported: our tables replace its loggers, its working directory is not ours
os.environ.update(
    TUNE_DISABLE_AUTO_CALLBACK_LOGGERS="1",
    TUNE_GLOBAL_CHECKPOINT_S="86400",
    TUNE_DISABLE_SIGINT_HANDLER="1",
    TUNE_DISABLE_STRICT_METRIC_CHECKING="1",
    RAY_CHDIR_TO_TRIAL_DIR="0",
    RAY_AIR_NEW_OUTPUT="0",
    RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO="0",
    TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S="0",
)
os.environ.setdefault("RAY_DEDUP_LOGS", "0")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
# a long batch may keep a stopped trial's thread busy before its process can be used again
os.environ.setdefault("TUNE_FUNCTION_THREAD_TIMEOUT_S", "10")

import ray
from ray import tune
from ray.tune.schedulers import FIFOScheduler
from ray.tune.search import Searcher
from ray.tune.stopper import Stopper

from dirsweep.errors import DirSweepError
from dirsweep.runners.base import Watcher, announce_end, announce_start
from dirsweep.search.proposer import Proposer
from dirsweep.spec.schema import TrialSpec
from dirsweep.store.ledger import utc_now
from dirsweep.store.paths import RunPaths
from dirsweep.store.schema import Outcome

log = logging.getLogger(__name__)

#: seconds between two reports of a trial that nobody wants to prune: Ray handles a few hundred reports a second in all
REPORT_EVERY_S = 0.5


def _trainable(config: dict[str, Any]) -> None:
    """What Ray runs in a worker; the process is used again for the next trial."""
    from dirsweep.runners.worker import run_trial

    trial = TrialSpec(**json.loads(config["trial"]))
    reported = 0.0

    def emit(row: dict[str, Any]) -> None:
        nonlocal reported
        now = time.monotonic()
        if config["every_epoch"] or now - reported >= REPORT_EVERY_S:
            reported = now
            tune.report({"row": json.dumps(row)})  # as text: Ray flattens what is nested

    run_trial(trial, Path(config["root"]), emit, num_threads=config["num_threads"])
    tune.report({"ended": True, "done": True})


class _Driver(Searcher):
    """Gives Ray the proposer's trials and the proposer Ray's news."""

    def __init__(self, proposer: Proposer, root: Path, watcher: Watcher, num_threads: int) -> None:
        super().__init__()
        self.proposer, self.root, self.watcher, self.num_threads = proposer, root, watcher, num_threads
        self.running: dict[str, TrialSpec] = {}
        self.begun: set[str] = set()

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        trial = self.proposer.next_trial()
        if trial is None:
            return Searcher.FINISHED if self.proposer.finished or self.proposer.stopping else None
        self.running[trial_id] = trial
        return {
            "trial": json.dumps(trial.to_dict()),
            "root": str(self.root),
            "num_threads": self.num_threads,
            "every_epoch": bool(self.proposer.pruning),
        }

    def on_start(self, ray_id: str) -> None:
        """A worker has taken the trial (again, after a lost worker)."""
        trial = self.running.get(ray_id)
        if trial is not None and ray_id not in self.begun:
            self.begun.add(ray_id)
            announce_start(self.watcher, self.proposer, trial)

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        text, trial = result.get("row"), self.running.get(trial_id)
        if text is None or trial is None:
            return
        row = json.loads(text)
        self.watcher.trial_epoch(trial.trial_id, row["epoch"], row)
        if self.proposer.observe(trial.trial_id, row):
            # the worker looks for this file after each report, before it trains on
            RunPaths(self.root).trial(trial.trial_id).stop.touch()

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        trial = self.running.pop(trial_id, None)
        if trial is None:
            return
        folder = self.proposer.folder_of(trial.trial_id)
        outcome = folder.outcome()
        if outcome is None and self.proposer.stopping:
            return  # stopped from outside: it goes on from its checkpoint next time
        if outcome is None:
            reason = "its worker died again and again (killed, out of memory, or lost with its machine)"
            now = utc_now()
            outcome = Outcome(trial.trial_id, "failed", reason, started_at=now, ended_at=now)
            folder.finish(outcome)
        announce_end(self.watcher, self.proposer, outcome)

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the ledger is the memory."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: the ledger is the memory."""


class _Starts(tune.Callback):
    def __init__(self, driver: _Driver) -> None:
        self.driver = driver

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self.driver.on_start(trial.trial_id)


class _WhenAsked(Stopper):
    """Stops everything once the proposer is told to stop."""

    def __init__(self, proposer: Proposer) -> None:
        self.proposer = proposer

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return False

    def stop_all(self) -> bool:
        return self.proposer.stopping


@contextmanager
def _interruptible(proposer: Proposer, watcher: Watcher) -> Iterator[None]:
    """First Ctrl-C (or SIGTERM): end cleanly. Second: at once."""

    def handle(number: int, frame: Any) -> None:
        if proposer.stopping:
            raise KeyboardInterrupt
        watcher.message("stopping: running trials keep their checkpoints (once more: stop at once)")
        proposer.stop()

    earlier = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


def run_ray(
    proposer: Proposer,
    root: Path,
    watcher: Watcher,
    *,
    cpus: float,
    gpus: float | str,
    address: str | None = None,
    num_cpus: int | None = None,
    retries: int = 2,
) -> None:
    """Train what ``proposer`` proposes on a Ray cluster until it has nothing more.

    Args:
        root: the run's folder, on storage that every node sees.
        cpus, gpus: of each trial; ``gpus`` may be a fraction, or ``auto``: one where the cluster has any.
        address: of a running cluster (``auto``, ``ray://...``, ``host:port``); None starts Ray here.
        num_cpus: how many CPUs a Ray started here may use; None: all.
        retries: how often a trial whose worker died is taken up again.
    Raises: KeyboardInterrupt: interrupted, everything that ended is kept. DirSweepError: no cluster there, or no node
        that could hold a trial.
    """
    logging.getLogger("ray").setLevel(logging.ERROR)
    try:
        ray.init(
            address=address or "local",
            num_cpus=num_cpus if address is None else None,
            include_dashboard=False if address is None else None,
            log_to_driver=False,
            logging_level=logging.ERROR,
            object_store_memory=200 * 2**20 if address is None else None,
            namespace="dirsweep",
        )
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise DirSweepError(f"--address {address}: no Ray cluster there ({str(error).splitlines()[0]})") from error
    try:
        share = {"CPU": cpus, "GPU": _gpus_of(gpus)}
        _refuse_too_large(share)
        driver = _Driver(proposer, root, watcher, num_threads=max(1, int(cpus)))
        tuner = tune.Tuner(
            tune.with_resources(_trainable, tune.PlacementGroupFactory([{k: v for k, v in share.items() if v}])),
            tune_config=tune.TuneConfig(
                search_alg=driver, scheduler=FIFOScheduler(), num_samples=-1, reuse_actors=True
            ),
            run_config=tune.RunConfig(
                name="tune",
                storage_path=str(RunPaths(root).ray.resolve()),
                callbacks=[_Starts(driver)],
                failure_config=tune.FailureConfig(max_failures=retries),
                stop=_WhenAsked(proposer),
                verbose=0,
            ),
        )
        with _interruptible(proposer, watcher):
            tuner.fit()
        if proposer.stopping:
            raise KeyboardInterrupt
    finally:
        ray.shutdown()
        shutil.rmtree(RunPaths(root).ray, ignore_errors=True)


def _gpus_of(wanted: float | str) -> float:
    if wanted == "auto":
        return 1.0 if ray.cluster_resources().get("GPU", 0) >= 1 else 0.0
    return float(wanted)


def _refuse_too_large(share: dict[str, float]) -> None:
    """A trial that fits on no node would wait for ever."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if any(all(node.get(kind, 0) >= amount for kind, amount in share.items()) for node in nodes):
        return
    most = {kind: max((node.get(kind, 0) for node in nodes), default=0) for kind in share}
    raise DirSweepError(
        f"resources: a trial wants {share['CPU']:g} CPUs and {share['GPU']:g} GPUs, "
        f"but the largest node has {most['CPU']:g} and {most['GPU']:g}"
    )
