"""A column of the epochs table as one curve per point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dirsweep.analysis.summaries import PointSummary
from dirsweep.run.reader import Run

#: the term of the task loss in the epochs table, before ConR's alpha, and its name with it
TASK_TERM, TASK_LOSS = "regression", "task loss"
#: (epochs, values) of a trial
Steps = tuple[NDArray[np.int64], NDArray[np.float64]]


@dataclass(frozen=True)
class Curve:
    """One point's curve over its seeds.

    Attributes:
        label: how the point differs from the base.
        epochs: (E,) numbered from 0.
        mean: (E,) over the seeds that reached the epoch.
        low: (E,) smallest value of a seed.
        high: (E,) largest value of a seed.
        num_seeds: number of seeds.
        chosen: mean over seeds of the chosen epoch; None when none was chosen.
        rank: 0 for the best point by validation.
        pruned: whether no seed of the point is complete.
    """

    label: str
    epochs: NDArray[np.int64]
    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    num_seeds: int
    chosen: float | None
    rank: int
    pruned: bool = False


@dataclass(frozen=True)
class EpochValues:
    """One column of the epochs table.

    Attributes:
        by_trial: trial -> validated epochs and values.
        best_epochs: trial -> the epoch chosen on validation.
    """

    by_trial: Mapping[str, Steps]
    best_epochs: Mapping[str, int]

    def curve(self, point: PointSummary, trials: Sequence[str], rank: int) -> Curve | None:
        """Return the point's curve over these trials; None when none of them has a value."""
        seeds = [self.by_trial[trial] for trial in trials if trial in self.by_trial]
        if not seeds:
            return None
        epochs = np.unique(np.concatenate([reached for reached, _ in seeds]))
        values = np.full((len(seeds), len(epochs)), np.nan)
        for row, (reached, found) in enumerate(seeds):
            values[row, np.searchsorted(epochs, reached)] = found
        chosen = [self.best_epochs[trial] for trial in trials if trial in self.best_epochs]
        return Curve(
            label=point.label,
            epochs=epochs,
            mean=np.nanmean(values, axis=0),
            low=np.nanmin(values, axis=0),
            high=np.nanmax(values, axis=0),
            num_seeds=len(seeds),
            chosen=float(np.mean(chosen)) if chosen else None,
            rank=rank,
            pruned=point.preliminary and point.num_seeds > 0,
        )


def epoch_values(run: Run, column: str, trials: Sequence[str]) -> EpochValues | None:
    """Read a column of the epochs table.

    Args:
        run: the run.
        column: ``val_mae_all`` and the like.
        trials: the trials to read.

    Returns:
        The values without epochs that were not validated; None where no trial recorded the column.
    """
    table = run.epochs()
    if column not in table.schema.names:
        return None
    return EpochValues(_by_trial(table, table[column], trials), _best_epochs(run.trials()))


def loss_term_values(run: Run, trials: Sequence[str]) -> dict[str, EpochValues]:
    """Read the terms of the training loss, which add up to it.

    Args:
        run: the run.
        trials: the trials to read.

    Returns:
        ``TASK_LOSS``, with the weight that a regularizer may give it, and the weighted term of each
        regularizer by name; empty where no trial recorded terms.
    """
    table = run.epochs()
    wanted = pc.is_in(table["trial_id"].cast(pa.string()), pa.array(trials, pa.string()))
    table = table.filter(pc.and_(wanted, pc.is_valid(table["loss_terms"])))
    terms = [dict(row) for row in table["loss_terms"].to_pylist()]
    totals = table["train_loss"].to_pylist()
    names = dict.fromkeys(name for row in terms for name in row)
    columns: dict[str, list[float | None]] = {}
    if any(TASK_TERM in row for row in terms):
        columns[TASK_LOSS] = [_task_loss(*row) for row in zip(terms, totals, strict=True)]
    columns |= {name: [row.get(name) for row in terms] for name in names if name != TASK_TERM}
    best = _best_epochs(run.trials())
    return {
        name: EpochValues(_by_trial(table, pa.chunked_array([values], pa.float64()), trials), best)
        for name, values in columns.items()
    }


def _task_loss(terms: Mapping[str, float | None], total: float | None) -> float | None:
    """Return the training loss without the regularizers' terms; None where one is not finite."""
    others = [value for name, value in terms.items() if name != TASK_TERM]
    found = [value for value in others if value is not None]
    return total - sum(found) if total is not None and len(found) == len(others) else None


def _by_trial(table: pa.Table, column: pa.ChunkedArray, wanted: Sequence[str]) -> dict[str, Steps]:
    trial = table["trial_id"].cast(pa.string())
    mask = pc.and_(pc.is_in(trial, pa.array(wanted, pa.string())), pc.is_valid(column))
    mask = mask.combine_chunks()
    names = trial.filter(mask).to_numpy()
    epochs = table["epoch"].filter(mask).to_numpy().astype(np.int64)
    values = column.filter(mask).to_numpy().astype(np.float64)
    if not len(names):
        return {}
    # a trial's epochs are consecutive, so its rows are a slice
    starts = np.flatnonzero(np.concatenate([[True], names[1:] != names[:-1]]))
    ends = np.concatenate([starts[1:], [len(names)]])
    return {str(names[a]): (epochs[a:b], values[a:b]) for a, b in zip(starts, ends, strict=True)}


def _best_epochs(trials: pa.Table) -> dict[str, int]:
    pairs = zip(trials["trial_id"].to_pylist(), trials["best_epoch"].to_pylist(), strict=True)
    return {trial: epoch for trial, epoch in pairs if epoch is not None}


def counted_trials(point: PointSummary, column: str) -> list[str]:
    """Return the trials behind the point's value; those that did not fail where it has none."""
    if column in point.metrics:
        return [point.trial_ids[seed] for seed in point.metrics[column].by_seed]
    return [trial for seed, trial in point.trial_ids.items() if seed not in point.errors]
