"""Folders for what is thrown away, below the machine's temporary folder; those of killed processes
go with the next.
"""

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
#: says whose folder it is; locked by that process, so that one in a container of its own is known
#: to live, too
OWNER = ".owner"


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A new folder, deleted at the end; a process that is killed leaves it to the next one that
    asks for a folder.
    """
    threading.Thread(target=remove_stale, name="scratch", daemon=True).start()
    with tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True) as folder:
        descriptor = _own(Path(folder))
        try:
            yield Path(folder)
        finally:
            os.close(descriptor)


def _own(folder: Path) -> int:
    """Say that this process owns the folder. Returns: what holds the lock; it goes with the
    process.
    """
    # locked under another name first: whoever sees the file sees it locked
    unfinished = folder / f"{OWNER}.new"
    descriptor = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    with suppress(OSError):  # a file system without locks: the process's own traces decide
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    owner = {"pid": os.getpid(), "started": _started(os.getpid()), "host": platform.node()}
    os.write(descriptor, json.dumps(owner).encode())
    os.rename(unfinished, folder / OWNER)
    return descriptor


def remove_stale(parent: Path | None = None) -> list[Path]:
    """Delete this user's folders whose process is gone from this machine; whatever is in doubt
    stays.

    Args:
        parent: where to look; the machine's temporary folder by default.
    Returns: what was deleted.
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
    """Whether the very process is there: another one may have got its number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    now = _started(pid)
    return started is None or now is None or now == started


def _started(pid: int) -> str | None:
    """When a process began, in ticks since the machine did, and which start of the machine; None if
    unknown.
    """
    try:
        ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {ticks}"
    except (OSError, IndexError):
        return None
