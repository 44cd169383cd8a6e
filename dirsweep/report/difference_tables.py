"""Effects of techniques, and differences between points, as tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from dirsweep.analysis.differences import Difference, differences
from dirsweep.analysis.effects import Effect, effects
from dirsweep.analysis.selection import baseline_of, points_with_test_figures
from dirsweep.domain import REGIONS, metric_of, plural
from dirsweep.report.number_format import MISSING, finite, signed
from dirsweep.report.region_notes import sizes_text
from dirsweep.report.statistics_text import digits, how_tested, tested_words
from dirsweep.report.study_signs import sign_legend, signs_of
from dirsweep.report.table import Cell, Column, Note, Row, Table
from dirsweep.run.reader import Run

#: a page shows longer tables on request
LONG = 16

#: name of a row -> region -> difference
ByRegion = Mapping[str, Mapping[str, Difference]]


def effects_table(found: Sequence[Effect]) -> Table | None:
    """Return the effect of each technique, region by region; None without effects.

    Args:
        found: effects of one study, or over several.
    """
    by_region: dict[str, dict[str, Difference]] = {}
    for effect in found:
        row = f"{effect.technique} ({plural(len(effect.pairs), 'pair')})"
        by_region.setdefault(row, {})[effect.difference.region] = effect.difference
    note = (
        "with the technique minus without it,"
        " mean over all pairs of points that differ in nothing else"
    )
    return _table("Effect of each technique", "technique", by_region, note)


def study_effects_table(run: Run, study: str) -> Table | None:
    """Return the effect of each technique in a planned study; None without effects."""
    return None if run.manifest.study(study).searched else effects_table(effects(run, study))


def baseline_table(run: Run, study: str) -> Table | None:
    """Return the differences of a study's points to its base; None without a base."""
    baseline = baseline_of(run, study)
    if baseline is None:
        return None
    shown = points_with_test_figures(run, study)
    by_region: dict[str, dict[str, Difference]] = {}
    for item in differences(run, study, baseline.index, points=shown):
        by_region.setdefault(item.label, {})[item.region] = item
    title = f"Differences to {baseline.label}"
    return _table(title, "point", by_region, "paired over the same seeds and samples")


def _table(title: str, first: str, rows: ByRegion, note: str) -> Table | None:
    items = [item for regions in rows.values() for item in regions.values()]
    if not items:
        return None
    regions = [region for region in REGIONS if any(item.region == region for item in items)]
    group = f"test {metric_of(items[0].metric).title}"
    name = f"test_{items[0].metric}"
    return Table(
        title=title,
        columns=(
            Column(first, first, align="left"),
            *(Column(f"{name}_{region}", region, group=group) for region in regions),
        ),
        rows=tuple(
            Row((Cell(label), *(_cell(by_region.get(region)) for region in regions)))
            for label, by_region in rows.items()
        ),
        notes=(Note(note), *sign_legend(items), Note(how_tested(items)), *_sizes(items, regions)),
        synthetic=items[0].synthetic,
        collapsed=len(rows) > LONG,
    )


def _sizes(items: Sequence[Difference], regions: Sequence[str]) -> Iterator[Note]:
    """Yield how many test samples each region has; those of a row may be fewer."""
    sizes: dict[str, int] = {
        region: max(item.num_samples for item in items if item.region == region)
        for region in regions
    }
    if text := sizes_text(sizes):
        yield Note(text)


def _cell(item: Difference | None) -> Cell:
    if item is None:
        return Cell(MISSING)
    marks = signs_of(item)
    value = finite(item.difference)
    if item.low is None or item.high is None:
        return Cell(signed(item.difference, 2), value, marks=marks)
    places = digits(item.low, item.high)
    return Cell(
        text=signed(item.difference, places),
        value=value,
        interval=(item.low, item.high),
        num_seeds=item.num_seeds,
        remark=tested_words(item),
        places=places,
        signed=True,
        marks=marks,
    )
