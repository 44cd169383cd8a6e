"""The sweeps of the published tables, as shipped.

``python -m tests.published_sweeps`` writes them anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dirsweep.config.published_sweep import TableSweep, file_name, sweep_text, table_sweep
from dirsweep.published import tables

SWEEPS = Path(__file__).resolve().parents[1] / "sweeps"


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
