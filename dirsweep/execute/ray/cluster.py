"""Connections to Ray: a running cluster, or servers started here while the driver still loads."""

from __future__ import annotations

import atexit
import importlib
import logging
import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from dirsweep.errors import DirSweepError
from dirsweep.execute.ray.start_errors import in_words
from dirsweep.run.files import StoredFile
from dirsweep.run.folder import RunPaths

#: modules that idle workers import before their first trial
PRELOADED = ("dirsweep.execute.worker", "dirsweep.execute.ray.trainable")
#: Ray starts a worker per CPU before anything asks for one, and each takes the memory of an
#: imported torch
MOST_PRELOADED = 8
#: Ray ends workers that wait longer, by itself after one second: before Ray Tune has asked for its
#: first
WAITING_MS = 30_000
#: seconds between two chances of the starting thread while the driver imports; Python's own are 50
#: times as long
SWITCH_S = 1e-4
#: processes other than Ray's servers, by Ray's names
HELPERS = ("log_monitor", "monitor", "dashboard")
#: seconds until a cluster must have answered
CONNECT_S = 10.0


class RunningRay:
    """Our connection to a running cluster.

    Args:
        address: ``auto``, ``ray://...`` or ``host:port``.

    Raises:
        DirSweepError: not of that form.
    """

    local = False

    def __init__(self, address: str) -> None:
        self.address = address
        host, _, port = address.removeprefix("ray://").rpartition(":")
        if address != "auto" and not (host and port.isdecimal() and int(port) < 2**16):
            raise DirSweepError(f"--address {address}: expected auto, host:port or ray://host:port")

    def wait(self) -> None:
        """Connect.

        Raises:
            DirSweepError: no cluster there, or one that refuses; says why, and what to do.
        """
        import ray

        self._check_reachable()
        logging.getLogger("ray").setLevel(logging.CRITICAL)
        try:
            ray.init(
                address=self.address,
                log_to_driver=False,
                logging_level=logging.CRITICAL,
                namespace="dirsweep",
            )
        except Exception as error:  # Ray raises plain exceptions, too
            raise self._unusable(error) from error

    def _check_reachable(self) -> None:
        """Fail early where no cluster answers: Ray would end the whole process after a minute."""
        if self.address == "auto":
            return
        host, _, port = self.address.removeprefix("ray://").rpartition(":")
        try:
            with socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_S):
                pass
        except OSError as error:
            raise self._unusable(error) from None

    def _unusable(self, error: Exception) -> DirSweepError:
        return DirSweepError(f"--address {self.address}: {in_words(error)}")

    def stop(self) -> None:
        """Disconnect; the cluster keeps running."""
        import ray

        ray.shutdown()


class LocalRay:
    """Ray's servers on this machine and our connection to them; both end with ``stop``.

    Args:
        num_cpus: how many CPUs Ray may use; None: those that this process may.
    """

    local = True

    def __init__(self, num_cpus: int | None = None) -> None:
        # before the thread: two threads that import the same packages could block each other
        importlib.import_module("ray")
        self.num_cpus = num_cpus or _num_cpus()
        self._error: BaseException | None = None
        self._tried, self._over = threading.Event(), threading.Event()
        self._interval = sys.getswitchinterval()
        # not as _system_config: a version of Ray that does not know one of them would not start
        settings = {"RAY_idle_worker_killing_time_threshold_ms": str(WAITING_MS)}
        if self.num_cpus <= MOST_PRELOADED:
            settings["RAY_preload_python_modules"] = ",".join(PRELOADED)
        self._settings = {name: value for name, value in settings.items() if name not in os.environ}
        os.environ.update(self._settings)
        sys.setswitchinterval(min(SWITCH_S, self._interval))
        self._thread = threading.Thread(target=self._hold, daemon=True, name="ray-start")
        self._thread.start()
        # where nobody needs it: otherwise the process could end while Ray is half started
        atexit.register(self._stop_at_exit)

    def _hold(self) -> None:
        try:
            _start(self.num_cpus)
        except BaseException as error:  # raised where somebody waits for it
            self._error = error
        self._tried.set()
        # Linux ends Ray's servers with the thread that started them, not with its process
        self._over.wait()

    def _await(self) -> None:
        self._tried.wait()
        sys.setswitchinterval(self._interval)
        for name in self._settings:
            os.environ.pop(name, None)

    def wait(self) -> None:
        """Return once Ray has started.

        Raises:
            DirSweepError: it does not start.
        """
        self._await()
        if self._error is not None:
            what = in_words(self._error)
            raise DirSweepError(f"Ray does not start here: {what}") from self._error

    def stop(self) -> None:
        """Stop Ray; calling it twice does no harm."""
        import ray

        self._await()
        if not self._over.is_set():
            ray.shutdown()
            self._over.set()
            atexit.unregister(self._stop_at_exit)

    def _stop_at_exit(self) -> None:
        # a second Ctrl-C does not wait: the servers end with this process
        with suppress(KeyboardInterrupt):
            self.stop()


Cluster = LocalRay | RunningRay


def begin(
    sweep: Path, root: Path | None, *, address: str | None, num_cpus: int | None
) -> Cluster | None:
    """Start Ray, or connect to it, for a sweep file that is not read yet.

    A Ray that turns out not to be needed ends with the process.

    Args:
        sweep: the file.
        root: the run's folder, where that is known.
        address: of a running cluster; None starts Ray on this machine.
        num_cpus: for a Ray on this machine; None takes all.

    Returns:
        None where the run seems to be finished, so that Ray can wait until it is needed.

    Raises:
        DirSweepError: not an address.
    """
    if address is not None:
        return RunningRay(address)
    if not sweep.is_file() or (root is not None and _nothing_open(RunPaths(root).ledger)):
        return None
    return LocalRay(num_cpus)


def _nothing_open(ledger: StoredFile) -> bool:
    if not ledger.exists():
        return False
    # imported when needed: what it imports would delay the start of Ray
    from dirsweep.run.ledger import nothing_open

    return nothing_open(ledger)


def _num_cpus() -> int:
    if hasattr(os, "sched_getaffinity"):  # a part of a machine, as a scheduler hands it out
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _start(num_cpus: int) -> None:
    import ray

    logging.getLogger("ray").setLevel(logging.CRITICAL)
    ray.init(
        address="local",
        num_cpus=num_cpus,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.CRITICAL,
        object_store_memory=200 * 2**20,
        namespace="dirsweep",
    )
    _end_helpers()


def _end_helpers() -> None:
    """End Ray's processes that one run does not need: log monitor, autoscaler, dashboard.

    They would import for as long as the driver does, on the cores that it needs, and be waited for
    at the end.
    """
    import ray

    # not public: where a version of Ray calls it otherwise, they just stay
    node = getattr(ray._private.worker, "_global_node", None)
    for kind, started in getattr(node, "all_processes", {}).items():
        if kind in HELPERS:
            for info in started:
                info.process.kill()  # one that is terminated complains


@contextmanager
def plain_workers() -> Iterator[None]:
    """Let Ray Tune's trials run in the workers that wait for them.

    Ray Tune asks for workers with environment variables of its own, which none of those has that
    were started beforehand. Here they inherit the driver's, so there is nothing to ask for.
    """
    from ray.tune.execution import class_cache

    wanted: dict[str, Any] = {"DEFAULT_ENV_VARS": {}, "ENV_VARS_TO_PROPAGATE": set()}
    known = {name: getattr(class_cache, name) for name in wanted if hasattr(class_cache, name)}
    for name in known:
        setattr(class_cache, name, wanted[name])
    try:
        yield
    finally:
        for name, value in known.items():
            setattr(class_cache, name, value)
