"""The places to run, by the names of their files."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from types import ModuleType

from dirsweep.broken_files import BrokenFile
from dirsweep.errors import RegistryError, did_you_mean
from dirsweep.execute.base import Executor, Job

PACKAGE = "dirsweep.execute"

OpenExecutor = Callable[[Job], AbstractContextManager[Executor]]


def executor_names() -> list[str]:
    """Return the names of all places: the modules that have an ``open_executor``."""
    package = importlib.import_module(PACKAGE)
    return [
        module.name
        for module in pkgutil.iter_modules(package.__path__)
        if hasattr(_import(module.name), "open_executor")
    ]


def open_by_name(name: str, job: Job) -> AbstractContextManager[Executor]:
    """Open a place to run trials.

    Args:
        name: as its file is called (``inline``, ``ray``).
        job: what all trials have in common.

    Returns:
        A context manager; at its end nothing runs any more.

    Raises:
        RegistryError: there is no such place.
    """
    return require_executor(name)(job)


def require_executor(name: str) -> OpenExecutor:
    """Return the function that opens a place to run trials.

    Args:
        name: as its file is called (``inline``, ``ray``).

    Raises:
        RegistryError: there is no such place, or its file cannot be imported.
    """
    found = _import(name)
    if isinstance(found, BrokenFile):
        raise RegistryError(str(found))
    opens: OpenExecutor | None = getattr(found, "open_executor", None)
    if opens is None:
        raise RegistryError(f"no place to run '{name}'; {did_you_mean(name, executor_names())}")
    return opens


def _import(name: str) -> ModuleType | BrokenFile | None:
    """Import a file of the package; None where there is none."""
    module = f"{PACKAGE}.{name}"
    spec = importlib.util.find_spec(module) if name.isidentifier() else None
    if spec is None:
        return None
    try:
        return importlib.import_module(module)
    except (Exception, SystemExit) as error:
        return BrokenFile.of(Path(spec.origin or module), error)
