"""The test features in two dimensions, coloured by label: RankSim, Fig. 2, and ConR, Fig. 4.

t-SNE (van der Maaten and Hinton, JMLR 2008) as scikit-learn has it, started from the principal
components, with a fixed
seed and one thread: the same features give the same picture everywhere. It shows neighbourhoods;
    distances between far
groups and the orientation mean nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dirsweep.report.plots import _style as style
from dirsweep.report.plots._features import Featured, feature_spaces
from dirsweep.run.reader import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: samples shown: what a page and a few seconds can hold
MAX_SAMPLES = 1000
#: samples below which there are no neighbourhoods
MIN_SAMPLES = 20
NUM_ITERATIONS = 500
#: principal components that t-SNE starts from, as its authors advise
NUM_COMPONENTS = 50


@dataclass(frozen=True)
class Embedding:
    """One point: (S, 2) places of the samples, centred, without unit."""

    label: str
    places: NDArray[np.float64]


@dataclass(frozen=True)
class Tsne:
    """What ``draw`` needs.

    Attributes:
        labels: (S,) label unit.
        num_samples: of the test split; S or more.
        points: the base and the best; only one when they are the same or one has no features.
    """

    title: str
    synthetic: bool
    labels: NDArray[np.float64]
    num_samples: int
    points: list[Embedding]
    note: str


def numbers(run: Run, study: str) -> Tsne | None:
    """Places of at most ``MAX_SAMPLES`` test samples under the base and the best point; None
    without features.
    """
    spaces = feature_spaces(run, study)
    if spaces is None or len(spaces.labels) < MIN_SAMPLES:
        return None
    shown = spread_over_labels(spaces.labels, MAX_SAMPLES)
    points = [Embedding(trial.label, _kept(run, trial, shown)) for trial in spaces.trials]
    return Tsne(
        f"t-SNE of the features · {study} · {run.name}",
        run.synthetic,
        spaces.labels[shown],
        len(spaces.labels),
        points,
        spaces.note,
    )


def spread_over_labels(labels: NDArray[np.float64], num: int) -> NDArray[np.int64]:
    """Numbers of at most ``num`` of the (S,) samples, taken evenly from their order by label."""
    order = np.argsort(labels, kind="stable")
    if len(order) <= num:
        return order
    return order[np.linspace(0, len(order) - 1, num).round().astype(np.int64)]


def _kept(run: Run, trial: Featured, shown: NDArray[np.int64]) -> NDArray[np.float64]:
    """``embedded``, once per run: studies share their base."""
    key = ("tsne", trial.trial_id, shown.tobytes())
    return run.once(key, lambda: embedded(trial.features[shown]))


def principal_components(centred: NDArray[np.float64], num: int) -> NDArray[np.float64]:
    """(S, D) with mean 0 -> (S, ``num``) along the directions of largest variance, by the smaller
    of both scatters.
    """
    if centred.shape[1] <= centred.shape[0]:
        _, directions = np.linalg.eigh(centred.T @ centred)
        along: NDArray[np.float64] = centred @ directions[:, -num:]
    else:
        squares, directions = np.linalg.eigh(centred @ centred.T)
        along = directions[:, -num:] * np.sqrt(np.maximum(squares[-num:], 0.0))
    return along


def embedded(features: NDArray[np.float32]) -> NDArray[np.float64]:
    """(S, D) -> (S, 2)."""
    from sklearn.manifold import TSNE  # slow to import
    from threadpoolctl import threadpool_limits

    centred = features.astype(np.float64) - features.mean(axis=0, dtype=np.float64)
    if min(centred.shape) > NUM_COMPONENTS:
        centred = principal_components(centred, NUM_COMPONENTS)
    if not np.ptp(centred, axis=0).any():
        return np.zeros((len(centred), 2))  # one feature for all
    perplexity = min(30.0, (len(centred) - 1) / 3)
    with threadpool_limits(1):  # sums over threads would depend on their number
        found: NDArray[np.floating] = TSNE(
            init="pca", random_state=0, perplexity=perplexity, max_iter=NUM_ITERATIONS, n_jobs=1
        ).fit_transform(centred)
    return found.astype(np.float64)


def draw(numbers: Tsne) -> Figure:
    """Points side by side, one colour scale for the labels."""
    import matplotlib
    from matplotlib.colors import ListedColormap

    with style.styled():
        # its ends would vanish on a dark and on a white page
        colors = ListedColormap(matplotlib.colormaps["plasma"](np.linspace(0.2, 0.92, 200)))
        num = len(numbers.points)
        figure = style.new_figure(
            1.0 + 4.0 * num, 4.9, title=numbers.title, synthetic=numbers.synthetic
        )
        row = figure.subplots(1, num, squeeze=False)[0]
        for axes, point in zip(row, numbers.points, strict=True):
            dots = axes.scatter(*point.places.T, c=numbers.labels, cmap=colors, s=9, linewidths=0)
            axes.set_title(style.wrapped(point.label, 44, 2), fontsize=10)
            axes.set_aspect("equal", adjustable="datalim")
            axes.grid(visible=False)
            axes.set_xticks([])
            axes.set_yticks([])
        figure.colorbar(dots, ax=list(row), label="label", shrink=0.8)
        few = len(numbers.labels) < numbers.num_samples
        shown = (
            f"{len(numbers.labels):,} of {numbers.num_samples:,} samples, evenly over the labels; "
            if few
            else ""
        )
        style.note(figure, f"{shown}{numbers.note}")
        return figure
