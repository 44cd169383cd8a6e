"""The samples of a split in one shot region, for recomputing a metric from predictions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dirsweep.analysis.resampling import METRICS, Floats, observed, replicates, with_smallest_error
from dirsweep.domain import MetricColumn
from dirsweep.run.predictions import Predicted
from dirsweep.run.reader import Run


@dataclass(frozen=True)
class RegionSamples:
    """The samples of a split in one region, for recomputing a metric from predictions.

    Attributes:
        predicted: all predictions of the split.
        places: (S,) the region's columns of ``predicted.preds``.
        metric: one of ``resampling.METRICS``.
        smallest_error: smaller absolute errors count as this in the geometric mean, label unit.
    """

    predicted: Predicted
    places: NDArray[np.int64]
    metric: str
    smallest_error: float = 0.0

    @property
    def num(self) -> int:
        """Number of samples S."""
        return len(self.places)

    @property
    def labels(self) -> Floats:
        """(S,) labels, label unit."""
        return self.predicted.labels[self.places]

    @property
    def bins(self) -> NDArray[np.int64] | None:
        """(S,) label bins; None where the run has none."""
        return None if self.predicted.bins is None else self.predicted.bins[self.places]

    def preds(self, trials: Collection[str]) -> Floats:
        """(T, S) predictions of the trials, label unit."""
        rows = np.array([self.predicted.rows[trial] for trial in trials], dtype=np.int64)
        found: Floats = self.predicted.preds[np.ix_(rows, self.places)]
        smallest = self.smallest_error if self.metric.endswith("gm") else 0.0
        return with_smallest_error(self.labels, found, smallest)

    def covers(self, trial: str) -> bool:
        """Return whether a trial has a finite prediction for every sample of the split."""
        return self.predicted.whole(trial)

    def observed(self, trials: Sequence[str]) -> dict[str, float]:
        """Return trial -> metric on the samples as they are."""
        found = observed(self.metric, self.labels, self.preds(trials), self.bins)
        return dict(zip(trials, found.tolist(), strict=True))

    def replicates(self, trials: Sequence[str], counts: Floats) -> Floats:
        """(R, T) metric under each draw; ``counts`` (R, S) says how often it has each sample."""
        preds = self.preds(trials)
        return replicates(self.metric, self.labels, preds, counts, self.bins)


def region_samples(run: Run, column: MetricColumn) -> RegionSamples | None:
    """Return the column's samples; None where the metric cannot be recomputed on them."""
    predicted = run.predicted(column.split)
    inside = predicted.inside(column.region)
    if inside is None or not inside.any() or column.metric not in METRICS:
        return None
    if column.metric.startswith("macro_") and predicted.bins is None:
        return None
    smallest = run.manifest.benchmark.smallest_error
    return RegionSamples(predicted, np.flatnonzero(inside), column.metric, smallest)
