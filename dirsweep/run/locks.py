"""Exclusive rights of one process: to drive a run, and to train a trial."""

from __future__ import annotations

import json
import logging
import os
import platform
import shlex
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from dirsweep.errors import StoreError
from dirsweep.run.events import utc_now
from dirsweep.run.files import Lease, StoredFile
from dirsweep.run.folder import RunPaths, TrialPaths

log = logging.getLogger(__name__)

#: how long a trial waits for another process that still works on it (left over from a driver that
#: was killed)
CLAIM_WAIT_S = 30.0
#: `dirsweep status` holds the lock for an instant when it asks whether a driver is running
LOCK_WAIT_S = 0.4


@contextmanager
def lock_run(paths: RunPaths) -> Iterator[None]:
    """Hold the run for this process, until the block or the process ends.

    Raises:
        StoreError: another driver holds it (the message says which), or the folder cannot be
            written to.
    """
    with paths.lock.lease() as lease:
        if not lease.acquire(LOCK_WAIT_S):
            raise _in_use(paths)
        holder = {"pid": os.getpid(), "host": platform.node(), "since": utc_now()}
        lease.describe_owner(json.dumps(holder).encode())
        yield


def require_free(paths: RunPaths) -> None:
    """Check that no other driver holds a run, before anything is loaded for it.

    Raises:
        StoreError: one does; the message says which.
    """
    if paths.lock.is_held():
        raise _in_use(paths)


def _in_use(paths: RunPaths) -> StoreError:
    stop = shlex.join(["dirsweep", "stop", paths.root])
    return StoreError(
        f"{paths.root}: in use by {_driver_of(paths.lock)}; wait for it, or stop it with `{stop}`"
    )


def _driver_of(lock: StoredFile) -> str:
    for _ in range(3):
        holder = lock.read_json()
        try:
            since = holder["since"][:19]
            return f"another dirsweep (pid {holder['pid']} on {holder['host']}, since {since} UTC)"
        except (KeyError, TypeError):
            time.sleep(0.05)  # it has just taken the lock and not yet written who it is
    return "another dirsweep"


@contextmanager
def claimed(paths: TrialPaths, wait_s: float = CLAIM_WAIT_S) -> Iterator[None]:
    """Be the only process that trains the trial, until the block or the process ends.

    A worker whose driver was killed may still be training. It is waited for. If it hangs on this
    machine it is killed; if it hangs on another one this process trains beside it: both write the
    same numbers, each file whole.

    Args:
        paths: the trial's files.
        wait_s: how long to wait for the other worker.

    Raises:
        StoreError: the folder cannot be written to.
    """
    with paths.log.lease() as lease:
        if not _acquired(lease, wait_s):
            holder = paths.log.holder()
            log.warning(
                "%s: still held after %.0f s, by process %s", paths.trial_id, wait_s, holder
            )
            if holder is not None:
                with suppress(OSError):
                    os.kill(holder, signal.SIGKILL)
                _acquired(lease, wait_s)
        yield


def _acquired(lease: Lease, wait_s: float) -> bool:
    try:
        return lease.acquire(wait_s)
    except StoreError:  # a file system without locks
        return True
