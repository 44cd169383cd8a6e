"""What of a run a report shows: studies, metrics, regions, and under which names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dirsweep.analysis.layout_rows import FilledLayout
from dirsweep.analysis.objectives import points_of
from dirsweep.domain import REGIONS, metric_columns
from dirsweep.errors import SpecError, did_you_mean
from dirsweep.report.names import Names, read_names
from dirsweep.run.reader import Run


@dataclass(frozen=True)
class Choice:
    """What a report shows.

    Attributes:
        studies: their names; empty for all.
        metrics: their names, in this order; empty for the objective's, and others where there is
            room.
        regions: shot regions; empty for all.
        validation: whether the results on the validation split are shown.
        names: of points, techniques and studies.
    """

    studies: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    validation: bool = True
    names: Names = field(default_factory=Names)

    @property
    def narrowed(self) -> bool:
        """Whether metrics or regions were chosen, so that others must not be added."""
        return bool(self.metrics or self.regions)

    def studies_of(self, run: Run) -> list[str]:
        """Return the studies to show."""
        return list(self.studies or run.studies)

    def shows(self, metric: str, region: str) -> bool:
        """Return whether a column was chosen."""
        return (not self.metrics or metric in self.metrics) and (
            not self.regions or region in self.regions
        )


#: everything, under the run's own names
EVERYTHING = Choice()


def choose(
    run: Run,
    *,
    studies: Sequence[str] = (),
    metrics: Sequence[str] = (),
    regions: Sequence[str] = (),
    validation: bool = True,
    names: Path | None = None,
    layouts: Sequence[FilledLayout] = (),
) -> Choice:
    """Return a choice that fits a run, or published tables filled with its results.

    Args:
        run: an open run.
        studies: see ``Choice``.
        metrics: see ``Choice``; several may be one text: ``mae,pearson``.
        regions: see ``Choice``; likewise.
        validation: see ``Choice``.
        names: file with display names, see ``report.names``.
        layouts: published tables that are shown instead of the run's studies.

    Raises:
        SpecError: no such study, metric or region; a wrong file of names.
    """
    columns = _columns(run, layouts)
    found_regions = {region for _, region in columns}
    chosen = Choice(
        studies=_known("--study", studies, run.studies),
        metrics=_known("--metrics", _listed(metrics), {metric for metric, _ in columns}),
        regions=_known("--regions", _listed(regions), [r for r in REGIONS if r in found_regions]),
        validation=validation,
        names=Names() if names is None else read_names(names),
    )
    chosen.names.require_used(_labels(run, layouts))
    return chosen


def _columns(run: Run, layouts: Sequence[FilledLayout]) -> set[tuple[str, str]]:
    """Return metrics and regions among which may be chosen."""
    if layouts:
        return {(metric, region) for item in layouts for metric, region, _ in item.columns}
    measured = metric_columns(run.trials().schema.names)
    return {(column.metric, column.region) for column in measured if column.split == "test"}


def _labels(run: Run, layouts: Sequence[FilledLayout]) -> list[str]:
    """Return what the report prints that can be given a name."""
    if layouts:
        rows = [row for layout in layouts for row in layout.rows]
        return [text for row in rows for text in (row.section, row.label)]
    labels = [point.label for study in run.studies for point in points_of(run, study)]
    return [run.name, *run.studies, *labels]


def _listed(texts: Sequence[str]) -> list[str]:
    return [part.strip() for text in texts for part in text.split(",")]


def _known(option: str, given: Sequence[str], known: Iterable[str]) -> tuple[str, ...]:
    known = list(known)
    for name in given:
        if name not in known:
            raise SpecError(f"the run has no '{name}'; {did_you_mean(name, known)}", key=option)
    return tuple(dict.fromkeys(given))
