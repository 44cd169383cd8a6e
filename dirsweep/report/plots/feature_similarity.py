r"""How similar the features of one label are to those of all others: RankSim, Fig. 4.

.. math:: s(a, y) = \text{mean over } i: y_i = a,\ j: y_j = y,\ i \ne j \text{ of } \cos(z_i, z_j)

Source: Gong et al., ICML 2022, Fig. 4, which shows anchors of a balanced training set: one panel
per named point, one line per anchor. Where a person names no anchors, one is in the many-shot and
one in the few-shot region (and one in the zero-shot region where there is one), because that is
where imbalance shows; where nobody names points either, each anchor has a panel. A label is a bin
of the benchmark. At the anchor itself (the dot) the mean is over pairs of different samples; where
the order of the labels is kept, it falls smoothly to both sides.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dirsweep.analysis.compared_points import ComparedPoints, compared_points
from dirsweep.analysis.feature_spaces import FeatureSpaces, feature_spaces
from dirsweep.report import figure_style as style
from dirsweep.report.axis_labels import label_unit_of, with_unit
from dirsweep.report.figure_notes import features_note, sentences, starred
from dirsweep.report.figure_parts import comparison_colors, legend_above
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
        points: labels of the compared points that have features.
        anchors: those that a person named, or one per region.
        by_point: whether each point has a panel; otherwise each anchor has.
        note: which points are compared, and of which seed their features are.
    """

    unit: str
    edges: Floats
    train: NDArray[np.int64]
    places: Floats
    points: list[str]
    anchors: list[Anchor]
    by_point: bool
    note: str


def numbers(run: Run, study: str, compared: ComparedPoints | None = None) -> FeatureSimilarity:
    """Compute the similarities to the named anchors, or to one of each region.

    Args:
        run: the run.
        study: its key in the sweep file.
        compared: by default the baseline and the best point, with an anchor of each region.

    Raises:
        EmptyPlotError: there are no label bins, no stored features, or too few labels.
    """
    bins = run.bins()
    if bins is None:
        raise EmptyPlotError("the run has no label bins")
    compared = compared or compared_points(run, study)
    spaces = feature_spaces(run, study, compared)
    if spaces is None:
        raise EmptyPlotError("no trial has stored features")
    bin_of = bins.bin_of(spaces.labels)
    counts = np.bincount(bin_of, minlength=bins.num_bins)
    chosen = list(anchors_of(bins, counts).values())
    missing = ""
    if compared.anchors:
        chosen, missing = _named_anchors(bins, counts, compared.anchors)
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
        anchors=_anchors(spaces, bins, chosen, places),
        by_point=bool(compared.named or compared.anchors),
        note=sentences(missing, features_note(compared, spaces)),
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


def _named_anchors(
    bins: Bins, counts: NDArray[np.int64], labels: Sequence[float]
) -> tuple[list[int], str]:
    """Return the bins of labels, and a sentence on those with fewer than two test samples."""
    found = bins.bin_of(np.array(labels, dtype=np.float64)).tolist()
    few = [f"{label:g}" for label, place in zip(labels, found, strict=True) if counts[place] < 2]
    note = f"Fewer than two test samples have the label {' or '.join(few)}." if few else ""
    return list(dict.fromkeys(place for place in found if counts[place] >= 2)), note


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
    spaces: FeatureSpaces, bins: Bins, chosen: Sequence[int], places: Floats
) -> list[Anchor]:
    directions, bin_of = [trial.directions for trial in spaces.trials], bins.bin_of(spaces.labels)
    found = []
    for anchor in chosen:
        similarities = [similarities_to(of, bin_of, anchor, len(places)) for of in directions]
        region = str(bins.regions[anchor])
        found.append(Anchor(region, anchor, float(places[anchor]), similarities))
    return found


def draw(numbers: FeatureSimilarity) -> Figure:
    """Draw one axes per anchor or point: similarity over the label, training counts behind."""
    with style.styled():
        num = len(numbers.points) if numbers.by_point else len(numbers.anchors)
        figure = style.new_figure(style.NARROW, 1.2 + 2.7 * num)
        column = figure.subplots(num, 1, sharex=True, sharey=numbers.by_point, squeeze=False)[:, 0]
        for place, axes in enumerate(column):
            _draw_training_counts(axes, numbers)
            if numbers.by_point:
                _draw_point(axes, numbers, place)
            else:
                _draw_anchor(axes, numbers, numbers.anchors[place])
        _, labels = column[0].get_legend_handles_labels()
        legend_above(column[0], labels, style.NARROW - 1, has_title=True)
        column[-1].set_xlabel(with_unit("label", numbers.unit))
        filled = np.flatnonzero((numbers.train > 0) | np.isfinite(numbers.places))
        column[-1].set_xlim(numbers.edges[filled[0]], numbers.edges[filled[-1] + 1])
        return figure


def caption(numbers: FeatureSimilarity) -> str:
    """Say what is drawn."""
    panel = "point" if numbers.by_point else "anchor"
    return sentences(
        "Mean cosine similarity between the test features of an anchor label and those of every "
        f"other label, one panel per {panel}. Where features keep the order of the labels, a line "
        "falls smoothly to both sides of its anchor. The mark on it is the mean among the anchor's "
        "own samples; grey bars behind are the number of training labels.",
        numbers.note,
    )


def _draw_training_counts(axes: Axes, numbers: FeatureSimilarity) -> None:
    behind = axes.twinx()
    centres = (numbers.edges[1:] + numbers.edges[:-1]) / 2
    behind.bar(centres, numbers.train, width=np.diff(numbers.edges), color=style.GRID)
    behind.set_axis_off()
    # the later axes are drawn over the first ones by default
    axes.set_zorder(behind.get_zorder() + 1)
    axes.patch.set_visible(False)


def _draw_anchor(axes: Axes, numbers: FeatureSimilarity, anchor: Anchor) -> None:
    colors = comparison_colors(len(numbers.points))
    for label, similarity, color in zip(numbers.points, anchor.similarities, colors, strict=True):
        filled = np.isfinite(similarity)
        wrapped = style.wrapped(label, 60, 2)
        axes.plot(numbers.places[filled], similarity[filled], color=color, label=wrapped)
        axes.plot([anchor.place], [similarity[anchor.bin]], "o", color=color, markersize=7)
    num = numbers.train[anchor.bin]
    axes.set_title(f"{_named(anchor, numbers)} ({num:,} training labels)", loc="left")
    axes.set_ylabel("cosine similarity")


def _draw_point(axes: Axes, numbers: FeatureSimilarity, place: int) -> None:
    """Draw one line per anchor; at equal heights each has its own colour and marker."""
    looks = zip(itertools.cycle(style.LINES), itertools.cycle(style.MARKERS), strict=False)
    for anchor, (color, marker) in zip(numbers.anchors, looks, strict=False):
        similarity = anchor.similarities[place]
        filled = np.isfinite(similarity)
        label = _named(anchor, numbers)
        axes.plot(numbers.places[filled], similarity[filled], color=color, label=label)
        own: dict[str, Any] = {"color": color, "markersize": 8}
        axes.plot([anchor.place], [similarity[anchor.bin]], marker, **own)
    axes.set_title(style.wrapped(numbers.points[place], 60, 1), loc="left")
    axes.set_ylabel("cosine similarity")


def _named(anchor: Anchor, numbers: FeatureSimilarity) -> str:
    unit = f" {numbers.unit}" if numbers.unit else ""
    return f"anchor {style.short_number(anchor.place)}{unit}, {anchor.region}-shot"


PLOT = Plot(
    title="Feature similarity",
    caption=caption,
    source="After RankSim (Gong et al., ICML 2022), Fig. 4.",
    order=50,
    numbers=numbers,
    numbers_of=numbers,
    draw=draw,
    uses_anchors=True,
    dimensionless=("cosine similarity",),
)
