"""Which rows of a filled published table validation chose, and which numbers a test separates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dirsweep.analysis.layout_rows import FilledLayout, FilledRow, LayoutColumn
from dirsweep.analysis.objectives import objective_of, points_of
from dirsweep.analysis.summaries import best_point
from dirsweep.report.names import Names
from dirsweep.report.objective_columns import criterion
from dirsweep.report.study_signs import NO_SIGNS, Signs, several_seeds, sign_notes, study_signs
from dirsweep.report.table import Mark, Note


@dataclass(frozen=True)
class LayoutEvidence:
    """What is known about the rows of a filled layout besides their means.

    Attributes:
        chosen: study -> index of the point that validation chose.
        signs: study -> results that differ from those of its baseline.
    """

    chosen: Mapping[str, int]
    signs: Mapping[str, Signs]

    def is_chosen(self, row: FilledRow) -> bool:
        """Return whether validation chose the row's point among those of its study."""
        point = row.point
        return point is not None and self.chosen.get(point.study) == point.index

    def marks(self, row: FilledRow, column: LayoutColumn) -> frozenset[Mark]:
        """Return whether a test found the number better or worse than the baseline's."""
        if row.point is None:
            return frozenset()
        signs = self.signs.get(row.point.study, NO_SIGNS)
        return signs.of(row.point.index, column.tested.name)

    def notes(self, layout: FilledLayout, names: Names) -> Iterator[Note]:
        """Yield the legend of the marks that are shown."""
        filled = [row for row in layout.rows if row.filled and row.point is not None]
        chosen = [row.point.study for row in filled if row.point and self.is_chosen(row)]
        if chosen:
            # a search may have an objective of its own
            criteria = dict.fromkeys(criterion(objective_of(layout.run, study)) for study in chosen)
            text = f"chosen by validation in its study: {' or '.join(criteria)}"
            yield Note(text, Mark.CHOSEN)
        marks = [self.marks(row, column) for row in filled for column in layout.columns]
        yield from self._sign_notes(frozenset().union(*marks), names)

    def _sign_notes(self, shown: frozenset[Mark], names: Names) -> Iterator[Note]:
        tested = [signs for signs in self.signs.values() if signs.baseline]
        if not tested:
            return
        most = max(tested, key=lambda signs: signs.num_comparisons)
        labels = {signs.baseline for signs in tested}
        which = f" ({names.of(labels.pop())})" if len(labels) == 1 else ""
        yield from sign_notes(most, f"the baseline of its study{which}", shown)


def layout_evidence(layout: FilledLayout) -> LayoutEvidence:
    """Look up what validation chose, and test the results against their baselines."""
    run = layout.run
    studies = dict.fromkeys(row.point.study for row in layout.rows if row.point is not None)
    chosen, signs = {}, {}
    metrics = list(dict.fromkeys(column.metric for column in layout.columns))
    for study in studies:
        best = best_point(points_of(run, study), objective_of(run, study))
        if best is not None:
            chosen[study] = best.index
        if not layout.timed and several_seeds(points_of(run, study)):
            signs[study] = study_signs(run, study, metrics)
    return LayoutEvidence(chosen, signs)
