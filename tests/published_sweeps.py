"""The sweeps of the published tables, as shipped.

``python -m tests.published_sweeps`` writes them anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dirsweep import registry
from dirsweep.config.published_sweep import TableSweep, file_name, sweep_text, table_sweep
from dirsweep.published import tables
from dirsweep.published.protocol import BENCHMARKS

SWEEPS = Path(__file__).resolve().parents[1] / "sweeps"


def available(files: list[Path]) -> list[Path]:
    """The sweeps among files whose benchmark is there."""
    absent = [name for name in BENCHMARKS if name not in registry.names("benchmark")]
    return [
        file
        for file in files
        if not any(f"\n  name: {name}\n" in file.read_text(encoding="utf-8") for name in absent)
    ]


def table_sweeps() -> Iterator[TableSweep]:
    """Every table on each of its benchmarks, as printed."""
    for item in tables():
        for benchmark in item.benchmarks:
            yield table_sweep(f"{item.paper}/{item.table}", "printed", benchmark)


def main() -> None:
    """Write every file."""
    for sweep in table_sweeps():
        (SWEEPS / file_name(sweep)).write_text(sweep_text(sweep), encoding="utf-8")


if __name__ == "__main__":
    main()
