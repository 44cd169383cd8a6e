"""Gain of adding one technique, along the label range, over everything it was combined with.

After ConR (Keramati et al., ICLR 2024), Figs. 10 to 12: error without the technique minus error
with it, one line per pair of points that differ in nothing else, their mean as bars.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dirsweep.analysis.effects import Effect, effects
from dirsweep.analysis.label_errors import (
    PointPredictions,
    Span,
    binned,
    empty_spans,
    gain_of,
    mean_over_seeds,
    nice_edges,
    point_predictions,
    zero_shot_spans,
)
from dirsweep.analysis.measurements import columns_of, points_of
from dirsweep.analysis.selection import searched
from dirsweep.domain import plural
from dirsweep.report import figure_style as style
from dirsweep.report.axis_labels import label_unit_of, with_unit
from dirsweep.report.figure_notes import sentences, spans_note
from dirsweep.report.figure_parts import draw_gain_bars, grid_of_panels, shade_spans
from dirsweep.report.plot import EmptyPlotError, Plot
from dirsweep.run.reader import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: pairs that get a line each; of more pairs the middle 80 % are drawn
MAX_LINES = 6


@dataclass(frozen=True)
class TechniqueGain:
    """The gain of one technique.

    Attributes:
        name: as papers write it.
        by_pair: (P, B) mean absolute test error without minus with, over the seeds both points of
            the pair have, label unit; NaN where a bin is empty.
        num_unpaired: pairs without a common seed; theirs is the difference of the means over each
            point's own seeds.
    """

    name: str
    by_pair: NDArray[np.float64]
    num_unpaired: int

    @property
    def mean(self) -> NDArray[np.float64]:
        """(B,) over pairs."""
        return mean_over_seeds(self.by_pair)


@dataclass(frozen=True)
class TechniqueGains:
    """What ``draw`` needs.

    Attributes:
        unit: unit of the labels; empty where unknown.
        edges: (B + 1,) bins over the test labels, label unit.
        gains: in the order in which the study has the techniques.
        zero_shot: label ranges that training leaves out on purpose, label unit.
        empty: other stretches without a training label, label unit.
    """

    unit: str
    edges: NDArray[np.float64]
    gains: list[TechniqueGain]
    zero_shot: list[Span]
    empty: list[Span]


def numbers(run: Run, study: str) -> TechniqueGains:
    """Compute the gain of every technique that the study switches on.

    Raises:
        EmptyPlotError: the study is a search, switches no technique on, or has no test predictions.
    """
    if searched(run, study):
        raise EmptyPlotError("a search has no pairs of points that differ in one technique")
    switched = effects(run, study, columns=columns_of(run, regions=("all",)))
    if not switched:
        raise EmptyPlotError("the study has no pairs of points that differ in one technique")
    found = _predictions(run, study, switched)
    if not found:
        raise EmptyPlotError("there are no test predictions")
    labels = next(iter(found.values())).labels
    edges = nice_edges(float(labels.min()), float(labels.max()))
    errors = {index: binned(of.errors, of.labels, edges) for index, of in found.items()}
    gains = [gain for effect in switched if (gain := _gain(effect, found, errors)) is not None]
    if not gains:
        raise EmptyPlotError("no pair of points has test predictions of both")
    bins = run.bins()
    return TechniqueGains(
        label_unit_of(run), edges, gains, zero_shot_spans(bins), empty_spans(bins)
    )


def _predictions(run: Run, study: str, switched: list[Effect]) -> dict[int, PointPredictions]:
    """Point -> test predictions, of the points that the effects compare."""
    points = {point.index: point for point in points_of(run, study)}
    involved = {index for effect in switched for pair in effect.pairs for index in pair}
    every = {index: point_predictions(run, points[index]) for index in sorted(involved)}
    return {index: found for index, found in every.items() if found is not None}


def _gain(
    effect: Effect,
    predictions: Mapping[int, PointPredictions],
    errors: Mapping[int, NDArray[np.float64]],
) -> TechniqueGain | None:
    gains = [
        gain_of(errors[off], errors[on], (predictions[off].seeds, predictions[on].seeds))
        for on, off in effect.pairs
        if on in errors and off in errors
    ]
    if not gains:
        return None
    by_pair = np.stack([gain.values for gain in gains])
    return TechniqueGain(effect.technique, by_pair, sum(not gain.num_common for gain in gains))


def draw(numbers: TechniqueGains) -> Figure:
    """Draw one panel per technique, all on one scale."""
    with style.styled():
        grid = grid_of_panels(len(numbers.gains), 2.4)
        for axes, gain in zip(grid.panels, numbers.gains, strict=True):
            _draw_panel(axes, gain, numbers.edges)
        shade_spans(grid.panels, numbers.zero_shot, numbers.empty)
        for axes in grid.left:
            axes.set_ylabel(with_unit("gain in test MAE", numbers.unit))
        for axes in grid.bottom:
            axes.set_xlabel(with_unit("label", numbers.unit))
        return grid.figure


def _draw_panel(axes: Axes, gain: TechniqueGain, edges: NDArray[np.float64]) -> None:
    centres = (edges[1:] + edges[:-1]) / 2
    num_pairs = len(gain.by_pair)
    draw_gain_bars(axes, edges, gain.mean)
    if num_pairs > MAX_LINES:
        filled = np.isfinite(gain.mean)
        low, high = np.nanquantile(gain.by_pair[:, filled], (0.1, 0.9), axis=0)
        axes.vlines(centres[filled], low, high, color=style.INK, linewidth=1.0, alpha=0.6)
    elif num_pairs > 1:
        axes.plot(centres, gain.by_pair.T, color=style.GREY, linewidth=0.8, alpha=0.7)
    pairs = f"{plural(num_pairs, 'pair')}"
    axes.set_title(f"{gain.name}, {pairs}", loc="left")


def caption(numbers: TechniqueGains) -> str:
    """Say what is drawn."""
    few = any(1 < len(gain.by_pair) <= MAX_LINES for gain in numbers.gains)
    many = any(len(gain.by_pair) > MAX_LINES for gain in numbers.gains)
    num_unpaired = sum(gain.num_unpaired for gain in numbers.gains)
    return sentences(
        "One panel per technique: mean absolute test error without it minus the error with it, by "
        "label. A green bar means that the technique makes the error smaller, an orange one that "
        "it makes it larger. Bars are means over all pairs of points that differ in nothing else.",
        "Grey lines are the single pairs." if few else "",
        f"Vertical lines span the middle 80 % of more than {MAX_LINES} pairs." if many else "",
        f"{plural(num_unpaired, 'pair')} without a common seed are compared by their means."
        if num_unpaired
        else "",
        spans_note(numbers.zero_shot, numbers.empty),
    )


PLOT = Plot(
    title="Gain of techniques",
    caption=caption,
    source="After ConR (Keramati et al., ICLR 2024), Figs. 10 to 12.",
    order=120,
    numbers=numbers,
    draw=draw,
)
