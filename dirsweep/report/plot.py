"""What a plot is: numbers from a run, a figure from numbers, and its place in the report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from dirsweep.errors import DirSweepError
from dirsweep.report.figure_style import add_header
from dirsweep.run.reader import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

N = TypeVar("N")


class EmptyPlotError(DirSweepError):
    """A plot has nothing to show for a study; the message says why in one line."""


@dataclass(frozen=True)
class Plot(Generic[N]):
    """One plot of a study.

    Attributes:
        title: heading of the figure, before the names of study and run.
        caption: what the figure shows and where the idea comes from, in one or two sentences.
        order: place on the page; plots come in ascending order.
        numbers: computes what is drawn from a run and the name of a study, the same at every call.
            It raises ``EmptyPlotError`` where there is nothing to show.
        draw: draws the figure, without its heading.
        after_run: whether it is drawn when a run ends; `dirsweep report` draws every plot.
    """

    title: str
    caption: str
    order: int
    numbers: Callable[[Run, str], N]
    draw: Callable[[N], Figure]
    after_run: bool = False

    @property
    def name(self) -> str:
        """The name of the plot's file."""
        return self.numbers.__module__.rpartition(".")[2]

    def figure(self, run: Run, study: str) -> Figure:
        """Draw the plot with its heading.

        Args:
            run: the run.
            study: its key in the sweep file.

        Raises:
            EmptyPlotError: there is nothing to show.
        """
        figure = self.draw(self.numbers(run, study))
        add_header(figure, f"{self.title} · {study} · {run.name}", synthetic=run.synthetic)
        return figure
