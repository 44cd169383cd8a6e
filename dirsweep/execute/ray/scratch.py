"""Temporary folders that do not outlive their process: the next one deletes what was left."""

from __future__ import annotations

import fcntl
import json
import os
import platform
import shutil
import stat
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = "dirsweep-"
#: says whose folder it is; locked by that process, so that one in another container is known to
#: live, too
OWNER = ".owner"


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Yield a new folder and delete it at the end; a killed process leaves that to the next."""
    threading.Thread(target=remove_stale, name="scratch", daemon=True).start()
    with tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True) as folder:
        descriptor = _own(Path(folder))
        try:
            yield Path(folder)
        finally:
            os.close(descriptor)


def _own(folder: Path) -> int:
    """Mark the folder as this process's own; return the descriptor that holds its lock."""
    # locked under another name first: the file is never visible unlocked
    unfinished = folder / f"{OWNER}.new"
    descriptor = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    with suppress(OSError):  # a file system without locks: the process's own traces decide
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    owner = {"pid": os.getpid(), "started": _started(os.getpid()), "host": platform.node()}
    os.write(descriptor, json.dumps(owner).encode())
    os.rename(unfinished, folder / OWNER)
    return descriptor


def remove_stale(parent: Path | None = None) -> list[Path]:
    """Delete this user's folders whose process is gone; doubtful ones are kept.

    Args:
        parent: where to look; None is the machine's temporary folder.

    Returns:
        What was deleted.
    """
    found = []
    with suppress(OSError):
        for folder in sorted((parent or Path(tempfile.gettempdir())).glob(f"{PREFIX}*")):
            with suppress(OSError, ValueError, KeyError, TypeError):
                if _remove(folder):
                    found.append(folder)
    return found


def _remove(folder: Path) -> bool:
    about = folder.lstat()
    if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.getuid():
        return False
    descriptor = os.open(folder / OWNER, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # held: its process lives
        owner = json.loads(os.read(descriptor, 4096))
        if owner["host"] != platform.node() or _lives(int(owner["pid"]), owner["started"]):
            return False
        for item in folder.iterdir():
            if item.name == OWNER:
                continue  # last: without it nobody could tell whose the rest is
            if item.is_dir() and not item.is_symlink():
                shutil.rmtree(item, ignore_errors=True)
            else:
                item.unlink(missing_ok=True)
        (folder / OWNER).unlink()
        folder.rmdir()
        return True
    finally:
        os.close(descriptor)


def _lives(pid: int, started: str | None) -> bool:
    """Return whether the very process is there: another one may have got its number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    now = _started(pid)
    return started is None or now is None or now == started


def _started(pid: int) -> str | None:
    """Return when a process began (boot id of the machine, ticks since boot); None if unknown."""
    try:
        ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {ticks}"
    except (OSError, IndexError):
        return None
