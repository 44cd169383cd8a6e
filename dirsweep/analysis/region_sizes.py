"""How many samples stand behind a number of a shot region."""

from __future__ import annotations

from dirsweep.domain import MetricColumn
from dirsweep.run.reader import Run

#: metrics that correlate predictions with labels
CORRELATIONS = ("pearson", "spearman")
#: samples from which on a correlation says anything: of two samples it is always 1 or -1
MIN_CORRELATED = 3
#: samples below which a number is shown with its number of samples
FEW_SAMPLES = 10


def region_size(run: Run, split: str, region: str) -> int | None:
    """Return the number of a split's samples in a region; None where the run has no label bins.

    Args:
        run: the run.
        split: ``val`` or ``test``.
        region: shot region.
    """
    bins = run.bins()
    if bins is None:
        return None
    counts = {"val": bins.val, "test": bins.test}[split]
    return int(counts.sum() if region == "all" else counts[bins.regions == region].sum())


def says_nothing(run: Run, column: MetricColumn) -> bool:
    """Return whether a column is a correlation of fewer samples than ``MIN_CORRELATED``."""
    if column.metric not in CORRELATIONS:
        return False
    size = region_size(run, column.split, column.region)
    return size is not None and size < MIN_CORRELATED


def few_samples(run: Run, column: MetricColumn) -> int | None:
    """Return the number of samples behind a column where it must be said; else None."""
    size = region_size(run, column.split, column.region)
    return size if size is not None and size < FEW_SAMPLES else None
