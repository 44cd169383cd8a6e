"""A run as one self-contained HTML file: tables, findings, figures and provenance.

The page loads nothing from a network. Every text reaches it through the template's escaping; the
figures' own text is escaped by what draws them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import metadata

import yaml

from dirsweep.report.external_table import external_table
from dirsweep.report.figure_notes import missing_features_note
from dirsweep.report.html.environment import environment, static
from dirsweep.report.html.provenance import sessions
from dirsweep.report.html.run_facts import run_facts, run_state
from dirsweep.report.html.sections import study_section, summary_section
from dirsweep.report.html.view import view
from dirsweep.report.table import Table
from dirsweep.run.reader import Run


def report_page(
    run: Run,
    *,
    studies: Sequence[str] | None = None,
    layouts: Sequence[Table] = (),
    figures: bool = True,
    points: Sequence[str] = (),
    anchors: Sequence[float] = (),
) -> str:
    """Return the page.

    Args:
        run: an open run.
        studies: names of studies; None for all, with a section on all of them together.
        layouts: filled published tables to be shown as well.
        figures: with the plots.
        points: names of the points that figures compare; by default the baseline and the best.
        anchors: labels with which the feature similarity compares others; by default it chooses.

    Raises:
        StoreError: no trial of the run is complete.
    """
    run.require_finished()
    chosen = list(run.studies if studies is None else studies)
    state, bad = run_state(run)
    page = {
        "version": metadata.version("dirsweep"),
        "name": run.name,
        "synthetic": run.synthetic,
        "state": state,
        "state_kind": "bad" if bad else "good",
        "facts": [*run_facts(run), *(_missing_figures(run) if figures else ())],
        "summary": summary_section(run) if studies is None else None,
        "studies": [
            study_section(run, study, number, figures=figures, named=points, anchors=anchors)
            for number, study in enumerate(chosen)
        ],
        "external": [view(table) for table in (external_table(run),) if table is not None],
        "layouts": [view(layout) for layout in layouts],
        "sessions": sessions(run),
        "folder": run.paths.name or run.paths.root,
        "spec": yaml.safe_dump(run.spec, sort_keys=False, allow_unicode=True),
    }
    template = environment().get_template("report.html.j2")
    return template.render(page=page, css=static("report.css"), js=static("report.js"))


def _missing_figures(run: Run) -> Iterator[tuple[str, str]]:
    missing = missing_features_note(run)
    if missing is not None:
        yield "feature figures", missing
