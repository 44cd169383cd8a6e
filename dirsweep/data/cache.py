"""Cache of what is derived from data: files and folders that are built once."""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dirsweep.errors import DataError

log = logging.getLogger(__name__)


def build_once(path: Path, make: Callable[[Path], None]) -> Path:
    """Build a file or folder where it does not exist yet.

    Of several threads or processes that ask at once, on one machine or on a shared file system, one
    builds and the others wait. When ``make`` fails, nothing is left behind, and the next caller
    builds. What ``make`` raises passes through.

    Args:
        path: of the file or folder.
        make: receives a name in the same folder and with the same suffix, and writes there; the
            result is renamed to ``path`` when it is complete.

    Returns:
        ``path``.

    Raises:
        DataError: the folder cannot be written to.
    """
    if path.exists():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _only_one(path) as alone:
            if not path.exists():  # else another one built it while this one waited
                _build(path, make, alone=alone)
    except OSError as error:
        # a full disk names no file
        culprit = Path(str(error.filename)) if error.filename else path
        if not culprit.is_relative_to(path.parent) and not path.is_relative_to(culprit):
            raise  # make could not read its own input
        reason = error.strerror or str(error)
        raise DataError(
            f"{path.parent}: cannot keep {path.name} there ({reason}); set DIRSWEEP_CACHE"
        ) from error
    return path


def _build(path: Path, make: Callable[[Path], None], *, alone: bool) -> None:
    if alone:
        for leftover in path.parent.glob(f".{path.stem}.*.part{path.suffix}"):
            _remove(leftover)  # of a process that was killed while it built
    # make may go by the suffix: numpy appends .npy to a name without it
    part = path.with_name(f".{path.stem}.{uuid.uuid4().hex}.part{path.suffix}")
    try:
        make(part)
        _rename(part, path)
    finally:
        _remove(part)


def _rename(part: Path, path: Path) -> None:
    if part.is_file():
        with part.open("rb") as file:
            os.fsync(file.fileno())
    try:
        os.replace(part, path)
    except OSError:
        # a folder does not replace a folder: where locks do not work another process may have been
        # faster
        if not path.is_dir():
            raise


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def _only_one(path: Path) -> Iterator[bool]:
    """Hold the lock of ``path``, which ends with the process.

    Yields:
        False where the file system has no locks: each process then builds for itself, and the last
        rename counts.
    """
    descriptor = os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o666)
    try:
        yield _lock(descriptor, path)
    finally:
        # closing releases the lock; the file stays, because two processes could otherwise each
        # lock a file of that name
        os.close(descriptor)


def _lock(descriptor: int, path: Path) -> bool:
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.info("waiting for another process to build %s", path)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError as error:
        log.warning("%s: no file locks there (%s)", path.parent, error.strerror)
        return False
    return True
