"""Test features in two dimensions by label: RankSim, Fig. 2, and ConR, Figs. 4, 5 and 13.

t-SNE (van der Maaten and Hinton, JMLR 2008) of scikit-learn, started from the principal components,
with a fixed seed and one thread, so that the same features give the same picture everywhere. It
shows neighbourhoods; distances between far groups and the orientation have no meaning.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dirsweep.analysis.compared_points import ComparedPoints, compared_points
from dirsweep.analysis.feature_spaces import TrialFeatures, feature_spaces
from dirsweep.report import figure_style as style
from dirsweep.report.axis_labels import label_unit_of, with_unit
from dirsweep.report.figure_notes import features_note, sentences, starred
from dirsweep.report.figure_parts import grid_of_squares
from dirsweep.report.plot import EmptyPlotError, Plot
from dirsweep.run.reader import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: samples shown, for the sake of the page's size and a few seconds of computing
MAX_SAMPLES = 1000
#: samples below which there are no neighbourhoods
MIN_SAMPLES = 20
NUM_ITERATIONS = 500
#: principal components that t-SNE starts from, as its authors advise
NUM_COMPONENTS = 50


@dataclass(frozen=True)
class Embedding:
    """The embedding of one point.

    Attributes:
        label: how the point differs from the base.
        places: (S, 2) of the samples, centred, without unit.
    """

    label: str
    places: NDArray[np.float64]


@dataclass(frozen=True)
class Tsne:
    """What ``draw`` needs.

    Attributes:
        unit: unit of the labels; empty where unknown.
        labels: (S,) label unit.
        num_samples: samples of the test split; S or more.
        points: the compared points that have features.
        note: which points are compared, and of which seed their features are.
    """

    unit: str
    labels: NDArray[np.float64]
    num_samples: int
    points: list[Embedding]
    note: str


def numbers(run: Run, study: str, compared: ComparedPoints | None = None) -> Tsne:
    """Embed at most ``MAX_SAMPLES`` test samples under each point.

    Args:
        run: the run.
        study: its key in the sweep file.
        compared: by default the baseline and the best point.

    Raises:
        EmptyPlotError: there are no stored features, or too few samples.
    """
    compared = compared or compared_points(run, study)
    spaces = feature_spaces(run, study, compared)
    if spaces is None:
        raise EmptyPlotError("no trial has stored features")
    if len(spaces.labels) < MIN_SAMPLES:
        raise EmptyPlotError(f"fewer than {MIN_SAMPLES} samples have features")
    shown = spread_over_labels(spaces.labels, MAX_SAMPLES)
    points = [
        Embedding(starred(trial.label, trial.chosen), _embedded_once(run, trial, shown))
        for trial in spaces.trials
    ]
    return Tsne(
        unit=label_unit_of(run),
        labels=spaces.labels[shown],
        num_samples=len(spaces.labels),
        points=points,
        note=features_note(compared, spaces),
    )


def spread_over_labels(labels: NDArray[np.float64], num: int) -> NDArray[np.int64]:
    """Choose at most ``num`` of the (S,) samples, evenly from their order by label."""
    order = np.argsort(labels, kind="stable")
    if len(order) <= num:
        return order
    return order[np.linspace(0, len(order) - 1, num).round().astype(np.int64)]


def _embedded_once(run: Run, trial: TrialFeatures, shown: NDArray[np.int64]) -> NDArray[np.float64]:
    """``embedded``, computed once per run, because studies share their base."""
    key = ("tsne", trial.trial_id, shown.tobytes())
    return run.once(key, lambda: embedded(trial.features[shown]))


def principal_components(centred: NDArray[np.float64], num: int) -> NDArray[np.float64]:
    """Project samples onto the directions of largest variance, the largest last.

    Args:
        centred: (S, D) with mean 0.
        num: number of directions.

    Returns:
        (S, num), computed from the smaller of both scatter matrices.
    """
    if centred.shape[1] <= centred.shape[0]:
        _, directions = np.linalg.eigh(centred.T @ centred)
        along: NDArray[np.float64] = centred @ directions[:, -num:]
    else:
        squares, directions = np.linalg.eigh(centred @ centred.T)
        along = directions[:, -num:] * np.sqrt(np.maximum(squares[-num:], 0.0))
    return along


def embedded(features: NDArray[np.float32]) -> NDArray[np.float64]:
    """Embed (S, D) features in two dimensions."""
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
    """Draw the points side by side, with one colour scale for the labels."""
    with style.styled():
        grid = grid_of_squares(
            len(numbers.points), "first t-SNE dimension", "second t-SNE dimension"
        )
        scale = label_scale(numbers.labels)
        for axes, point in zip(grid.panels, numbers.points, strict=True):
            x, y = point.places.T
            dots = axes.scatter(x, y, c=numbers.labels, s=9, linewidths=0, **scale)
            axes.set_title(style.wrapped(point.label, 38, 2))
            axes.set_aspect("equal", adjustable="datalim")
        bar = grid.figure.colorbar(dots, ax=grid.panels, shrink=0.8)
        bar.set_label(with_unit("label", numbers.unit))
        if is_long_tailed(numbers.labels):
            bar.set_ticks(label_quantiles(numbers.labels).tolist())
            bar.ax.yaxis.set_major_formatter(lambda label, _: style.short_number(label))
            bar.ax.minorticks_off()
        return grid.figure


def is_long_tailed(labels: NDArray[np.float64]) -> bool:
    """Return whether the middle 80 % of the labels lie in less than a third of their range."""
    low, high = np.quantile(labels, (0.1, 0.9))
    return bool(high - low < np.ptp(labels) / 3)


def label_quantiles(labels: NDArray[np.float64], num: int = 9) -> NDArray[np.float64]:
    """Return ``num`` quantiles of the labels, from the smallest to the largest, each once."""
    return np.unique(np.quantile(labels, np.linspace(0, 1, num)))


def label_scale(labels: NDArray[np.float64]) -> dict[str, Any]:
    """Return colour map and scale of the labels; the quantiles of a long tail get equal steps."""
    import matplotlib
    from matplotlib.colors import FuncNorm, ListedColormap

    # its ends would vanish on a dark and on a white page
    colors = ListedColormap(matplotlib.colormaps["plasma"](np.linspace(0.2, 0.92, 200)))
    quantiles = label_quantiles(labels)
    if not is_long_tailed(labels) or len(quantiles) < 3:
        return {"cmap": colors}
    steps = np.linspace(0, 1, len(quantiles))
    to_step = partial(np.interp, xp=quantiles, fp=steps)
    to_label = partial(np.interp, xp=steps, fp=quantiles)
    scale = FuncNorm((to_step, to_label), vmin=quantiles[0], vmax=quantiles[-1])
    return {"cmap": colors, "norm": scale}


def caption(numbers: Tsne) -> str:
    """Say what is drawn."""
    shown = ""
    if len(numbers.labels) < numbers.num_samples:
        num = f"{len(numbers.labels):,} of {numbers.num_samples:,} samples"
        shown = f"Drawn are {num}, evenly over the order of their labels."
    tail = ""
    if is_long_tailed(numbers.labels):
        tail = "The labels have a long tail, so equal steps of colour hold equally many samples."
    return sentences(
        "Test features in two dimensions by t-SNE, which keeps neighbours together; one dot per "
        "sample, coloured by its label. Where colours change smoothly, neighbours by feature are "
        "neighbours by label; axes have no unit, and distances between far groups no meaning.",
        tail,
        shown,
        numbers.note,
    )


PLOT = Plot(
    title="t-SNE of the features",
    caption=caption,
    source=(
        "After RankSim (Gong et al., ICML 2022), Fig. 2, and ConR (Keramati et al., ICLR 2024), "
        "Figs. 4, 5 and 13."
    ),
    order=130,
    numbers=numbers,
    numbers_of=numbers,
    draw=draw,
    dimensionless=("first t-SNE dimension", "second t-SNE dimension"),
)
