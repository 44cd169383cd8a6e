"""Files as a contributor adds them to a room of the package, for one test."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dirsweep import registry

#: room, file name, text -> the file
AddFile = Callable[[str, str, str], Path]


@pytest.fixture
def add_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AddFile]:
    """Add a file to a room; after the test the registry is as before."""
    for room in registry.ROOMS:
        registry.names(room)
    classes = {room: dict(known) for room, known in registry._classes.items()}
    broken = {room: list(known) for room, known in registry._broken.items()}
    modules = set(sys.modules)
    imported = set(registry._imported)

    def add(room: str, name: str, text: str) -> Path:
        folder = tmp_path / "package" / room
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{name}.py"
        file.write_text(text)
        package = importlib.import_module(registry.ROOMS[room])
        if str(folder) not in package.__path__:
            monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])
        registry._imported.discard(room)
        registry._broken[room].clear()
        importlib.invalidate_caches()
        return file

    yield add
    for room in registry.ROOMS:  # the dictionaries themselves stay: look-ups may hold them
        registry._classes[room].clear()
        registry._classes[room].update(classes[room])
        registry._broken[room][:] = broken[room]
    registry._imported.clear()
    registry._imported.update(imported)
    for name in set(sys.modules) - modules:
        if name.startswith("dirsweep.") and str(tmp_path) in str(
            getattr(sys.modules[name], "__file__", "")
        ):
            del sys.modules[name]
