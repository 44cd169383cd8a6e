"""What must be said beside results by shot region: sizes, rule, split, overlaps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from dirsweep.analysis.region_sizes import region_size
from dirsweep.domain import REGIONS
from dirsweep.report.table import Note, Table
from dirsweep.run.reader import Run

#: shown without samples, too
_SHOWN = ("many", "median", "few")
#: whose split a benchmark with several in circulation has
_VARIANTS = {
    "yang": "that of Yang et al. 2021",
    "ranksim": "that of RankSim's release, not that of Yang et al. 2021",
    "other": "files of another content than the published ones",
}


def variant_text(variant: str) -> str:
    """Return whose split it is, in words; empty where there is only one."""
    return _VARIANTS.get(variant, variant)


def sample_text(run: Run) -> str:
    """Return how many test samples each region has, and by which rule; empty where not known.

    Args:
        run: of any build.
    """
    sizes: dict[str, int] = {region: region_size(run, "test", region) or 0 for region in REGIONS}
    text = sizes_text(sizes)
    rule = run.manifest.benchmark.region_rule
    return f"{text} (regions {rule})" if text and rule else text


def sizes_text(sizes: Mapping[str, int], what: str = "test samples") -> str:
    """Return ``test samples: all 1,000, many 756, ...``; empty where no region has any.

    Args:
        sizes: number of samples of each region.
        what: they are.
    """
    shown = [f"{region} {size:,}" for region, size in sizes.items() if size or region in _SHOWN]
    return f"{what}: {', '.join(shown)}" if any(sizes.values()) else ""


def sample_notes(run: Run) -> list[Note]:
    """Return the note below each table of regions; none where the run has no label bins."""
    text = sample_text(run)
    return [Note(text)] if text else []


def data_facts(run: Run) -> Iterator[tuple[str, str]]:
    """Yield what a report must say about the data once, as name and value.

    Args:
        run: what its build did not record is left out.
    """
    facts = run.manifest.benchmark
    if facts.variant:
        yield "split", variant_text(facts.variant)
    if facts.overlaps:
        yield "overlap", facts.overlaps


def with_data_notes(tables: Sequence[Table], run: Run) -> list[Table]:
    """Return a report's tables with what must be said about the data below the last one."""
    notes = [Note(f"{name}: {value}") for name, value in data_facts(run)]
    if not tables or not notes:
        return list(tables)
    return [*tables[:-1], replace(tables[-1], notes=(*tables[-1].notes, *notes))]
