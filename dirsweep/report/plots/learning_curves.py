"""The objective on validation, epoch by epoch, one line per point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dirsweep.report.frames import PointSummary, best_point, objective_column, sorted_by_objective
from dirsweep.report.measured import points_of
from dirsweep.report.plots import _style as style
from dirsweep.report.tables import metric_title
from dirsweep.store.reader import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: points with a colour of their own, the best by validation; the rest is grey
MAX_COLORED = 6


@dataclass(frozen=True)
class Curve:
    """One point. ``mean[i]``, ``low[i]`` and ``high[i]`` are over the seeds that reached ``epochs[i]``.

    Attributes:
        chosen: mean over seeds of the epoch that was chosen, None when none was.
        rank: 0 for the best point by validation.
    """

    label: str
    epochs: NDArray[np.int64]
    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    num_seeds: int
    chosen: float | None
    rank: int


@dataclass(frozen=True)
class LearningCurves:
    """What ``draw`` needs; ``curves`` in the order of merit."""

    title: str
    y_label: str
    synthetic: bool
    curves: list[Curve]
    has_best: bool


def numbers(run: Run, study: str) -> LearningCurves | None:
    """Every point's validation metric per epoch; None when nobody validated more than once."""
    objective = objective_column(run.objective)
    table = run.epochs()
    if objective.name not in table.schema.names:
        return None
    points = points_of(run, study)
    by_trial = _by_trial(table, objective.name, [trial for point in points for trial in point.trial_ids.values()])
    best_epochs = _best_epochs(run.trials())
    curves: list[Curve] = []
    for point in sorted_by_objective(points, objective):
        curve = _curve(point, _counted(point, objective.name), by_trial, best_epochs, rank=len(curves))
        if curve is not None:
            curves.append(curve)
    if not any(len(curve.epochs) > 1 for curve in curves):
        return None
    return LearningCurves(
        title=f"{study} · {run.name}",
        y_label=f"validation {metric_title(objective.metric)}, {objective.region}",
        synthetic=run.synthetic,
        curves=curves,
        has_best=best_point(points, objective) is not None,
    )


def _by_trial(
    table: pa.Table, column: str, wanted: list[str]
) -> dict[str, tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """trial -> (epochs, values), both without the epochs that were not validated."""
    trial = table["trial_id"].cast(pa.string())
    mask = pc.and_(pc.is_in(trial, pa.array(wanted, pa.string())), pc.is_valid(table[column]))
    names = trial.filter(mask).to_numpy()
    epochs = table["epoch"].filter(mask).to_numpy().astype(np.int64)
    values = table[column].filter(mask).to_numpy().astype(np.float64)
    if not len(names):
        return {}
    # a trial's epochs stand together, so its rows are a slice
    starts = np.flatnonzero(np.concatenate([[True], names[1:] != names[:-1]]))
    ends = np.concatenate([starts[1:], [len(names)]])
    return {str(names[a]): (epochs[a:b], values[a:b]) for a, b in zip(starts, ends, strict=True)}


def _best_epochs(trials: pa.Table) -> dict[str, int]:
    pairs = zip(trials["trial_id"].to_pylist(), trials["best_epoch"].to_pylist(), strict=True)
    return {trial: epoch for trial, epoch in pairs if epoch is not None}


def _counted(point: PointSummary, column: str) -> list[str]:
    """The trials behind the point's figures; of a point without any those that have not failed."""
    if column in point.metrics:
        return [point.trial_ids[seed] for seed in point.metrics[column].by_seed]
    return [trial for seed, trial in point.trial_ids.items() if seed not in point.errors]


def _curve(
    point: PointSummary,
    trials: list[str],
    by_trial: dict[str, tuple[NDArray[np.int64], NDArray[np.float64]]],
    best_epochs: dict[str, int],
    rank: int,
) -> Curve | None:
    seeds = [by_trial[trial] for trial in trials if trial in by_trial]
    if not seeds:
        return None
    epochs = np.unique(np.concatenate([epochs for epochs, _ in seeds]))
    values = np.full((len(seeds), len(epochs)), np.nan)
    for row, (reached, found) in enumerate(seeds):
        values[row, np.searchsorted(epochs, reached)] = found
    chosen = [best_epochs[trial] for trial in trials if trial in best_epochs]
    return Curve(
        label=point.label + (" (pruned)" if point.preliminary and point.num_seeds else ""),
        epochs=epochs,
        mean=np.nanmean(values, axis=0),
        low=np.nanmin(values, axis=0),
        high=np.nanmax(values, axis=0),
        num_seeds=len(seeds),
        chosen=float(np.mean(chosen)) if chosen else None,
        rank=rank,
    )


def draw(numbers: LearningCurves) -> Figure:
    """Lines with the seeds' range, the best points in colour, a ring at each one's chosen epoch."""
    from matplotlib.ticker import MaxNLocator

    with style.styled():
        colored = numbers.curves[:MAX_COLORED]
        figure = style.new_figure(9.0, 4.6, title=numbers.title, synthetic=numbers.synthetic)
        axes = figure.subplots()
        for curve in numbers.curves[MAX_COLORED:]:
            axes.plot(curve.epochs + 1, curve.mean, color=style.LIGHT, linewidth=0.9, zorder=1)
        for curve in reversed(colored):
            color = style.LINES[curve.rank]
            first = curve.rank == 0 and numbers.has_best
            axes.fill_between(curve.epochs + 1, curve.low, curve.high, color=color, alpha=0.12, linewidth=0)
            axes.plot(
                curve.epochs + 1, curve.mean, color=color, linewidth=2.6 if first else 1.6, zorder=3 if first else 2,
                label=style.wrapped(("★ " if first else "") + curve.label, 28, 3),
                marker="o" if len(curve.epochs) == 1 else None,
            )  # fmt: skip
            if curve.chosen is not None:
                height = float(np.interp(curve.chosen, curve.epochs, curve.mean))
                axes.plot([curve.chosen + 1], [height], "o", markersize=8, markerfacecolor="white",
                          markeredgecolor=color, markeredgewidth=1.8, zorder=4)  # fmt: skip
        axes.set_xlabel("epochs trained")
        axes.set_ylabel(numbers.y_label)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        _cut_the_start(axes, colored)
        handles, labels = axes.get_legend_handles_labels()
        rest = len(numbers.curves) - len(colored)
        title = "best by validation first" + (f"\ngrey: {rest} more point{'s' if rest > 1 else ''}" if rest else "")
        figure.legend(handles[::-1], labels[::-1], loc="outside right center", title=title, alignment="left")
        note = "ring: the chosen epoch, mean over seeds"
        if any(curve.num_seeds > 1 for curve in numbers.curves):
            note = f"line: mean over seeds, band: their range; {note}"
        figure.supxlabel(note, fontsize=8.5, color=style.GREY, x=0.01, ha="left")
        return figure


def _cut_the_start(axes: object, curves: list[Curve]) -> None:
    """Leave out of the picture what only the first epochs show: they would flatten everything after them."""
    after = np.concatenate([np.concatenate([c.low, c.high])[np.tile(np.arange(len(c.epochs)) >= len(c.epochs) // 10, 2)]
                            for c in curves])  # fmt: skip
    low, high = float(after.min()), float(after.max())
    margin = 0.06 * (high - low) or 0.5
    axes.set_ylim(low - margin, high + margin)  # type: ignore[attr-defined]
