r"""How alike the features of one label are to those of all others: RankSim, Fig. 4.

.. math:: s(a, y) = \text{mean over } i: y_i = a,\ j: y_j = y,\ i \ne j \text{ of } \cos(z_i, z_j)

Source: Gong et al., ICML 2022, Fig. 4, which shows anchors of a balanced training set; here one
    anchor lies in the
many-shot and one in the few-shot region (and one in the zero-shot region where there is one),
because that is where imbalance shows. A label is a bin of the benchmark. At the anchor itself (the
dot) the mean is over pairs of different samples; it falls smoothly to both sides where the order of
the labels is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dirsweep.report.plots import _style as style
from dirsweep.report.plots._features import FeatureSpaces, feature_spaces
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
        edges: (B + 1,) the benchmark's bins, label unit.
        train: (B,) training labels.
        places: (B,) mean test label of a bin, NaN where it has none.
        points: labels of the base and the best; only one when they are the same or one has no
            features.
    """

    title: str
    synthetic: bool
    edges: Floats
    train: NDArray[np.int64]
    places: Floats
    points: list[str]
    anchors: list[Anchor]
    note: str


def numbers(run: Run, study: str) -> FeatureSimilarity | None:
    """Similarities to an anchor of each region; None without stored features or label bins."""
    bins = run.bins()
    spaces = feature_spaces(run, study) if bins is not None else None
    if bins is None or spaces is None:
        return None
    places = bins.bin_of(spaces.labels)
    counts = np.bincount(places, minlength=bins.num_bins)
    sums = np.bincount(places, weights=spaces.labels, minlength=bins.num_bins)
    means = np.full(bins.num_bins, np.nan)
    np.divide(sums, counts, out=means, where=counts > 0)
    chosen = anchors_of(bins, counts)
    if not chosen or (counts > 0).sum() < 3:
        return None
    return FeatureSimilarity(
        title=f"feature similarity · {study} · {run.name}",
        synthetic=run.synthetic,
        edges=bins.edges,
        train=bins.train,
        places=means,
        points=[trial.label for trial in spaces.trials],
        anchors=_anchors(spaces, chosen, places, means),
        note=spaces.note,
    )


def anchors_of(bins: Bins, counts: NDArray[np.int64]) -> dict[str, int]:
    """Region -> bin: the many-shot one with the most training labels; elsewhere the one with the
    most test samples, of equals the one with the fewest training labels. Only bins with two test
    samples or more.

    Args:
        counts: (B,) test samples with features.
    """
    found = {}
    for region in ANCHORS:
        able = np.flatnonzero((bins.regions == region) & (counts >= 2))
        if len(able):
            keys = (-bins.train[able],) if region == "many" else (bins.train[able], -counts[able])
            found[region] = int(able[np.lexsort(keys)[0]])
    return found


def similarities_to(
    directions: Floats, places: NDArray[np.int64], anchor: int, num_bins: int
) -> Floats:
    """(B,) mean cosine similarity of the anchor's samples to those of each bin, pairs of one sample
    left out.

    Args:
        directions: (S, D) features of length 1.
        places: (S,) bin of each sample.
        anchor: a bin with at least two samples.
    """
    counts = np.bincount(places, minlength=num_bins)
    towards = directions[places == anchor].sum(axis=0)
    # the mean over pairs is linear in each side
    sums = np.bincount(places, weights=directions @ towards, minlength=num_bins)
    pairs = counts * counts[anchor]
    sums[anchor] -= counts[anchor]  # each sample with itself: 1
    pairs[anchor] -= counts[anchor]
    found = np.full(num_bins, np.nan)
    np.divide(sums, pairs, out=found, where=pairs > 0)
    return found


def _anchors(
    spaces: FeatureSpaces, chosen: dict[str, int], places: NDArray[np.int64], means: Floats
) -> list[Anchor]:
    directions = [trial.directions for trial in spaces.trials]
    return [
        Anchor(
            region,
            bin_,
            float(means[bin_]),
            [similarities_to(of, places, bin_, len(means)) for of in directions],
        )
        for region, bin_ in chosen.items()
    ]


def draw(numbers: FeatureSimilarity) -> Figure:
    """One axes per anchor: similarity over the label, training counts behind."""
    with style.styled():
        num = len(numbers.anchors)
        figure = style.new_figure(
            8.0, 1.2 + 2.7 * num, title=numbers.title, synthetic=numbers.synthetic
        )
        column = figure.subplots(num, 1, sharex=True, squeeze=False)[:, 0]
        for axes, anchor in zip(column, numbers.anchors, strict=True):
            _draw_anchor(axes, numbers, anchor)
        column[0].legend(loc="lower left", bbox_to_anchor=(0, 1.12), ncols=1)
        column[-1].set_xlabel("label")
        there = np.flatnonzero((numbers.train > 0) | np.isfinite(numbers.places))
        column[-1].set_xlim(numbers.edges[there[0]], numbers.edges[there[-1] + 1])
        style.note(
            figure, f"dot: among the anchor's own samples; bars: training labels\n{numbers.note}"
        )
        return figure


def _draw_anchor(axes: Axes, numbers: FeatureSimilarity, anchor: Anchor) -> None:
    behind = axes.twinx()
    behind.bar(
        (numbers.edges[1:] + numbers.edges[:-1]) / 2,
        numbers.train,
        width=np.diff(numbers.edges),
        color=style.GRID,
    )
    behind.set_axis_off()
    # the bars' axes are drawn after, so over, the first ones unless told otherwise
    axes.set_zorder(behind.get_zorder() + 1)
    axes.patch.set_visible(False)
    colors = (style.GREY, style.BLUE) if len(numbers.points) == 2 else (style.BLUE,)
    for label, similarity, color in zip(numbers.points, anchor.similarities, colors, strict=True):
        filled = np.isfinite(similarity)
        axes.plot(
            numbers.places[filled],
            similarity[filled],
            color=color,
            label=style.wrapped(label, 60, 2),
        )
        axes.plot([anchor.place], [similarity[anchor.bin]], "o", color=color, markersize=7)
    axes.set_title(
        f"anchor {anchor.place:.3g}, {anchor.region}-shot ({numbers.train[anchor.bin]:,} training labels)",
        fontsize=10,
        loc="left",
    )
    axes.set_ylabel("cosine similarity")
