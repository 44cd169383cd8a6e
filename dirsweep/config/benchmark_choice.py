"""Reading of a sweep's ``benchmark``: a name, or a mapping with a name and settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dirsweep import registry
from dirsweep.config.overrides import build_section
from dirsweep.config.trial import NamedConfig
from dirsweep.errors import SpecError
from dirsweep.published.protocol import BENCHMARKS as PUBLISHED_BENCHMARKS


def check_available(benchmark: Any) -> None:
    """Refuse a benchmark of the papers' tables that this build lacks, and say nothing else.

    Raises:
        SpecError: its key counts from the file's root.
    """
    name = benchmark.get("name") if isinstance(benchmark, Mapping) else benchmark
    known = registry.names("benchmark")
    if name in PUBLISHED_BENCHMARKS and name not in known:
        what = f"benchmark not available: '{name}' (available: {', '.join(known)})"
        raise SpecError(what, key="benchmark.name")


def read_benchmark(value: Any) -> NamedConfig:
    """Build a benchmark's settings.

    Args:
        value: what the file says, or settings, which are returned.

    Raises:
        SpecError: neither a name nor a mapping with one, or wrong settings.
    """
    if isinstance(value, NamedConfig):
        return value
    if isinstance(value, str):
        return build_section("benchmark", {"name": value})
    if isinstance(value, Mapping) and isinstance(value.get("name"), str):
        return build_section("benchmark", value)
    known = ", ".join(registry.names("benchmark"))
    raise SpecError(f"expected a name or a mapping with 'name' (known: {known})")
