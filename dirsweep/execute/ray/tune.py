"""Trials on a cluster through Ray Tune. With ``ray_start`` the only file that imports ray.

Ray executes; it decides nothing and remembers nothing. What to train comes from the ``Proposer``,
what came of it lies in the trial's folder, and Ray's own experiment state is thrown away.
"""

from __future__ import annotations

import json
import os
import pkgutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from functools import cache, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from dirsweep.execute.ray.cluster import Cluster, plain_workers  # isort: skip - sets what Ray reads

import ray
from ray import tune
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler
from ray.tune.search import Searcher
from ray.tune.stopper import Stopper

from dirsweep.config.trial import TrialSpec
from dirsweep.errors import DirSweepError, RunInterruptedError, StoreError
from dirsweep.execute.base import STARTUP_S, Watcher, announce_end, announce_start, fail, hanging
from dirsweep.execute.ray.gpu_sharing import Packing, measured_memory, share_of
from dirsweep.execute.ray.scratch import scratch_folder
from dirsweep.run.folder import RunPaths

if TYPE_CHECKING:  # workers import this file and need neither Optuna nor what comes with it
    from dirsweep.policy.proposer import Proposer

P = ParamSpec("P")
R = TypeVar("R")

#: seconds between two reports of a trial that nobody wants to prune: Ray handles a few hundred
#: reports a second in all
REPORT_EVERY_S = 0.5
#: what trains a trial
TRAINER = "dirsweep.training.trial:train"
#: seconds between two counts of a cluster's places
ROOM_EVERY_S = 5.0
#: seconds between two looks at what may have happened meanwhile
LOOK_EVERY_S = 0.5


def _trainable(config: dict[str, Any]) -> None:
    """What Ray runs in a worker; the process is used again for the next trial."""
    from dirsweep.execute.worker import run_trial

    _die_with_raylet(os.getpid(), os.getppid())
    trial = TrialSpec(**json.loads(config["trial"]))
    reported = 0.0

    def emit(row: dict[str, Any]) -> None:
        nonlocal reported
        now = time.monotonic()
        if config["every_epoch"] or now - reported >= REPORT_EVERY_S:
            reported = now
            tune.report({"row": json.dumps(row)})  # as text: Ray flattens what is nested

    how = {key: config[key] for key in ("num_threads", "checkpoint_every_s", "store_features")}
    try:
        run_trial(
            trial, Path(config["root"]), emit, work=pkgutil.resolve_name(config["work"]), **how
        )
    except (StoreError, OSError) as error:  # not the trial's fault: the driver stops the sweep
        tune.report({"broken": str(error), "done": True})
    else:
        tune.report({"ended": True, "done": True})


@cache
def _die_with_raylet(process: int, parent: int) -> None:
    """End this process when the one that started it is gone: nobody would hear what it reports.

    Args:
        process, parent: ids; a thread watches once per process.
    """

    def look() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=look, daemon=True, name="raylet-watch").start()


class _RayLostError(BaseException):
    """Leaves Ray Tune at once, which catches exceptions of the common kind and would wait for what
    is gone.
    """


class _NotKept:
    """Ray pickles whatever it is given into its experiment state. Ours is thrown away, so an empty
    shell goes in.
    """

    def __reduce__(self) -> tuple[type[object], tuple[()]]:
        return object, ()


def _kept(method: Callable[P, R]) -> Callable[P, R | None]:
    """Keep what a method of ``_Driver`` raises and stop the sweep: Ray would swallow it or wrap it
    up.
    """

    @wraps(method)
    def call(*args: P.args, **kwargs: P.kwargs) -> R | None:
        try:
            return method(*args, **kwargs)
        except Exception as error:
            driver = args[0]
            assert isinstance(driver, _Driver)
            driver.error = driver.error or error
            driver.proposer.stop()
            return None

    return call


class _Driver(_NotKept, Searcher):
    """Gives Ray the proposer's trials and the proposer Ray's news.

    Args:
        room: how many trials the cluster can hold at this moment. A planned one more may wait for
            its place; of a sampler no more are asked, since what is proposed too early could not
            learn from the trials that run.

    Attributes:
        running: Ray's id -> the trial that was given out and has not ended.
        error: what went wrong here; the sweep is stopped because of it.
    """

    def __init__(
        self,
        proposer: Proposer,
        root: Path,
        watcher: Watcher,
        *,
        num_threads: int,
        room: Callable[[], int],
        work: str = TRAINER,
        packing: Packing | None = None,
    ) -> None:
        super().__init__()
        self.work, self.packing = work, packing or Packing(0.0)
        self.proposer, self.root, self.watcher, self.num_threads = (
            proposer,
            root,
            watcher,
            num_threads,
        )
        self.room = room
        self.limit_s = proposer.spec.resources.epoch_limit_s
        self.running: dict[str, TrialSpec] = {}
        self.begun: set[str] = set()
        self.actors: dict[str, Any] = {}
        self.deadlines: dict[str, float] = {}
        self.looked = 0.0
        self.servers = _servers()
        self.error: Exception | None = None

    # what Ray asks and tells

    @_kept
    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        if len(self.running) >= self.room() + bool(self.proposer.queue):
            return None
        trial = self.proposer.next_trial()
        if trial is None:
            over = self.proposer.finished or self.proposer.stopping or self.proposer.exhausted
            return Searcher.FINISHED if over else None
        self.running[trial_id] = trial
        return {
            "trial": json.dumps(trial.to_dict()),
            "root": str(self.root),
            "work": self.work,
            "gpu": self.packing.share_of(trial.trial_id),
            "num_threads": self.num_threads,
            "checkpoint_every_s": self.proposer.spec.resources.checkpoint_every_s,
            "store_features": self.proposer.spec.store.features,
            "every_epoch": bool(self.proposer.pruning) or self.limit_s is not None,
        }

    @_kept
    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        trial = self.running.get(trial_id)
        if trial is None or "row" not in result:
            return
        self._expect_news(trial_id)
        row = json.loads(result["row"])
        self.watcher.trial_epoch(trial.trial_id, row["epoch"], row)
        if self.proposer.observe(trial.trial_id, row):
            # the worker looks for this file after each report, before it trains on
            RunPaths(self.root).trial(trial.trial_id).stop.create()

    @_kept
    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        trial = self.running.get(trial_id)
        self._expect_nothing(trial_id)
        if trial is None:
            return
        if result is not None and "broken" in result:
            raise StoreError(result["broken"])
        folder = self.proposer.folder_of(trial.trial_id)
        if folder.outcome() is None and self.proposer.stopping:
            return  # stopped from outside: it goes on from its checkpoint next time
        reason = "its worker died again and again (killed, out of memory, or lost with its machine)"
        outcome = fail(trial, folder, reason)
        del self.running[trial_id]
        note = self.packing.more_room(outcome)
        if note is not None and not self.proposer.stopping:
            self.proposer.try_again(
                trial.trial_id, note, share=self.packing.share_of(trial.trial_id)
            )
            return
        announce_end(self.watcher, self.proposer, outcome)

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the ledger is the memory."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: the ledger is the memory."""

    # what happens beside

    @_kept
    def on_start(self, ray_trial: Any) -> None:
        """A worker has taken the trial (again, after a lost worker)."""
        ray_id = ray_trial.trial_id
        trial = self.running.get(ray_id)
        if trial is None:
            return
        self.actors[ray_id] = ray_trial
        self._expect_news(ray_id, STARTUP_S)
        if ray_id not in self.begun:
            self.begun.add(ray_id)
            announce_start(self.watcher, self.proposer, trial)

    @_kept
    def on_step(self) -> None:
        """Every now and then: has somebody asked the run to stop, does a trial hang?"""
        now = time.monotonic()
        if now - self.looked < LOOK_EVERY_S:
            return
        self.looked = now
        lost = [name for name, pid in self.servers.items() if not _alive(pid)]
        if lost:
            raise _RayLostError(lost[0])
        if RunPaths(self.root).stop.exists() and not self.proposer.stopping:
            self.watcher.message("stopping, as asked: running trials keep their checkpoints")
            self.proposer.stop()
        self.proposer.look_at_budget()
        for note in self.proposer.take_notes():
            self.watcher.message(note)
        for ray_id in [ray_id for ray_id, deadline in self.deadlines.items() if now > deadline]:
            self._end_hanging(ray_id)

    def settle(self) -> None:
        """Once no worker is left: trials that ended while nobody listened any more."""
        for trial in self.running.values():
            outcome = self.proposer.folder_of(trial.trial_id).outcome()
            if outcome is not None:
                announce_end(self.watcher, self.proposer, outcome)

    def _expect_news(self, ray_id: str, grace_s: float = 0.0) -> None:
        if self.limit_s is not None:
            self.deadlines[ray_id] = time.monotonic() + self.limit_s + grace_s

    def _expect_nothing(self, ray_id: str) -> None:
        self.deadlines.pop(ray_id, None)
        self.actors.pop(ray_id, None)

    def _end_hanging(self, ray_id: str) -> None:
        """Kill the worker, then write the outcome: Ray gives the trial to another worker, which
        finds it ended.
        """
        trial, ray_trial = self.running[ray_id], self.actors.get(ray_id)
        assert self.limit_s is not None
        del self.deadlines[ray_id]
        if ray_trial is not None and ray_trial.temporary_state.ray_actor is not None:
            ray.kill(ray_trial.temporary_state.ray_actor)
        # a process that is stopped or stuck in the kernel does not hear Ray
        holder = RunPaths(self.root).trial(trial.trial_id).log.holder()
        if holder is not None:
            with suppress(OSError):
                os.kill(holder, signal.SIGKILL)
        fail(trial, self.proposer.folder_of(trial.trial_id), hanging(self.limit_s))


class _Beside(_NotKept, tune.Callback):
    """What a searcher is not told."""

    def __init__(self, driver: _Driver) -> None:
        self.driver = driver

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self.driver.on_start(trial)

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self.driver._expect_nothing(trial.trial_id)  # until another worker takes it

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        self.driver.on_step()


class _InTurn(_NotKept, FIFOScheduler):
    """Ray Tune's own looks at every trial there ever was for the next one to start."""

    def choose_trial_to_run(self, tune_controller: Any) -> Any:
        waiting = [
            trial for trial in tune_controller.get_live_trials() if trial.status == Trial.PENDING
        ]
        return min(waiting, key=lambda trial: trial.trial_id, default=None)


class _WhenAsked(_NotKept, Stopper):
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
    cluster: Cluster,
    retries: int = 2,
    work: str = TRAINER,
) -> None:
    """Train what ``proposer`` proposes on a Ray cluster until it has nothing more.

    Args:
        root: the run's folder, on storage that every node sees.
        cpus, gpus: of each trial; ``gpus`` may be a fraction, or ``auto``: where the cluster has
            GPUs, the part of one whose memory a trial needs, with some to spare.
        cluster: a Ray that was begun here, or one that runs; let go of at the end.
        retries: how often a trial whose worker died is taken up again.
        work: ``module:function`` that trains a trial in the worker.
    Raises: KeyboardInterrupt: interrupted, everything that ended is kept. DirSweepError: no cluster
        there, or no node that could hold a trial.
    """
    driver: _Driver | None = None
    try:
        cluster.wait()
        packing = Packing(_share(gpus, proposer, watcher))
        packing.recall(proposer.ledger.state)
        share = {kind: amount for kind, amount in (("CPU", cpus), ("GPU", packing.share)) if amount}
        _refuse_too_large(share)
        if proposer.budget is not None:
            proposer.budget.gpu = share.get("GPU", 0.0)
        # one that waits for a place is what makes a cluster grow
        room = _Room(share, waiting=0 if cluster.local else 1)
        driver = _Driver(
            proposer,
            root,
            watcher,
            num_threads=max(1, int(cpus)),
            room=room,
            work=work,
            packing=packing,
        )
        plain = plain_workers() if cluster.local else nullcontext()
        with (
            _interruptible(proposer, watcher),
            _scratch(root, local=cluster.local) as scratch,
            plain,
        ):
            _tuner(driver, share, retries, scratch).fit()
    except _RayLostError as lost:
        raise RunInterruptedError(
            f"Ray died ({lost} was killed); what ended is kept, run again to go on"
        ) from None
    finally:
        cluster.stop()
        if driver is not None:
            driver.settle()
    if driver.error is not None:
        raise driver.error
    if proposer.stopping and not proposer.finished:
        raise KeyboardInterrupt


def _servers() -> dict[str, int]:
    """Ray's own processes where it was started here: name -> process id. Empty where that cannot be
    told.
    """
    found: dict[str, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            name, _, rest = stat.read_text().partition("(")[2].rpartition(")")
            if name in ("gcs_server", "raylet") and int(rest.split()[1]) == os.getpid():
                found[name] = int(stat.parent.name)
    return found


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@contextmanager
def _scratch(root: Path, *, local: bool) -> Iterator[Path]:
    """A folder for Ray's own state; nodes of a cluster must all see it."""
    if local:
        with scratch_folder() as own:
            yield own
        return
    shared = RunPaths(root.resolve()).ray
    try:
        yield Path(shared)
    finally:
        shared.delete_tree()


def _tuner(driver: _Driver, share: dict[str, float], retries: int, scratch: Path) -> tune.Tuner:
    return tune.Tuner(
        tune.with_resources(_trainable, lambda config: _place(share, config["gpu"])),
        tune_config=tune.TuneConfig(
            search_alg=driver, scheduler=_InTurn(), num_samples=-1, reuse_actors=True
        ),
        run_config=tune.RunConfig(
            name="tune",
            storage_path=str(scratch),
            callbacks=[_Beside(driver)],
            failure_config=tune.FailureConfig(max_failures=retries),
            stop=_WhenAsked(driver.proposer),
            verbose=0,
        ),
    )


def _place(share: dict[str, float], gpu: float) -> tune.PlacementGroupFactory:
    return tune.PlacementGroupFactory([share | {"GPU": gpu} if gpu else share])


def _share(wanted: float | str, proposer: Proposer, watcher: Watcher) -> float:
    """A trial's part of a GPU. ``auto``: by the memory that one trial takes, measured on a GPU of
    the cluster.
    """
    if wanted != "auto":
        return float(wanted)
    if ray.cluster_resources().get("GPU", 0) < 1:
        return 0.0
    # its process ends with it, and gives the memory back
    task = ray.remote(num_gpus=1, num_cpus=0, max_calls=1, max_retries=0)(measured_memory)
    try:
        measured = ray.get(task.remote(proposer.example().to_dict()))
    except Exception as error:  # the trial itself will say what is wrong with it
        watcher.message(
            f"gpu: auto could not measure a trial, so each gets a whole GPU ({_first_line(error)})"
        )
        return 1.0
    if measured is None:
        return 1.0
    used, total = measured
    share = share_of(used, total)
    watcher.message(
        f"gpu: auto: a trial takes {used:.0f} of {total:.0f} MiB, so {1 / share:.0f} share a GPU"
    )
    return share


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


class _Room:
    """How many trials the cluster's nodes can hold, looked up anew every few seconds, and some that
    may wait.
    """

    def __init__(self, share: dict[str, float], waiting: int) -> None:
        self.share, self.waiting = share, waiting
        self.count, self.until = 0, 0.0

    def __call__(self) -> int:
        if time.monotonic() > self.until:
            self.count = sum(_fitting(node, self.share) for node in _alive_nodes())
            self.until = time.monotonic() + ROOM_EVERY_S
        return self.count + self.waiting


def _alive_nodes() -> list[dict[str, float]]:
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def _fitting(node: dict[str, float], share: dict[str, float]) -> int:
    # Ray counts in ten-thousandths
    return int(min(node.get(kind, 0) / amount + 1e-6 for kind, amount in share.items()))


def _refuse_too_large(share: dict[str, float]) -> None:
    """A trial that fits on no node would wait for ever."""
    nodes = _alive_nodes()
    if any(_fitting(node, share) for node in nodes):
        return
    most = {kind: max((node.get(kind, 0) for node in nodes), default=0) for kind in ("CPU", "GPU")}
    raise DirSweepError(
        f"resources: a trial wants {share['CPU']:g} CPUs and {share.get('GPU', 0):g} GPUs, "
        f"but the largest node has {most['CPU']:g} and {most['GPU']:g}; lower it with --set resources.cpu=... "
        "or --set resources.gpu=..."
    )
