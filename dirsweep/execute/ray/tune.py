"""Trials on a cluster through Ray Tune.

Ray executes; it decides nothing and remembers nothing. What to train comes from the driver, what
came of it lies in the trial's folder, and Ray's own experiment state is thrown away. Ray Tune runs
in a thread of its own, and its callbacks wait until the driver has decided.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import ray
from ray import tune

from dirsweep.config.trial import TrialSpec
from dirsweep.errors import RunInterruptedError, StoreError
from dirsweep.execute.base import (
    STARTUP_S,
    Action,
    EndTrial,
    EpochEnded,
    Handler,
    Job,
    NoMore,
    StartTrial,
    StopAll,
    StopRequested,
    TimePassed,
    TrialBegan,
    TrialEnded,
    hanging,
    outcome_or_failure,
)
from dirsweep.execute.ray.capacity import Amounts, Capacity, refuse_too_large
from dirsweep.execute.ray.cluster import Cluster, LocalRay, plain_workers
from dirsweep.execute.ray.gpu_sharing import usual_share
from dirsweep.execute.ray.rendezvous import AbandonedError, Rendezvous
from dirsweep.execute.ray.scratch import scratch_folder
from dirsweep.execute.ray.servers import is_alive, own_servers
from dirsweep.execute.ray.trainable import TRAINER, TrialConfig, train_in_worker
from dirsweep.execute.ray.tune_parts import OldestFirst, StopOnRequest, TrialEvents, TrialSource
from dirsweep.run.folder import RunPaths

#: seconds between two checks of what may have happened meanwhile
CHECK_EVERY_S = 0.5
#: how often a trial whose worker died gets another worker
NUM_RECOVERIES = 2
#: seconds that Ray Tune's thread is given to leave when the run is broken off
LEAVE_S = 5.0

LOST_WORKER = "its worker died again and again (killed, out of memory, or lost with its machine)"


@contextmanager
def open_tune(job: Job) -> Iterator[TuneExecutor]:
    """Open Ray as a place to run trials.

    Args:
        job: what all trials have in common; its ``cluster`` is a Ray that was started beforehand.

    Raises:
        DirSweepError: no cluster there, or no node that could hold a trial.
    """
    cluster: Cluster = job.cluster or LocalRay(job.num_cpus)
    try:
        cluster.wait()
        share = usual_share(job)
        amounts = {"CPU": job.resources.cpu} | ({"GPU": share} if share else {})
        refuse_too_large(amounts)
        with ExitStack() as stack:
            scratch = stack.enter_context(_scratch(job.root, local=cluster.local))
            stack.enter_context(plain_workers() if cluster.local else nullcontext())
            # one trial that waits for a place is what makes a cluster grow
            executor = TuneExecutor(job, amounts, scratch, num_growing=0 if cluster.local else 1)
            stack.enter_context(executor.interruptible())
            yield executor
    finally:
        cluster.stop()


class TuneExecutor:
    """Trains in the workers of a cluster, see ``Executor``.

    Args:
        job: what all trials have in common.
        amounts: CPUs and GPUs of a trial.
        scratch: folder for Ray's own state.
        num_growing: number of trials that may wait for a node.
    """

    num_waiting = 1

    def __init__(self, job: Job, amounts: Amounts, scratch: Path, *, num_growing: int) -> None:
        self.job, self.amounts, self.scratch = job, amounts, scratch
        self.gpu_share = amounts.get("GPU", 0.0)
        self.no_more = self.stopping = False
        self._num_growing, self._capacity = num_growing, Capacity(amounts)
        self._rendezvous = Rendezvous()
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None
        self._over = False
        #: started by the driver, not yet asked for by Ray Tune
        self._started: deque[StartTrial] = deque()
        #: Ray's id -> the trial, until it has ended
        self._running: dict[str, TrialSpec] = {}
        self._num_taken = 0
        self._began: set[str] = set()
        self._ray_trials: dict[str, Any] = {}
        self._deadlines: dict[str, float] = {}
        self._servers = own_servers()
        self._next_check = 0.0

    # ---- in the driver's thread

    def room(self) -> int:
        """See ``Executor.room``."""
        return self._capacity.count() + self._num_growing - self._num_taken

    def perform(self, action: Action) -> None:
        """See ``Executor.perform``."""
        match action:
            case StartTrial():
                self._num_taken += 1
                self._started.append(action)
            case EndTrial(trial_id=trial_id):
                # the worker looks for this file after each report, before it trains on
                RunPaths(self.job.root).trial(trial_id).stop.create()
            case StopAll():
                self.stopping = self.no_more = True
            case NoMore():
                self.no_more = True

    def listen(self, handle: Handler) -> bool:
        """See ``Executor.listen``."""
        if self._thread is None:
            if self.no_more and not self._num_taken:
                return False
            self._thread = threading.Thread(target=self._fit, name="ray-tune", daemon=True)
            self._thread.start()
        self._rendezvous.listen(handle, self._next_check - time.monotonic())
        if self._error is not None:
            raise self._error
        if self._over:
            return False
        if time.monotonic() >= self._next_check:
            self._check(handle)
        return True

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Stop cleanly on the first Ctrl-C (or SIGTERM), at once on the second."""

        def handle(number: int, frame: Any) -> None:
            if self.stopping:
                raise KeyboardInterrupt
            answer = "stopping: running trials keep their checkpoints (once more: stop at once)"
            self._rendezvous.post(lambda tell: tell(StopRequested(answer)))
            self.stopping = True

        in_main_thread = threading.current_thread() is threading.main_thread()
        # Python takes signal handlers in the main thread only; a notebook's server may use others
        numbers = (signal.SIGINT, signal.SIGTERM) if in_main_thread else ()
        earlier = {number: signal.signal(number, handle) for number in numbers}
        broken_off = False
        try:
            yield
        except (KeyboardInterrupt, RunInterruptedError):
            broken_off = True
            raise
        finally:
            for number, handler in earlier.items():
                signal.signal(number, handler)
            self._close(broken_off=broken_off)

    def _close(self, *, broken_off: bool) -> None:
        """Let Ray Tune's thread end: after it has stopped its trials, or at once."""
        self.stopping = self.no_more = True
        if broken_off:
            self._rendezvous.abandon()
        else:
            self._rendezvous.close()
        if self._thread is None:
            return
        while not broken_off and self._thread.is_alive():
            self._thread.join(CHECK_EVERY_S)
            # nobody listens any more, so nobody else would notice that it waits in vain
            if not all(map(is_alive, self._servers.values())):
                self._rendezvous.abandon()
                broken_off = True
            self._end_overdue()
        self._thread.join(LEAVE_S)

    def _check(self, handle: Handler) -> None:
        """Check whether Ray is alive, let the driver check its limits, end what hangs."""
        self._next_check = time.monotonic() + CHECK_EVERY_S
        for name, pid in self._servers.items():
            if not is_alive(pid):
                raise RunInterruptedError(
                    f"Ray died ({name} was killed); finished trials are kept; "
                    "run the same command to resume"
                )
        handle(TimePassed())
        self._end_overdue()

    def _end_overdue(self) -> None:
        """End trials that have shown no progress for longer than their limit."""
        now = time.monotonic()
        for ray_id, deadline in list(self._deadlines.items()):
            if now > deadline:
                self._end_hanging(ray_id)

    def _end_hanging(self, ray_id: str) -> None:
        """Kill a worker, then write the outcome: another worker finds the trial ended."""
        trial, ray_trial = self._running[ray_id], self._ray_trials.get(ray_id)
        del self._deadlines[ray_id]
        if ray_trial is not None and ray_trial.temporary_state.ray_actor is not None:
            ray.kill(ray_trial.temporary_state.ray_actor)
        # a process that is stopped or stuck in the kernel does not hear Ray
        folder = self.job.folder(trial.trial_id)
        holder = folder.paths.log.holder()
        if holder is not None:
            with suppress(OSError):
                os.kill(holder, signal.SIGKILL)
        outcome_or_failure(trial, folder, hanging(self.job.resources.epoch_limit_s or 0.0))

    # ---- in Ray Tune's thread

    def _fit(self) -> None:
        try:
            self._tuner().fit()
        except AbandonedError:
            pass
        except BaseException as error:  # raised where the driver listens
            self._error = error
        self._rendezvous.post(self._note_end)

    def _note_end(self, handle: Handler) -> None:
        self._over = True

    def _tuner(self) -> tune.Tuner:
        return tune.Tuner(
            tune.with_resources(train_in_worker, partial(_placement, dict(self.amounts))),
            tune_config=tune.TuneConfig(
                search_alg=TrialSource(self),
                scheduler=OldestFirst(),
                num_samples=-1,
                reuse_actors=True,
            ),
            run_config=tune.RunConfig(
                name="tune",
                storage_path=str(self.scratch),
                callbacks=[TrialEvents(self)],
                failure_config=tune.FailureConfig(max_failures=NUM_RECOVERIES),
                stop=StopOnRequest(self),
                verbose=0,
            ),
        )

    def next_config(self, ray_id: str) -> TrialConfig | None:
        """See ``TuneListener``."""
        try:
            action = self._started.popleft()
        except IndexError:
            return None
        self._running[ray_id] = action.trial
        return {
            "trial": json.dumps(action.trial.to_dict()),
            "root": self.job.root,
            "work": self.job.work or TRAINER,
            "gpu": action.gpu_share,
            "settings": json.dumps(asdict(self.job.worker_settings)),
            "every_epoch": self.job.every_epoch,
        }

    def worker_found(self, ray_trial: Any) -> None:
        """See ``TuneListener``."""

        def work(handle: Handler) -> None:
            trial = self._running.get(ray_trial.trial_id)
            if trial is None:
                return
            self._ray_trials[ray_trial.trial_id] = ray_trial
            self._expect_news(ray_trial.trial_id, STARTUP_S)
            if ray_trial.trial_id not in self._began:
                self._began.add(ray_trial.trial_id)
                handle(TrialBegan(trial.trial_id))

        self._rendezvous.report(work)

    def worker_lost(self, ray_id: str) -> None:
        """See ``TuneListener``."""
        self._rendezvous.report(lambda handle: self._expect_nothing(ray_id))

    def epoch_reported(self, ray_id: str, row: dict[str, Any]) -> None:
        """See ``TuneListener``."""

        def work(handle: Handler) -> None:
            trial = self._running.get(ray_id)
            if trial is not None:
                self._expect_news(ray_id)
                handle(EpochEnded(trial.trial_id, row))

        self._rendezvous.report(work)

    def completed(self, ray_id: str, error: str | None) -> None:
        """See ``TuneListener``."""

        def work(handle: Handler) -> None:
            trial = self._running.get(ray_id)
            self._expect_nothing(ray_id)
            if trial is None:
                return
            if error is not None:
                raise StoreError(error)
            folder = self.job.folder(trial.trial_id)
            if folder.outcome() is None and self.stopping:
                return  # stopped from outside: it resumes from its checkpoint next time
            outcome = outcome_or_failure(trial, folder, LOST_WORKER)
            del self._running[ray_id]
            self._num_taken -= 1
            handle(TrialEnded(outcome))

        self._rendezvous.report(work)

    def check(self) -> None:
        """See ``TuneListener``."""
        self._rendezvous.check()

    def _expect_news(self, ray_id: str, grace_s: float = 0.0) -> None:
        limit_s = self.job.resources.epoch_limit_s
        if limit_s is not None:
            self._deadlines[ray_id] = time.monotonic() + limit_s + grace_s

    def _expect_nothing(self, ray_id: str) -> None:
        self._deadlines.pop(ray_id, None)
        self._ray_trials.pop(ray_id, None)


def _placement(amounts: Amounts, config: TrialConfig) -> tune.PlacementGroupFactory:
    """Return what a trial gets of a node."""
    gpu = {"GPU": config["gpu"]} if config["gpu"] else {}
    return tune.PlacementGroupFactory([{**amounts, **gpu}])


@contextmanager
def _scratch(root: str, *, local: bool) -> Iterator[Path]:
    """Yield a folder for Ray's own state; all nodes of a cluster must see it."""
    if local:
        with scratch_folder() as own:
            yield own
        return
    shared = RunPaths(root).ray
    shared.delete_tree()  # it may be somebody else's, and hold pickles
    try:
        yield Path(shared)
    finally:
        shared.delete_tree()
