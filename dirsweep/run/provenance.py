"""Origin of a run's numbers: versions, code, hardware, command, seeds, start and end."""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

from dirsweep.run.events import utc_now
from dirsweep.run.folder import RunPaths

#: what can change a result or break a reader
DISTRIBUTIONS = (
    "dirsweep",
    "torch",
    "torchvision",
    "ray",
    "optuna",
    "numpy",
    "scipy",
    "scikit-learn",
    "pyarrow",
    "pydantic",
    "pillow",
    "sentence-transformers",
    "transformers",
)


def provenance(
    *,
    seeds: Sequence[int] = (),
    facts: Mapping[str, Any] | None = None,
    command: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Return one session's origin as plain data.

    ``ended_at`` is None until ``write_provenance`` is given the completed session.

    Args:
        seeds: of the sweep.
        facts: about the sweep, for readers of the run: ``run.manifest.sweep_record``.
        command: the command line, this process's own by default.
    """
    return {
        "started_at": utc_now(),
        "ended_at": None,
        "command": shlex.join(sys.argv if command is None else command),
        "seeds": list(seeds),
        **(facts or {}),
        "versions": _versions(),
        "git": _git(Path(__file__).resolve().parents[1]),
        "hardware": _hardware(),
    }


def write_provenance(paths: RunPaths, session: dict[str, Any]) -> None:
    """Add a session to ``provenance.json``, or replace the one with the same start.

    A run that was interrupted and resumed has several sessions, oldest first.

    Args:
        paths: the run's files.
        session: of ``provenance``.

    Raises:
        StoreError: the file cannot be written.
    """
    value = paths.provenance.read_json()
    sessions = value.get("sessions") if isinstance(value, dict) else None
    kept = (
        [s for s in sessions if s.get("started_at") != session["started_at"]]
        if isinstance(sessions, list)
        else []
    )
    paths.provenance.write_json({"sessions": [*kept, session]})


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for name in DISTRIBUTIONS:
        with suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions


def _git(package: Path) -> dict[str, Any] | None:
    """Return the revision of the package's checkout; None for an installed copy."""
    # an environment may be inside another project's checkout: only one that tracks the package
    # counts
    if _output("git", "-C", str(package), "ls-files", "--error-unmatch", "__init__.py") is None:
        return None
    revision = _output("git", "-C", str(package), "rev-parse", "HEAD")
    if revision is None:
        return None
    changes = _output("git", "-C", str(package), "status", "--porcelain", "--untracked-files=no")
    return {"revision": revision, "dirty": bool(changes)}


def _hardware() -> dict[str, Any]:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "host": platform.node(),
        "system": platform.platform(),
        "cpu": _cpu_model(),
        "num_cpus": usable,
        "memory_mib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
        "gpus": _gpus(),
    }


def _cpu_model() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _gpus() -> list[dict[str, Any]]:
    lines = _output(
        "nvidia-smi",
        "--query-gpu=name,memory.total,driver_version",
        "--format=csv,noheader,nounits",
    )
    rows = [[cell.strip() for cell in line.split(",")] for line in (lines or "").splitlines()]
    return [
        {"name": name, "memory_mib": int(memory) if memory.isdigit() else None, "driver": driver}
        for name, memory, driver in (row for row in rows if len(row) == 3)
    ]


def _output(*command: str) -> str | None:
    """Return what a short command prints; None when it is not installed, fails or hangs."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
