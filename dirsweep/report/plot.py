"""What a plot is: numbers from a run, a figure from numbers, and its place in the report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from dirsweep.analysis.compared_points import ComparedPoints, compared_points
from dirsweep.errors import DirSweepError
from dirsweep.report.figure_layout import settle
from dirsweep.report.figure_style import add_caption, add_heading
from dirsweep.run.reader import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

N = TypeVar("N")


class EmptyPlotError(DirSweepError):
    """A plot has nothing to show for a study; the message says why in one line."""


@dataclass(frozen=True)
class Drawing:
    """A plot of a study, drawn.

    Attributes:
        figure: with its heading, and with its caption where that was asked for.
        caption: what is drawn, how to read it, and where the idea comes from.
    """

    figure: Figure
    caption: str


@dataclass(frozen=True)
class Plot(Generic[N]):
    """One plot of a study.

    Attributes:
        title: heading of the figure, before the names of study and run.
        caption: says in sentences what the figure of these numbers shows and how to read it.
        order: place on the page; plots come in ascending order.
        numbers: computes what is drawn from a run and the name of a study, the same at every call.
            It raises ``EmptyPlotError`` where there is nothing to show.
        draw: draws the figure, without heading and caption.
        source: where the idea comes from, as a sentence; empty where it is common.
        numbers_of: of a plot that compares points: the same for points that a person named.
        uses_anchors: whether it compares labels with anchors, which a person may name.
        after_run: whether it is drawn when a run ends; `dirsweep report` draws every plot.
        dimensionless: first words of axis labels without a unit; every other axis states one in
            parentheses, or is a parameter of the sweep.
    """

    title: str
    caption: Callable[[N], str]
    order: int
    numbers: Callable[[Run, str], N]
    draw: Callable[[N], Figure]
    source: str = ""
    numbers_of: Callable[[Run, str, ComparedPoints], N] | None = None
    after_run: bool = False
    uses_anchors: bool = False
    dimensionless: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name of the plot's file."""
        return self.numbers.__module__.rpartition(".")[2]

    def drawing(
        self,
        run: Run,
        study: str,
        points: Sequence[str] = (),
        *,
        anchors: Sequence[float] = (),
        with_caption: bool = False,
    ) -> Drawing:
        """Draw the plot with its heading.

        Args:
            run: the run.
            study: its key in the sweep file.
            points: names of the points that it compares; by default the baseline and the best.
            anchors: labels to compare others with; by default the plot chooses some.
            with_caption: put the caption below the figure.

        Raises:
            EmptyPlotError: there is nothing to show.
        """
        numbers = self._numbers(run, study, points, anchors)
        figure = self.draw(numbers)
        caption = f"{self.caption(numbers)} {self.source}".strip()
        add_heading(figure, f"{self.title} · {study} · {run.name}", synthetic=run.synthetic)
        if with_caption:
            add_caption(figure, caption)
        settle(figure)
        return Drawing(figure, caption)

    def figure(
        self, run: Run, study: str, points: Sequence[str] = (), anchors: Sequence[float] = ()
    ) -> Figure:
        """Return the figure with heading and caption; arguments and errors as for ``drawing``."""
        return self.drawing(run, study, points, anchors=anchors, with_caption=True).figure

    def _numbers(self, run: Run, study: str, points: Sequence[str], anchors: Sequence[float]) -> N:
        if self.numbers_of is None or not (points or (anchors and self.uses_anchors)):
            return self.numbers(run, study)
        compared = compared_points(run, study, points, anchors)
        if not compared.points:
            raise EmptyPlotError("the study has none of the named points")
        return self.numbers_of(run, study, compared)
