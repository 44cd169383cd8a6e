r"""How similar the features of one label are to those of all others: RankSim, Fig. 4.

.. math:: s(a, y) = \text{mean over } i: y_i = a,\ j: y_j = y,\ i \ne j \text{ of } \cos(z_i, z_j)

Source: Gong et al., ICML 2022, Fig. 4, which shows anchors of a balanced training set; here one
anchor is in the many-shot and one in the few-shot region (and one in the zero-shot region where
there is one), because that is where imbalance shows. A label is a bin of the benchmark. At the
anchor itself (the dot) the mean is over pairs of different samples; where the order of the labels
is kept, it falls smoothly to both sides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dirsweep.analysis.feature_spaces import FeatureSpaces, feature_spaces
from dirsweep.report import figure_style as style
from dirsweep.report.axis_labels import label_unit_of, with_unit
from dirsweep.report.figure_notes import features_note, starred
from dirsweep.report.figure_parts import base_and_best_colors
from dirsweep.report.plot import EmptyPlotError, Plot
from dirsweep.run.bins import Bins
from dirsweep.run.reader import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]

#: regions that get an anchor
ANCHORS = ("many", "few", "zero")


@dataclass(frozen=True)
class Anchor:
    """One anchor.

    Attributes:
        region: its shot region.
        bin: its number among the benchmark's bins.
        place: its mean test label, label unit.
        similarities: per point (B,) mean cosine similarity to each bin's samples; NaN for a bin
            without any.
    """

    region: str
    bin: int
    place: float
    similarities: list[Floats]


@dataclass(frozen=True)
class FeatureSimilarity:
    """What ``draw`` needs.

    Attributes:
        unit: unit of the labels; empty where unknown.
        edges: (B + 1,) the benchmark's bins, label unit.
        train: (B,) number of training labels.
        places: (B,) mean test label of a bin, NaN where it has none.
        points: labels of the baseline and the best; one where they are the same or one has no
            features.
        anchors: one per region.
        note: which seed the features are of, and which points have none.
    """

    unit: str
    edges: Floats
    train: NDArray[np.int64]
    places: Floats
    points: list[str]
    anchors: list[Anchor]
    note: str


def numbers(run: Run, study: str) -> FeatureSimilarity:
    """Compute the similarities to an anchor of each region.

    Raises:
        EmptyPlotError: there are no label bins, no stored features, or too few labels.
    """
    bins = run.bins()
    if bins is None:
        raise EmptyPlotError("the run has no label bins")
    spaces = feature_spaces(run, study)
    if spaces is None:
        raise EmptyPlotError("no trial has stored features")
    bin_of = bins.bin_of(spaces.labels)
    counts = np.bincount(bin_of, minlength=bins.num_bins)
    chosen = anchors_of(bins, counts)
    if not chosen or (counts > 0).sum() < 3:
        raise EmptyPlotError("the test samples with features are in too few label bins")
    sums = np.bincount(bin_of, weights=spaces.labels, minlength=bins.num_bins)
    places = np.full(bins.num_bins, np.nan)
    np.divide(sums, counts, out=places, where=counts > 0)
    return FeatureSimilarity(
        unit=label_unit_of(run),
        edges=bins.edges,
        train=bins.train,
        places=places,
        points=[starred(trial.label, trial.chosen) for trial in spaces.trials],
        anchors=_anchors(spaces, chosen, bin_of, places),
        note=features_note(spaces),
    )


def anchors_of(bins: Bins, counts: NDArray[np.int64]) -> dict[str, int]:
    """Choose the bin of each region's anchor, among those with two test samples or more.

    In the many-shot region it is the one with the most training labels, elsewhere the one with the
    fewest, and among equals the one with the most test samples.

    Args:
        bins: the benchmark's bins.
        counts: (B,) test samples with features.
    """
    found = {}
    for region in ANCHORS:
        candidates = np.flatnonzero((bins.regions == region) & (counts >= 2))
        if not len(candidates):
            continue
        train = bins.train[candidates]
        keys = (-train,) if region == "many" else (train, -counts[candidates])
        found[region] = int(candidates[np.lexsort(keys)[0]])
    return found


def similarities_to(
    directions: Floats, places: NDArray[np.int64], anchor: int, num_bins: int
) -> Floats:
    """Average the cosine similarity of the anchor's samples to those of each bin.

    Args:
        directions: (S, D) features of length 1.
        places: (S,) bin of each sample.
        anchor: a bin with at least two samples.
        num_bins: number of bins B.

    Returns:
        (B,) means over pairs of different samples; NaN for an empty bin.
    """
    counts = np.bincount(places, minlength=num_bins)
    towards = directions[places == anchor].sum(axis=0)  # the mean over pairs is linear in each side
    sums = np.bincount(places, weights=directions @ towards, minlength=num_bins)
    pairs = counts * counts[anchor]
    sums[anchor] -= counts[anchor]  # each sample with itself: 1
    pairs[anchor] -= counts[anchor]
    found = np.full(num_bins, np.nan)
    np.divide(sums, pairs, out=found, where=pairs > 0)
    return found


def _anchors(
    spaces: FeatureSpaces, chosen: dict[str, int], bin_of: NDArray[np.int64], places: Floats
) -> list[Anchor]:
    directions = [trial.directions for trial in spaces.trials]
    found = []
    for region, anchor in chosen.items():
        similarities = [similarities_to(of, bin_of, anchor, len(places)) for of in directions]
        found.append(Anchor(region, anchor, float(places[anchor]), similarities))
    return found


def draw(numbers: FeatureSimilarity) -> Figure:
    """Draw one axes per anchor: similarity over the label, training counts behind."""
    with style.styled():
        num = len(numbers.anchors)
        figure = style.new_figure(8.0, 1.2 + 2.7 * num)
        column = figure.subplots(num, 1, sharex=True, squeeze=False)[:, 0]
        for axes, anchor in zip(column, numbers.anchors, strict=True):
            _draw_training_counts(axes, numbers)
            _draw_anchor(axes, numbers, anchor)
        column[0].legend(loc="lower left", bbox_to_anchor=(0, 1.12), ncols=1)
        column[-1].set_xlabel(with_unit("label", numbers.unit))
        filled = np.flatnonzero((numbers.train > 0) | np.isfinite(numbers.places))
        column[-1].set_xlim(numbers.edges[filled[0]], numbers.edges[filled[-1] + 1])
        note = "dot: among the anchor's own samples; bars: training labels"
        style.note(figure, f"{note}\n{numbers.note}")
        return figure


def _draw_training_counts(axes: Axes, numbers: FeatureSimilarity) -> None:
    behind = axes.twinx()
    centres = (numbers.edges[1:] + numbers.edges[:-1]) / 2
    behind.bar(centres, numbers.train, width=np.diff(numbers.edges), color=style.GRID)
    behind.set_axis_off()
    # the later axes are drawn over the first ones by default
    axes.set_zorder(behind.get_zorder() + 1)
    axes.patch.set_visible(False)


def _draw_anchor(axes: Axes, numbers: FeatureSimilarity, anchor: Anchor) -> None:
    colors = base_and_best_colors(len(numbers.points))
    for label, similarity, color in zip(numbers.points, anchor.similarities, colors, strict=True):
        filled = np.isfinite(similarity)
        wrapped = style.wrapped(label, 60, 2)
        axes.plot(numbers.places[filled], similarity[filled], color=color, label=wrapped)
        axes.plot([anchor.place], [similarity[anchor.bin]], "o", color=color, markersize=7)
    num = numbers.train[anchor.bin]
    title = f"anchor {anchor.place:.3g}, {anchor.region}-shot ({num:,} training labels)"
    axes.set_title(title, fontsize=10, loc="left")
    axes.set_ylabel("cosine similarity")


PLOT = Plot(
    title="Feature similarity",
    caption=(
        "Mean cosine similarity between the test features of an anchor label and those of all "
        "other labels. After RankSim (Gong et al., ICML 2022), Fig. 4."
    ),
    order=50,
    numbers=numbers,
    draw=draw,
)
