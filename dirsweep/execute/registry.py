"""The places to run, by the names of their files."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from contextlib import AbstractContextManager

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
        if hasattr(importlib.import_module(f"{PACKAGE}.{module.name}"), "open_executor")
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
        RegistryError: there is no such place.
    """
    try:
        module = importlib.import_module(f"{PACKAGE}.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"{PACKAGE}.{name}":
            raise
        module = None
    opens: OpenExecutor | None = getattr(module, "open_executor", None)
    if opens is None:
        raise RegistryError(f"no place to run '{name}'; {did_you_mean(name, executor_names())}")
    return opens
