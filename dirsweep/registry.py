"""Registry of techniques, benchmarks and backbones: name -> config class.

The files of a room are imported on the first look-up, so a new file is found by itself. A file
whose import fails is left out: only who asks for one of its names is told.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

from dirsweep.broken_files import BrokenFile, short_path
from dirsweep.errors import RegistryError, did_you_mean

if TYPE_CHECKING:
    from dirsweep.config.trial import NamedConfig
    from dirsweep.data.base import BenchmarkConfig

ROOMS = {
    "loss": "dirsweep.methods.losses",
    "reweighting": "dirsweep.methods.reweighting",
    "smoothing": "dirsweep.methods.smoothing",
    "regularizers": "dirsweep.methods.regularizers",
    "schedule": "dirsweep.methods.schedules",
    "benchmark": "dirsweep.data",
    "backbone": "dirsweep.backbones",
}
#: the rooms of ``dirsweep.methods``
TECHNIQUES = ("loss", "reweighting", "smoothing", "regularizers", "schedule")
_classes: dict[str, dict[str, type[NamedConfig]]] = {room: {} for room in ROOMS}
_imported: set[str] = set()
_broken: dict[str, list[BrokenFile]] = {room: [] for room in ROOMS}

C = TypeVar("C", bound="type[NamedConfig]")


def register(room: str, name: str) -> Callable[[C], C]:
    """Return a class decorator that registers a config class.

    Args:
        room: a key of ``ROOMS``.
        name: as a sweep file has it.
    """

    def keep(cls: C) -> C:
        if not hasattr(cls, "check_class"):
            raise RegistryError(f"{cls.__name__}: expected a config class of the {room} room")
        known = _classes[room].get(name)
        if known is not None and _file_of(known) != _file_of(cls):
            raise RegistryError(
                f"{room} '{name}' is registered in {short_path(_file_of(known))} already; choose "
                "another name"
            )
        cls.room, cls.registered_name = room, name
        cls.check_class()
        _classes[room][name] = cls
        return cls

    return keep


def _file_of(cls: type[NamedConfig]) -> Path:
    module = sys.modules.get(cls.__module__)
    return Path(getattr(module, "__file__", None) or cls.__module__)


def _classes_of(room: str) -> dict[str, type[NamedConfig]]:
    if room not in _imported:
        package = importlib.import_module(ROOMS[room])
        for folder in package.__path__:
            for module in pkgutil.iter_modules([folder]):
                file = Path(folder) / f"{module.name}.py"
                _import_file(room, f"{ROOMS[room]}.{module.name}", file)
        _imported.add(room)
    return _classes[room]


def _import_file(room: str, module: str, file: Path) -> None:
    """Import a file of a room; one that fails is noted, and registers nothing."""
    try:
        importlib.import_module(module)
    except (Exception, SystemExit) as error:
        _broken[room].append(BrokenFile.of(file, error))
        for classes in _classes.values():
            for name in [name for name, cls in classes.items() if cls.__module__ == module]:
                del classes[name]


def broken_files() -> list[BrokenFile]:
    """Return the files of all rooms that cannot be imported."""
    for room in ROOMS:
        _classes_of(room)
    return [broken for room in ROOMS for broken in _broken[room]]


def names(room: str) -> list[str]:
    """Return every name registered in ``room``, sorted."""
    return sorted(_classes_of(room))


def config_class(room: str, name: str) -> type[NamedConfig]:
    """Return the config class registered as ``name`` in ``room``.

    Raises:
        RegistryError: there is none; the message names the closest and all known names, or the
            file that would register it and cannot be imported.
    """
    known = _classes_of(room)
    if name in known:
        return known[name]
    for broken in _broken[room]:
        if (room, name) in broken.names:
            raise RegistryError(str(broken))
    also = "".join(f"; {broken}" for broken in _broken[room])
    raise RegistryError(f"unknown {room} '{name}'; {did_you_mean(str(name), known)}{also}")


def benchmark_class(name: str) -> type[BenchmarkConfig]:
    """Return the config class of a benchmark, with the facts that it states.

    Args:
        name: its registered name.

    Raises:
        RegistryError: there is none; the message names the closest and all known names.
    """
    return cast("type[BenchmarkConfig]", config_class("benchmark", name))


def display_name(name: str, rooms: Iterable[str] = TECHNIQUES) -> str:
    """Return how papers write a registered name: ``RankSim`` for ``ranksim``.

    Args:
        name: as a sweep file has it.
        rooms: where to look, in order.

    Returns:
        The config class's own display name; ``name`` itself where none is registered or stated.
    """
    for room in rooms:
        cls = _classes_of(room).get(name)
        if cls is not None:
            return cls.display_name or name
    return name
