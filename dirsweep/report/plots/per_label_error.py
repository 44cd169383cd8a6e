"""Where on the label range the error lies: the best point beside the base, test split."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dirsweep.report.frames import PointSummary, best_point, objective_column, study_summary
from dirsweep.report.plots import _style as style
from dirsweep.store.reader import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: about so many bins over the label range
NUM_BINS = 25


@dataclass(frozen=True)
class ErrorLine:
    """One point: (S, B) mean absolute test error per seed and bin, NaN where a bin is empty."""

    label: str
    by_seed: NDArray[np.float64]

    @property
    def mean(self) -> NDArray[np.float64]:
        """(B,) over seeds."""
        return np.asarray(self.by_seed.mean(axis=0))

    @property
    def deviation(self) -> NDArray[np.float64]:
        """(B,) sample deviation over seeds, 0 for one seed."""
        if len(self.by_seed) < 2:
            return np.zeros(self.by_seed.shape[1])
        return np.asarray(self.by_seed.std(axis=0, ddof=1))


@dataclass(frozen=True)
class PerLabelError:
    """What ``draw`` needs.

    Attributes:
        edges: (B + 1,) bins over the test labels, label unit.
        counts: (B,) test samples.
        lines: the base (or the first point) and the best; only one when they are the same.
    """

    title: str
    synthetic: bool
    edges: NDArray[np.float64]
    counts: NDArray[np.int64]
    lines: list[ErrorLine]


def numbers(run: Run, study: str) -> PerLabelError | None:
    """Binned mean absolute errors; None without a complete point or without test predictions."""
    points = [point for point in study_summary(run.trials(), study) if not point.preliminary]
    best = best_point(points, objective_column(run.objective))
    if best is None:
        return None
    base = next((point for point in points if not point.overrides), points[0])
    compared = [base, best] if base.index != best.index else [best]
    found = [(point, errors) for point in compared if (errors := _test_predictions(run, point))]
    if not found:
        return None
    labels = np.concatenate([labels for _, seeds in found for labels, _ in seeds])
    edges = nice_edges(float(labels.min()), float(labels.max()))
    lines = [ErrorLine(("★ " if point is best else "") + point.label, np.stack([_binned(*s, edges) for s in seeds]))
             for point, seeds in found]  # fmt: skip
    counts = np.histogram(found[0][1][0][0], edges)[0]
    return PerLabelError(f"{study} · {run.name}", run.synthetic, edges, counts.astype(np.int64), lines)


def _test_predictions(run: Run, point: PointSummary) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """(labels, predictions) of each seed of the point, NaN predictions left out."""
    table = run.predictions()
    found = []
    for trial in point.trial_ids.values():
        mask = pc.and_(pc.equal(table["trial_id"], trial), pc.equal(table["split"], "test"))
        rows = table.filter(mask)
        labels = rows["label"].cast(pa.float64()).to_numpy().astype(np.float64)
        preds = rows["prediction"].cast(pa.float64()).to_numpy().astype(np.float64)
        whole = np.isfinite(labels) & np.isfinite(preds)
        if whole.any():
            found.append((labels[whole], preds[whole]))
    return found


def nice_edges(low: float, high: float) -> NDArray[np.float64]:
    """About ``NUM_BINS`` bins whose width is 1, 2 or 5 times a power of ten, over [low, high]."""
    if high <= low:
        return np.array([low - 0.5, low + 0.5])
    raw = (high - low) / NUM_BINS
    power = 10.0 ** np.floor(np.log10(raw))
    width = power * min((1, 2, 5, 10), key=lambda step: abs(np.log(step * power / raw)))
    # a label on the highest edge belongs to the last bin
    first, last = np.floor(low / width + 1e-9), np.ceil(high / width - 1e-9)
    return np.asarray(width * np.arange(first, last + 1))


def _binned(labels: NDArray[np.float64], preds: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    bins = np.clip(np.searchsorted(edges, labels, side="right") - 1, 0, len(edges) - 2)
    counts = np.bincount(bins, minlength=len(edges) - 1)
    sums = np.bincount(bins, weights=np.abs(preds - labels), minlength=len(edges) - 1)
    means = np.full(len(edges) - 1, np.nan)
    np.divide(sums, counts, out=means, where=counts > 0)
    return means


def draw(numbers: PerLabelError) -> Figure:
    """Errors above, test samples below, on one label axis."""
    with style.styled():
        figure = style.new_figure(8.0, 5.0, title=numbers.title, synthetic=numbers.synthetic)
        errors, samples = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
        centres = (numbers.edges[1:] + numbers.edges[:-1]) / 2
        colors = (style.GREY, style.BLUE) if len(numbers.lines) == 2 else (style.BLUE,)
        for line, color, marker in zip(numbers.lines, colors, style.MARKERS, strict=False):
            filled = np.isfinite(line.mean)
            low, high = line.mean - line.deviation, line.mean + line.deviation
            errors.fill_between(centres[filled], low[filled], high[filled], color=color, alpha=0.15, linewidth=0)
            errors.plot(centres[filled], line.mean[filled], color=color, marker=marker,
                        label=style.wrapped(line.label, 60, 2))  # fmt: skip
        errors.set_ylim(bottom=0)
        errors.set_ylabel("mean absolute error, test")
        errors.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=1)
        samples.bar(centres, numbers.counts, width=np.diff(numbers.edges) * 0.9, color=style.LIGHT)
        samples.set_ylabel("test samples")
        samples.set_xlabel("label")
        figure.align_ylabels([errors, samples])
        if any(len(line.by_seed) > 1 for line in numbers.lines):
            note = "band: sample deviation over seeds; ★ best by validation"
            figure.supxlabel(note, fontsize=8.5, color=style.GREY, x=0.01, ha="left")
        return figure
