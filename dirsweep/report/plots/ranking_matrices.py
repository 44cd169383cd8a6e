r"""Whether neighbours by label are neighbours by feature: the ranking matrices of RankSim, Fig. 3.

Test samples in batches of 32, each sorted by label. In a batch every row of :math:`S^y_{ij} = -|y_i
- y_j|` and of :math:`S^z_{ij} = \cos(z_i, z_j)` is ranked (Eq. 1: :math:`1 + |\{k: a_k > a_j\}|`,
  so the nearest has rank 1); shown is
the mean of the ranks over all batches (Appendix C.3).

Source: Gong et al., ICML 2022, Fig. 3, Eqs. 1 and 4. Which samples share a batch is left open
    there; here one fixed
shuffle decides. The number beside a matrix is Spearman's correlation between the label ranks and
the feature ranks of an anchor's neighbours, the anchor itself left out, mean over all anchors: 1
where both orders agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dirsweep.report.plots import _style as style
from dirsweep.report.plots._features import feature_spaces
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
    """One point: (B, B) mean ranks by cosine similarity, and their agreement with the label ranks,
    between -1 and 1.
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
        points: the base and the best; only one when they are the same or one has no features.
        num_batches: behind the means.
    """

    title: str
    synthetic: bool
    label_ranks: Floats
    points: list[FeatureRanks]
    num_batches: int
    note: str


def numbers(run: Run, study: str) -> RankingMatrices | None:
    """Ranks of the base and the best point on test; None without stored features."""
    spaces = feature_spaces(run, study)
    if spaces is None or len(spaces.labels) < MIN_SAMPLES or np.ptp(spaces.labels) == 0:
        return None
    batches = batches_of(spaces.labels)
    sorted_labels = spaces.labels[batches]  # (M, B)
    by_label = -np.abs(sorted_labels[:, :, None] - sorted_labels[:, None, :])  # (M, B, B)
    points = []
    for trial in spaces.trials:
        directions = trial.directions[batches]  # (M, B, D)
        by_feature = directions @ directions.transpose(0, 2, 1)
        points.append(
            FeatureRanks(
                trial.label, ranks(by_feature).mean(axis=0), agreement(by_label, by_feature)
            )
        )
    return RankingMatrices(
        f"ranking matrices · {study} · {run.name}",
        run.synthetic,
        ranks(by_label).mean(axis=0),
        points,
        len(batches),
        spaces.note,
    )


def batches_of(labels: Floats) -> NDArray[np.int64]:
    """(S,) labels -> (M, B) sample numbers, every row by ascending label; a rest smaller than a
    batch is left out.
    """
    size = min(BATCH, len(labels))
    order = np.random.default_rng(0).permutation(len(labels))
    batches = order[: len(order) // size * size].reshape(-1, size)[:MAX_BATCHES]
    by_label = np.argsort(labels[batches], axis=1, kind="stable")
    sorted_batches: NDArray[np.int64] = np.take_along_axis(batches, by_label, axis=1)
    return sorted_batches


def ranks(similarities: Floats) -> Floats:
    """Each row's ranks, (..., B) -> (..., B): the largest has 1, equal ones share the smaller rank
    (Eq. 1).
    """
    found: Floats = 1.0 + (similarities[..., None, :] > similarities[..., :, None]).sum(axis=-1)
    return found


def agreement(by_label: Floats, by_feature: Floats) -> float:
    """Spearman's correlation of each row without its anchor (ties share their mean rank), mean over
    all rows.

    Args:
        by_label, by_feature: (M, B, B) similarities.
    Returns: NaN where no row has two different values on both sides.
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
    """The label ranks first, then each point's feature ranks, one colour scale for all."""
    with style.styled():
        shown = [("by label", numbers.label_ranks)]
        for point in numbers.points:
            said = f"agreement with labels {point.correlation:.2f}"
            shown.append((f"{style.wrapped(point.label, 40, 2)}\n{said}", point.ranks))
        figure = style.new_figure(
            0.9 + 3.7 * len(shown), 4.6, title=numbers.title, synthetic=numbers.synthetic
        )
        row = figure.subplots(1, len(shown), squeeze=False)[0]
        size = len(numbers.label_ranks)
        for axes, (title, matrix) in zip(row, shown, strict=True):
            image = axes.imshow(matrix, cmap="cividis", vmin=1, vmax=size, interpolation="nearest")
            axes.set_title(title, fontsize=10)
            axes.set_xlabel("neighbour, by ascending label")
            axes.grid(visible=False)
            axes.set_xticks([])
            axes.set_yticks([])
        row[0].set_ylabel("anchor, by ascending label")
        figure.colorbar(image, ax=list(row), label="rank (1: the nearest)", shrink=0.75)
        batches = f"{numbers.num_batches} batch{'es' if numbers.num_batches > 1 else ''} of {size}"
        style.note(
            figure,
            f"mean ranks over {batches}; agreement: Spearman, mean over anchors\n{numbers.note}",
        )
        return figure
