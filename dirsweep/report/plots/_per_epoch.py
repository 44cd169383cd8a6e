"""Columns of the epochs table as one curve per point: what several plots share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dirsweep.analysis.summaries import PointSummary

Steps = tuple[NDArray[np.int64], NDArray[np.float64]]


@dataclass(frozen=True)
class Curve:
    """One point. ``mean[i]``, ``low[i]`` and ``high[i]`` are over the seeds that reached
    ``epochs[i]``.

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


def by_trial(table: pa.Table, column: str, wanted: list[str]) -> dict[str, Steps]:
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


def best_epochs(trials: pa.Table) -> dict[str, int]:
    """trial -> the epoch chosen on validation."""
    pairs = zip(trials["trial_id"].to_pylist(), trials["best_epoch"].to_pylist(), strict=True)
    return {trial: epoch for trial, epoch in pairs if epoch is not None}


def counted(point: PointSummary, column: str) -> list[str]:
    """The trials behind the point's figures; of a point without any those that have not failed."""
    if column in point.metrics:
        return [point.trial_ids[seed] for seed in point.metrics[column].by_seed]
    return [trial for seed, trial in point.trial_ids.items() if seed not in point.errors]


def curve_of(
    point: PointSummary,
    trials: list[str],
    steps: dict[str, Steps],
    chosen_epochs: dict[str, int],
    rank: int,
) -> Curve | None:
    """The point's curve over ``trials``; None when none of them has a value."""
    seeds = [steps[trial] for trial in trials if trial in steps]
    if not seeds:
        return None
    epochs = np.unique(np.concatenate([epochs for epochs, _ in seeds]))
    values = np.full((len(seeds), len(epochs)), np.nan)
    for row, (reached, found) in enumerate(seeds):
        values[row, np.searchsorted(epochs, reached)] = found
    chosen = [chosen_epochs[trial] for trial in trials if trial in chosen_epochs]
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
