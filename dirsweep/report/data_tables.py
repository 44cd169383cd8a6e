"""What a benchmark's splits hold, as a table: samples by shot region."""

from __future__ import annotations

from collections.abc import Sequence

from dirsweep.data.base import Benchmark
from dirsweep.data.regions import sizes_of_regions
from dirsweep.report.region_notes import variant_text
from dirsweep.report.table import Cell, Column, Note, Row, Table


def regions_table(benchmark: Benchmark, notes: Sequence[str] = ()) -> Table:
    """Return the number of samples of each split by shot region.

    Args:
        benchmark: need not be prepared.
        notes: further ones.

    Raises:
        DataError: the data is absent or broken.
        SpecError: the data shows that a setting is wrong.
    """
    sizes = sizes_of_regions(benchmark)
    regions = list(next(iter(sizes.values())))
    columns = [
        Column("split", "split", align="left"),
        Column("all", "all"),
        *(Column(region, region) for region in regions),
    ]
    rows = []
    for split, found in sizes.items():
        numbers = [sum(found.values()), *found.values()]
        rows.append(Row((Cell(split), *(Cell(f"{num:,}", num) for num in numbers))))
    variant = variant_text(benchmark.variant)
    texts = [
        f"regions {benchmark.config.shot_rule.text}",
        *([f"split: {variant}"] if variant else []),
        *notes,
    ]
    return Table(
        f"Samples by shot region · {benchmark.config.display_name}",
        tuple(columns),
        tuple(rows),
        tuple(Note(text) for text in texts),
        synthetic=benchmark.synthetic,
    )
