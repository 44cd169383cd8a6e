"""Settings that a benchmark's papers use, in the place of the techniques' own defaults.

A benchmark's config class states them as ``technique_defaults``. While a sweep is loaded, its
normalized base carries the benchmark's name under ``MARK``, so that whoever builds a configuration
from it fills in what the sweep file leaves out; the resolved configuration has the values and no
mark. Values that the file writes out win.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from dirsweep import registry
from dirsweep.config.model import PlainData
from dirsweep.config.ranges import Range

if TYPE_CHECKING:
    from dirsweep.data.base import BenchmarkConfig

#: key of a normalized base; no key of a trial, so that no sweep file can write it
MARK = "benchmark"

#: printed: in a paper; released: in its code; ours: nobody states one
Origin = Literal["printed", "released", "ours"]


@dataclass(frozen=True)
class BenchmarkDefault:
    """One parameter of a technique on one benchmark.

    Attributes:
        room: of the registry: ``loss``, ``regularizers``.
        technique: its registered name.
        key: of the parameter, as YAML has it.
        value: on this benchmark.
        origin: who states the value.
        source: where, or why it is ours.
        range: searched by default on this benchmark; None: the technique's own, or none at all
            where the value is None.
    """

    room: str
    technique: str
    key: str
    value: Any
    origin: Origin
    source: str
    range: Range | None = None

    @property
    def name(self) -> str:
        """The parameter of the technique: ``regularizers.conr.eta``, ``loss(huber).beta``."""
        if self.room == "regularizers":
            return f"{self.room}.{self.technique}.{self.key}"
        return f"{self.room}({self.technique}).{self.key}"


def with_mark(base: PlainData, benchmark: type[BenchmarkConfig]) -> PlainData:
    """Let a normalized base follow a benchmark's defaults; unchanged where it states none."""
    if not benchmark.technique_defaults:
        return base
    return {**base, MARK: benchmark.registered_name}


def without_mark(base: Mapping[str, Any]) -> PlainData:
    """Return a normalized base as a sweep file writes it."""
    return {key: value for key, value in base.items() if key != MARK}


def defaults_of(
    base: Mapping[str, Any], room: str, technique: str | None
) -> dict[str, BenchmarkDefault]:
    """Return what the benchmark of a normalized base states about a technique, by key."""
    name = base.get(MARK)
    if name is None:
        return {}
    stated = registry.benchmark_class(name).technique_defaults
    return {item.key: item for item in stated if (item.room, item.technique) == (room, technique)}


def filled_in(
    base: Mapping[str, Any], room: str, technique: str | None, given: Mapping[str, Any]
) -> PlainData:
    """Fill in the benchmark's settings of a technique.

    Args:
        base: normalized; its mark names the benchmark.
        room: of the registry.
        technique: its registered name, or an unknown one, which gets nothing.
        given: what the sweep says about it; ``name`` may be among it.

    Returns:
        A copy of ``given`` with the settings that it leaves out.
    """
    defaults = defaults_of(base, room, technique)
    if not defaults or technique is None:
        return dict(given)
    values = {key: item.value for key, item in defaults.items()}
    return registry.config_class(room, technique).with_defaults(given, values)
