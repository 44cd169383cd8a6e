"""The sections of the page: all studies together, then each study."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dirsweep.analysis.effects import effects_of_run
from dirsweep.analysis.measurements import points_of
from dirsweep.analysis.selection import points_with_test_figures
from dirsweep.domain import plural
from dirsweep.report.claims import Claim, below_its_study, claims, claims_of_run, legend
from dirsweep.report.difference_tables import baseline_table, effects_table, study_effects_table
from dirsweep.report.figure_style import NARROW
from dirsweep.report.html.view import TableView, view
from dirsweep.report.importance_tables import (
    importance_table,
    interactions_table,
    main_effects_table,
)
from dirsweep.report.inline_svg import inline_svg
from dirsweep.report.plot import EmptyPlotError
from dirsweep.report.plots import plots
from dirsweep.report.reproduction_table import reproduction_table
from dirsweep.report.study_tables import detailed_study_table
from dirsweep.report.summary_tables import chosen_points_table, failures_table, intervals_on_test
from dirsweep.report.table import Table
from dirsweep.run.reader import Run

if TYPE_CHECKING:
    from markupsafe import Markup


@dataclass(frozen=True)
class FigureView:
    """A figure as the page embeds it.

    Attributes:
        name: of the plot.
        svg: the ``svg`` element.
        caption: what it shows.
        width: inches.
    """

    name: str
    svg: Markup
    caption: str
    width: float

    @property
    def wide(self) -> bool:
        """Whether it takes the whole width of the page."""
        return self.width > NARROW


@dataclass(frozen=True)
class SummarySection:
    """The section before those of the studies."""

    claims: list[Claim]
    tables: list[TableView]

    @property
    def legend(self) -> list[str]:
        """How to read its findings."""
        return legend(self.claims)


@dataclass(frozen=True)
class StudySection:
    """One study's section.

    Attributes:
        id: its anchor in the page.
        name: of the study.
        kind: planned or search, and its size.
        claims: findings.
        more_claims: findings about single points, shown on request.
        points: the table of its points.
        tables: further tables.
        figures: its plots.
    """

    id: str
    name: str
    kind: str
    claims: list[Claim]
    more_claims: list[Claim]
    points: TableView
    tables: list[TableView]
    figures: list[FigureView]

    @property
    def legend(self) -> list[str]:
        """How to read its findings."""
        return legend([*self.claims, *self.more_claims])


def summary_section(run: Run) -> SummarySection | None:
    """Return what techniques do over all planned studies, and what each study chose.

    Returns:
        None where there is nothing to show.
    """
    over_studies = [effect for effect in effects_of_run(run) if not effect.within]
    tables = _views(effects_table(over_studies), chosen_points_table(run))
    return SummarySection(claims_of_run(run), tables) if tables else None


def study_section(
    run: Run,
    study: str,
    number: int,
    *,
    figures: bool,
    named: Sequence[str] = (),
    anchors: Sequence[float] = (),
) -> StudySection:
    """Return one study's section.

    Args:
        run: an open run.
        study: its name.
        number: of the section, from 0.
        figures: with its plots.
        named: names of the points that figures compare; by default the baseline and the best.
        anchors: labels with which the feature similarity compares others; by default it chooses.
    """
    place = f"study-{number}-{re.sub(r'[^A-Za-z0-9]+', '-', study).strip('-').lower()}"
    points = points_of(run, study)
    found = [replace(claim, text=below_its_study(claim)) for claim in claims(run, [study])]
    kind = "search" if run.manifest.study(study).searched else "planned"
    return StudySection(
        id=place,
        name=study,
        kind=f"{kind}, {plural(len(points), 'point')}",
        # single points against the base are many, and the table of differences has them as well
        claims=[claim for claim in found if claim.kind != "difference"],
        more_claims=[claim for claim in found if claim.kind == "difference"],
        points=view(_points(run, study)),
        tables=_study_tables(run, study),
        figures=_figures(run, study, place, named, anchors) if figures else [],
    )


def _points(run: Run, study: str) -> Table:
    shown = set(points_with_test_figures(run, study))
    metric = run.manifest.study(study).objective.metric
    intervals = intervals_on_test(run, study, metric, shown)
    return detailed_study_table(run, study, intervals=intervals, shown=shown)


def _study_tables(run: Run, study: str) -> list[TableView]:
    points = points_of(run, study)
    tables = [study_effects_table(run, study), baseline_table(run, study)]
    if not all(point.preliminary for point in points):
        tables += [
            importance_table(run, study),
            main_effects_table(run, study),
            interactions_table(run, study),
        ]
    return _views(*tables, reproduction_table(run, study), failures_table(points))


def _views(*tables: Table | None) -> list[TableView]:
    return [view(table) for table in tables if table is not None]


def _figures(
    run: Run, study: str, place: str, points: Sequence[str], anchors: Sequence[float]
) -> list[FigureView]:
    from markupsafe import Markup

    found = []
    for plot in plots():
        try:
            drawing = plot.drawing(run, study, points, anchors=anchors)
        except EmptyPlotError:
            continue
        svg = Markup(inline_svg(drawing.figure, f"{place}-{plot.name}"))
        width = drawing.figure.get_figwidth()
        found.append(FigureView(plot.name, svg, drawing.caption, width))
    return found
