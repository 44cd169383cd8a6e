r"""Ranking matrices of RankSim, Fig. 3: are neighbours by label neighbours by feature?

The test samples are split into batches of 32, each sorted by label. In a batch every row of
:math:`S^y_{ij} = -|y_i - y_j|` and of :math:`S^z_{ij} = \cos(z_i, z_j)` is ranked (Eq. 1:
:math:`1 + |\{k: a_k > a_j\}|`, so the nearest has rank 1); the matrix is the mean of the ranks over
all batches (Appendix C.3).

Source: Gong et al., ICML 2022, Fig. 3, Eqs. 1 and 4. The paper leaves open which samples share a
batch; here one fixed shuffle decides. The number above a matrix is Spearman's correlation between
the label ranks and the feature ranks of an anchor's neighbours, without the anchor itself, averaged
over all anchors: 1 where both orders agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dirsweep.analysis.compared_points import ComparedPoints, compared_points
from dirsweep.analysis.feature_spaces import feature_spaces
from dirsweep.report import figure_style as style
from dirsweep.report.figure_notes import features_note, sentences, starred
from dirsweep.report.figure_parts import grid_of_squares
from dirsweep.report.plot import EmptyPlotError, Plot
from dirsweep.run.reader import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]

#: samples in a batch, as in the paper
BATCH = 32
#: more batches would change no pixel
MAX_BATCHES = 200
#: samples below which a matrix says nothing
MIN_SAMPLES = 8


@dataclass(frozen=True)
class FeatureRanks:
    """The feature ranks of one point.

    Attributes:
        label: how the point differs from the base.
        ranks: (B, B) mean ranks by cosine similarity.
        correlation: agreement with the label ranks, between -1 and 1.
    """

    label: str
    ranks: Floats
    correlation: float


@dataclass(frozen=True)
class RankingMatrices:
    """What ``draw`` needs.

    Attributes:
        label_ranks: (B, B) mean ranks by label; row: anchor, column: neighbour, both by ascending
            label.
        points: the compared points that have features.
        num_batches: number of batches behind the means.
        note: which points are compared, and of which seed their features are.
    """

    label_ranks: Floats
    points: list[FeatureRanks]
    num_batches: int
    note: str


def numbers(run: Run, study: str, compared: ComparedPoints | None = None) -> RankingMatrices:
    """Rank the test samples under each point.

    Args:
        run: the run.
        study: its key in the sweep file.
        compared: by default the baseline and the best point.

    Raises:
        EmptyPlotError: there are no stored features, too few samples, or a single label.
    """
    compared = compared or compared_points(run, study)
    spaces = feature_spaces(run, study, compared)
    if spaces is None:
        raise EmptyPlotError("no trial has stored features")
    if len(spaces.labels) < MIN_SAMPLES or np.ptp(spaces.labels) == 0:
        raise EmptyPlotError(f"fewer than {MIN_SAMPLES} samples with features, or a single label")
    batches = batches_of(spaces.labels)
    sorted_labels = spaces.labels[batches]  # (M, B)
    by_label = -np.abs(sorted_labels[:, :, None] - sorted_labels[:, None, :])  # (M, B, B)
    points = []
    for trial in spaces.trials:
        directions = trial.directions[batches]  # (M, B, D)
        by_feature = directions @ directions.transpose(0, 2, 1)
        label = starred(trial.label, trial.chosen)
        mean_ranks = ranks(by_feature).mean(axis=0)
        points.append(FeatureRanks(label, mean_ranks, agreement(by_label, by_feature)))
    label_ranks = ranks(by_label).mean(axis=0)
    note = features_note(compared, spaces)
    return RankingMatrices(label_ranks, points, len(batches), note)


def batches_of(labels: Floats) -> NDArray[np.int64]:
    """Split samples into shuffled batches, each sorted by label.

    Args:
        labels: (S,) label unit.

    Returns:
        (M, B) sample numbers; a remainder smaller than a batch is left out.
    """
    size = min(BATCH, len(labels))
    order = np.random.default_rng(0).permutation(len(labels))
    batches = order[: len(order) // size * size].reshape(-1, size)[:MAX_BATCHES]
    by_label = np.argsort(labels[batches], axis=1, kind="stable")
    sorted_batches: NDArray[np.int64] = np.take_along_axis(batches, by_label, axis=1)
    return sorted_batches


def ranks(similarities: Floats) -> Floats:
    """Rank each row of (..., B): the largest has 1, equal ones share the smaller rank (Eq. 1)."""
    found: Floats = 1.0 + (similarities[..., None, :] > similarities[..., :, None]).sum(axis=-1)
    return found


def agreement(by_label: Floats, by_feature: Floats) -> float:
    """Average Spearman's correlation of each row, without its anchor, over all rows.

    Args:
        by_label: (M, B, B) similarities of labels.
        by_feature: (M, B, B) similarities of features; ties share their mean rank.

    Returns:
        Between -1 and 1; NaN where no row has two different values on both sides.
    """
    size = by_label.shape[-1]
    others = ~np.eye(size, dtype=np.bool_)
    centred = []
    for similarities in (by_label, by_feature):
        rest = similarities[:, others].reshape(-1, size - 1)
        # a mean rank lies half of the ties above the smallest one
        ties = (rest[..., None, :] == rest[..., :, None]).sum(axis=-1)
        found = ranks(rest) + (ties - 1) / 2
        centred.append(found - found.mean(axis=-1, keepdims=True))
    first, second = centred
    lengths = np.sqrt(np.square(first).sum(axis=-1) * np.square(second).sum(axis=-1))
    correlations = (first * second).sum(axis=-1)[lengths > 0] / lengths[lengths > 0]
    return float(correlations.mean()) if len(correlations) else float("nan")


def draw(numbers: RankingMatrices) -> Figure:
    """Draw the label ranks, then each point's feature ranks, in one colour scale."""
    with style.styled():
        shown = [("by label", numbers.label_ranks)]
        for point in numbers.points:
            label = style.wrapped(point.label, 36, 2)
            shown.append((f"{label}\n{_agreement(point.correlation)}", point.ranks))
        grid = grid_of_squares(
            len(shown), "neighbour, by ascending label", "anchor, by ascending label"
        )
        size = len(numbers.label_ranks)
        for axes, (title, matrix) in zip(grid.panels, shown, strict=True):
            image = axes.imshow(matrix, cmap="cividis", vmin=1, vmax=size, interpolation="nearest")
            axes.set_title(title)
        grid.figure.colorbar(image, ax=grid.panels, label="rank (1: nearest)", shrink=0.75)
        return grid.figure


def _agreement(correlation: float) -> str:
    if np.isnan(correlation):
        return "agreement undefined: all features are equal"
    return f"agreement with labels {round(correlation, 2) + 0.0:.2f}"  # no minus zero


def caption(numbers: RankingMatrices) -> str:
    """Say what is drawn."""
    batches = f"{numbers.num_batches} batch{'es' if numbers.num_batches > 1 else ''}"
    return sentences(
        "Each row ranks the samples of a batch by their nearness to an anchor: in the first matrix "
        "by label, in the others by the cosine similarity of the test features. The more a matrix "
        "looks like the first, the better features keep the order of the labels. Ranks are means "
        f"over {batches} of {len(numbers.label_ranks)} samples; the agreement is "
        "Spearman's correlation of both ranks, mean over anchors, 1 where both orders are the "
        "same.",
        numbers.note,
    )


PLOT = Plot(
    title="Ranking matrices",
    caption=caption,
    source="After RankSim (Gong et al., ICML 2022), Fig. 3.",
    order=100,
    numbers=numbers,
    numbers_of=numbers,
    draw=draw,
    dimensionless=("neighbour", "anchor"),
)
