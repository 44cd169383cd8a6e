"""Predictions of a split as one matrix, trials by samples, for the statistics of the analysis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dirsweep.run.bins import Bins


@dataclass(frozen=True)
class Predicted:
    """Predictions of one split.

    Attributes:
        split: ``val`` or ``test``.
        rows: trial -> its row in ``preds``.
        sample_ids: (S,) in the order of the table.
        labels: (S,) float64, label unit.
        preds: (T, S) float64, label unit; NaN where a trial has none.
        bins: (S,) the samples' label bins; None when the run has no ``bins.arrow``.
        regions: (S,) ``many``, ``median``, ``few``; None likewise.
    """

    split: str
    rows: dict[str, int]
    sample_ids: NDArray[np.object_]
    labels: NDArray[np.float64]
    preds: NDArray[np.float64]
    bins: NDArray[np.int64] | None
    regions: NDArray[np.str_] | None

    def inside(self, region: str) -> NDArray[np.bool_] | None:
        """Return which samples lie in a region, (S,); None where the run has no label bins."""
        if region == "all":
            return np.ones(len(self.labels), dtype=np.bool_)
        return None if self.regions is None else self.regions == region

    def whole(self, trial_id: str) -> bool:
        """Return whether the trial has a finite prediction for every sample of the split."""
        row = self.rows.get(trial_id)
        return row is not None and len(self.labels) > 0 and bool(np.isfinite(self.preds[row]).all())


def predicted(table: pa.Table, split: str, bins: Bins | None) -> Predicted:
    """Arrange the predictions of a split as a matrix, one batch (about a trial) at a time.

    Args:
        table: the run's predictions.
        split: ``val`` or ``test``.
        bins: the run's label bins, if it has any.
    """
    table = table.select(
        ["trial_id", "split", "sample_id", "label", "prediction"]
    ).unify_dictionaries()
    parts = [part for batch in table.to_batches() if len(part := _of_split(batch, split))]
    if not parts:
        empty = np.empty(0)
        return Predicted(split, {}, np.empty(0, object), empty, np.empty((0, 0)), None, None)
    trial_names, sample_names = (
        parts[0].column(name).dictionary for name in ("trial_id", "sample_id")
    )
    row_of, column_of = np.full(len(trial_names), -1), np.full(len(sample_names), -1)
    for part in parts:
        row_of[_codes(part, "trial_id")] = 0
        column_of[_codes(part, "sample_id")] = 0
    row_of[row_of == 0] = np.arange(int((row_of == 0).sum()))
    column_of[column_of == 0] = np.arange(int((column_of == 0).sum()))
    num_rows, num_columns = int(row_of.max()) + 1, int(column_of.max()) + 1
    labels, preds = np.full(num_columns, np.nan), np.full((num_rows, num_columns), np.nan)
    for part in parts:
        columns = column_of[_codes(part, "sample_id")]
        labels[columns] = _numbers(part, "label")
        preds[row_of[_codes(part, "trial_id")], columns] = _numbers(part, "prediction")
    trials = trial_names.to_pylist()
    samples = np.array(sample_names.to_pylist(), dtype=object)[column_of >= 0]
    return Predicted(
        split=split,
        rows={trials[code]: int(row_of[code]) for code in np.flatnonzero(row_of >= 0)},
        sample_ids=samples,
        labels=labels,
        preds=preds,
        bins=None if bins is None else bins.bin_of(labels),
        regions=None if bins is None else bins.region_of(labels),
    )


def _of_split(batch: pa.RecordBatch, split: str) -> pa.RecordBatch:
    column = batch.column("split")
    code = pc.index(column.dictionary, split).as_py()
    return batch.filter(pc.equal(column.indices, code)) if code >= 0 else batch.slice(0, 0)


def _codes(batch: pa.RecordBatch, name: str) -> NDArray[np.int64]:
    codes: NDArray[np.int64] = (
        batch.column(name).indices.to_numpy(zero_copy_only=False).astype(np.int64)
    )
    return codes


def _numbers(batch: pa.RecordBatch, name: str) -> NDArray[np.float64]:
    numbers: NDArray[np.float64] = (
        batch.column(name).to_numpy(zero_copy_only=False).astype(np.float64)
    )
    return numbers
