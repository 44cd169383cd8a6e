"""Signs of results that a test separates from those they are compared with."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dirsweep.analysis.multiple_testing import ALPHA
from dirsweep.analysis.summaries import PointSummary
from dirsweep.domain import MetricColumn, plural
from dirsweep.report.table import SIGNS, Mark, Note
from dirsweep.run.reader import Run

if TYPE_CHECKING:
    from dirsweep.analysis.differences import Difference


def signs_of(item: Difference) -> frozenset[Mark]:
    """Return ``Mark.BETTER`` or ``Mark.WORSE`` where a test separates the two; else nothing."""
    if not item.separable:
        return frozenset()
    return frozenset({Mark.BETTER if item.better else Mark.WORSE})


def sign_legend(items: Iterable[Difference], subject: str = "") -> Iterator[Note]:
    """Yield what the signs of differences mean, as far as there are some.

    Args:
        items: the differences.
        subject: begins the words, such as ``B is ``.
    """
    shown = frozenset().union(*map(signs_of, items))
    for mark in SIGNS:
        if mark in shown:
            yield Note(f"{subject}{mark} (corrected p < {ALPHA})", mark)


@dataclass(frozen=True)
class Signs:
    """Results that are better or worse than the baseline's.

    Attributes:
        baseline: label of the point that others are compared with; empty where nothing was tested.
        marks: point and column -> sign, see ``signs_of``.
        num_comparisons: largest number of tests that p-values were corrected for.
    """

    baseline: str = ""
    marks: Mapping[tuple[int, str], frozenset[Mark]] = field(default_factory=dict)
    num_comparisons: int = 0

    def of(self, point: int, column: str) -> frozenset[Mark]:
        """Return the mark of a result, if it has one."""
        return self.marks.get((point, column), frozenset())


#: of a study in which nothing was tested
NO_SIGNS = Signs()


def study_signs(run: Run, study: str, metrics: Collection[str]) -> Signs:
    """Test a study's points against its baseline on the test split.

    The tests are those of the claims: per metric, all points and regions are one family.

    Args:
        run: an open run.
        study: its name.
        metrics: names of metrics.
    """
    # these import SciPy, which the start of a run does not need
    from dirsweep.analysis.differences import differences
    from dirsweep.analysis.measurements import columns_of
    from dirsweep.analysis.selection import baseline_of, points_with_test_figures

    baseline = baseline_of(run, study)
    if baseline is None:
        return NO_SIGNS
    shown = [index for index in points_with_test_figures(run, study) if index != baseline.index]
    found = [
        item
        for metric in metrics
        for item in differences(
            run, study, baseline.index, columns=columns_of(run, metric=metric), points=shown
        )
    ]
    marks = {
        (item.point, MetricColumn(item.split, item.metric, item.region).name): signs_of(item)
        for item in found
        if item.separable
    }
    num = max((item.num_comparisons for item in found), default=0)
    return Signs(baseline.label, marks, num) if num else NO_SIGNS


def several_seeds(points: Collection[PointSummary]) -> bool:
    """Return whether at least two points have results of more than one seed."""
    return sum(point.num_seeds > 1 and not point.preliminary for point in points) > 1


def sign_notes(signs: Signs, baseline: str, shown: Collection[Mark]) -> Iterator[Note]:
    """Yield the legend of the signs that a table shows.

    Args:
        signs: of the table's study.
        baseline: name of the baseline.
        shown: marks of all cells.
    """
    present = [mark for mark in SIGNS if mark in shown]
    tested = f"p < {ALPHA}, corrected for {plural(signs.num_comparisons, 'comparison')}"
    for number, mark in enumerate(present, start=1):
        tail = f" than {baseline} ({tested})" if number == len(present) else ""
        yield Note(f"{mark}{tail}", mark)
    if signs.baseline and not present:
        yield Note(f"no test result is separable from {baseline} ({tested})")
