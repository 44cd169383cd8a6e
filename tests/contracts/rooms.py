"""What the contract tests walk: the package's own files, and a sample for each registered part.

A benchmark's or backbone's test file gives the sample: ``sample(folder, patch)`` returns a config
that is small enough for a test, with its data written into ``folder``; what a test cannot have (a
large model) it may replace by ``patch``, a ``pytest.MonkeyPatch``.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from dirsweep import registry

TESTS = Path(__file__).resolve().parents[1]
PACKAGE = TESTS.parent / "dirsweep"


def shipped(room: str) -> list[str]:
    """Names whose config class is part of the package; tests register others."""
    classes = {name: registry.config_class(room, name) for name in registry.names(room)}
    return [name for name, cls in classes.items() if cls.__module__.startswith("dirsweep.")]


def module_beside(room: str, name: str) -> ModuleType:
    """The test file beside a registered part.

    Raises:
        AssertionError: there is none; says what to write.
    """
    module = registry.config_class(room, name).__module__.removeprefix("dirsweep.")
    folder, _, file = module.rpartition(".")
    path = f"tests/{folder.replace('.', '/')}/test_{file}.py"
    if not (TESTS.parent / path).is_file():
        raise AssertionError(
            f"write {path} with sample(folder, patch), see tests/contracts/rooms.py"
        )
    return importlib.import_module(f"tests.{folder}.test_{file}")


def sample_of(room: str, name: str, folder: Path, patch: pytest.MonkeyPatch) -> Any:
    """A small config of a registered part."""
    module = module_beside(room, name)
    file = module.__name__.replace(".", "/")
    assert hasattr(module, "sample"), (
        f"add sample(folder, patch) to {file}.py, see tests/contracts/rooms.py"
    )
    return module.sample(folder, patch)
