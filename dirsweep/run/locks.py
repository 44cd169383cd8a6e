"""Who trains a trial: one process at a time, and which one."""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dirsweep.run.folder import TrialPaths
from dirsweep.run.storage import cannot_write

log = logging.getLogger(__name__)

#: how long a trial waits for another process that still works on it (left over from a driver that
#: was killed)
CLAIM_WAIT_S = 30.0


@contextmanager
def claimed(paths: TrialPaths, wait_s: float = CLAIM_WAIT_S) -> Iterator[None]:
    """Be the only process that trains the trial; the claim goes with the process, however that
    ends.

    A worker whose driver was killed may train on for a while. It is waited for; where it hangs on
    this machine it is
    killed, and where it hangs on another one it is left to itself: both would write the same
        numbers, each file whole.
    Raises: StoreError: the folder cannot be written to.
    """
    try:
        paths.folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(paths.log, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
    except OSError as error:
        raise cannot_write(paths.log, error) from error
    try:
        if not _locked_within(descriptor, wait_s):
            holder = lock_holder(paths.log)
            log.warning(
                "%s: still held after %.0f s, by process %s", paths.folder.name, wait_s, holder
            )
            if holder is not None:
                with suppress(OSError):
                    os.kill(holder, signal.SIGKILL)
                _locked_within(descriptor, wait_s)
        yield
    finally:
        os.close(descriptor)


def _locked_within(descriptor: int, wait_s: float) -> bool:
    until = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() > until:
                return False
            time.sleep(0.1)
        except OSError:  # a file system without locks
            return True


def lock_holder(path: Path) -> int | None:
    """The process on this machine that holds the lock of ``path``; None when there is none, or that
    cannot be told.
    """
    try:
        found = path.stat()
        lines = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    inode = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    for words in (line.split() for line in lines):  # 5: FLOCK ADVISORY WRITE 1234 fe:01:5678 0 EOF
        if len(words) >= 6 and words[1] == "FLOCK" and words[5] == inode and int(words[4]) > 0:
            return int(words[4])
    return None


def is_locked(path: Path) -> bool:
    """Whether a process, on whatever machine, holds the lock of ``path``."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False
