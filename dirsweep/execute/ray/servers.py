"""Ray's own processes on this machine: whether they are alive."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_NAMES = ("gcs_server", "raylet")


def own_servers() -> dict[str, int]:
    """Find the servers that this process started.

    Returns:
        Name -> process id; empty where that cannot be found out.
    """
    found: dict[str, int] = {}
    with suppress(OSError):  # no such folder on other systems
        for pid in filter(str.isdigit, os.listdir("/proc")):
            # a process may end at any moment, and its name need not be UTF-8
            with suppress(OSError):
                text = Path("/proc", pid, "stat").read_text(encoding="utf-8", errors="replace")
                name, _, rest = text.partition("(")[2].rpartition(")")
                if name in _NAMES and int(rest.split()[1]) == os.getpid():
                    found[name] = int(pid)
    return found


def is_alive(pid: int) -> bool:
    """Return whether a process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
