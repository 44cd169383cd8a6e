"""Registry of techniques, benchmarks and backbones: name -> config class.

The files of a room are imported on the first look-up, so a new file is found by itself.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeVar, cast

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

C = TypeVar("C", bound="type[NamedConfig]")


def register(room: str, name: str) -> Callable[[C], C]:
    """Return a class decorator that registers a config class.

    Args:
        room: a key of ``ROOMS``.
        name: as a sweep file has it.
    """

    def keep(cls: C) -> C:
        cls.room, cls.registered_name = room, name
        _classes[room][name] = cls
        return cls

    return keep


def _classes_of(room: str) -> dict[str, type[NamedConfig]]:
    if room not in _imported:
        package = importlib.import_module(ROOMS[room])
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{ROOMS[room]}.{module.name}")
        _imported.add(room)
    return _classes[room]


def names(room: str) -> list[str]:
    """Return every name registered in ``room``, sorted."""
    return sorted(_classes_of(room))


def config_class(room: str, name: str) -> type[NamedConfig]:
    """Return the config class registered as ``name`` in ``room``.

    Raises:
        RegistryError: there is none; the message names the closest and all known names.
    """
    known = _classes_of(room)
    if name not in known:
        raise RegistryError(f"unknown {room} '{name}'; {did_you_mean(str(name), known)}")
    return known[name]


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
