"""What adding one technique does to the error along the label range, on top of everything it was
combined with.

After ConR (Keramati et al., ICLR 2024), Figs. 10 to 12: error without the technique minus error
with it, one line per pair of points that differ in nothing else, their mean as bars.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dirsweep.analysis.effects import Effect, effects
from dirsweep.analysis.measurements import columns_of, points_of
from dirsweep.analysis.selection import searched
from dirsweep.report.plots import _style as style
from dirsweep.report.plots._per_label import (
    binned,
    gain_of,
    mean_of,
    nice_edges,
    shade_zero_shot,
    tested,
    zero_shot_spans,
)
from dirsweep.report.plots.per_label_error import gain_bars
from dirsweep.run.reader import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_PANELS = 6
#: pairs that get a line each; of more the middle 80 % are drawn
MAX_LINES = 6


@dataclass(frozen=True)
class Gain:
    """One technique.

    Attributes:
        name: as the configuration has it.
        by_pair: (P, B) mean absolute test error without minus with, over the seeds both points of
            the pair have; NaN where a bin is empty.
        num_unpaired: pairs without a common seed; theirs is the difference of the means over each
            one's own.
    """

    name: str
    by_pair: NDArray[np.float64]
    num_unpaired: int

    @property
    def mean(self) -> NDArray[np.float64]:
        """(B,) over pairs."""
        return mean_of(self.by_pair)


@dataclass(frozen=True)
class TechniqueGain:
    """What ``draw`` needs.

    Attributes:
        edges: (B + 1,) bins over the test labels, label unit.
        gains: in the order in which the study has the techniques.
        zero_shot: (low, high) of the stretches without a training label, label unit.
    """

    title: str
    synthetic: bool
    edges: NDArray[np.float64]
    gains: list[Gain]
    zero_shot: list[tuple[float, float]]


def numbers(run: Run, study: str) -> TechniqueGain | None:
    """Gains of every technique that the study switches on; None for a search, or without test
    predictions.
    """
    if searched(run, study):
        return None
    switched = effects(run, study, columns=columns_of(run, regions=("all",)))
    if not switched:
        return None
    points = {point.index: point for point in points_of(run, study)}
    involved = {index for effect in switched for pair in effect.pairs for index in pair}
    found = {
        index: of for index in sorted(involved) if (of := tested(run, points[index])) is not None
    }
    if not found:
        return None
    labels = next(iter(found.values())).labels
    edges = nice_edges(float(labels.min()), float(labels.max()))
    errors = {index: binned(of.errors, of.labels, edges) for index, of in found.items()}
    gains = []
    for effect in switched:
        pairs = [
            gain_of(errors[off], errors[on], (found[off].seeds, found[on].seeds))
            for on, off in effect.pairs
            if on in errors and off in errors
        ]
        if pairs:
            by_pair = np.stack([gain for gain, _ in pairs])
            gains.append(
                Gain(_name(effect), by_pair, sum(not num_common for _, num_common in pairs))
            )
    if not gains:
        return None
    title = f"what a technique gains · {study} · {run.name}"
    return TechniqueGain(title, run.synthetic, edges, gains, zero_shot_spans(run.bins()))


def _name(effect: Effect) -> str:
    return effect.key.rpartition(".")[2] if effect.value is True else str(effect.value)


def draw(numbers: TechniqueGain) -> Figure:
    """A panel per technique, all on one scale."""
    shown = numbers.gains[:MAX_PANELS]
    with style.styled():
        across = min(2, len(shown))
        down = -(-len(shown) // across)
        figure = style.new_figure(
            4.5 * across + 0.6, 0.8 + 2.4 * down, title=numbers.title, synthetic=numbers.synthetic
        )
        grid = figure.subplots(down, across, squeeze=False, sharex=True, sharey=True)
        centres = (numbers.edges[1:] + numbers.edges[:-1]) / 2
        for axes, gain in zip(grid.flat, shown, strict=False):
            gain_bars(axes, numbers.edges, gain.mean)
            if len(gain.by_pair) > MAX_LINES:
                filled = np.isfinite(gain.mean)
                low, high = np.nanquantile(gain.by_pair[:, filled], (0.1, 0.9), axis=0)
                axes.vlines(centres[filled], low, high, color=style.INK, linewidth=1.0, alpha=0.6)
            elif len(gain.by_pair) > 1:
                axes.plot(centres, gain.by_pair.T, color=style.GREY, linewidth=0.8, alpha=0.7)
            pairs = f"{len(gain.by_pair)} pair{'s' if len(gain.by_pair) > 1 else ''}"
            axes.set_title(f"{gain.name}, {pairs}", loc="left")
        for axes in list(grid.flat)[len(shown) :]:
            axes.set_visible(False)
        for axes in grid[:, 0]:
            axes.set_ylabel("gain, test")
        for axes in grid[-1]:
            axes.set_xlabel("label")
        shaded = shade_zero_shot(list(grid.flat)[: len(shown)], numbers.zero_shot)
        style.note(figure, "\n".join(part for part in (*_said(numbers.gains), shaded) if part))
        return figure


def _said(gains: list[Gain]) -> list[str]:
    """What is drawn, and what is not."""
    shown = gains[:MAX_PANELS]
    drawn = ["bars: mean over pairs of points"]
    if any(1 < len(gain.by_pair) <= MAX_LINES for gain in shown):
        drawn.append("grey lines: the pairs")
    if any(len(gain.by_pair) > MAX_LINES for gain in shown):
        drawn.append(f"upright lines: the middle 80 % of more than {MAX_LINES} pairs")
    said = ["mean absolute error without minus with, above 0 it helps", "; ".join(drawn)]
    num_unpaired = sum(gain.num_unpaired for gain in shown)
    if num_unpaired:
        said.append(f"pairs without a common seed, their seeds' means compared: {num_unpaired}")
    if len(gains) > len(shown):
        said.append(f"the first {len(shown)} of {len(gains)} techniques")
    return said
