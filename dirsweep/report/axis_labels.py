"""Axis labels with units."""

from __future__ import annotations

from dirsweep.analysis.region_sizes import few_samples
from dirsweep.domain import MetricColumn, metric_of, metric_title, plural
from dirsweep.run.reader import Run

_SPLITS = {"val": "validation", "test": "test"}


def label_unit_of(run: Run) -> str:
    """Return the unit of the benchmark's labels; empty where the run did not record it."""
    return run.manifest.benchmark.label_unit


def with_unit(text: str, unit: str) -> str:
    """Return ``label (years)``; the text alone without a unit."""
    return f"{text} ({unit})" if unit else text


def metric_label(split: str, metric: str, label_unit: str, *, region: str | None = None) -> str:
    """Return ``validation few-shot MAE (years)``; without a region the region is left open.

    Args:
        split: ``val`` or ``test``.
        metric: name of the metric.
        label_unit: unit of the benchmark's labels; empty where unknown.
        region: shot region.
    """
    title = metric_of(metric).title if region is None else metric_title(metric, region)
    return with_unit(f"{_SPLITS[split]} {title}", _unit(metric, label_unit))


def column_label(run: Run, column: MetricColumn) -> str:
    """Return ``validation few-shot MAE of 7 samples (years)``; the number where it is small."""
    title = f"{_SPLITS[column.split]} {metric_title(column.metric, column.region)}"
    size = few_samples(run, column)
    of = "" if size is None else f" of {plural(size, 'sample')}"
    return with_unit(f"{title}{of}", _unit(column.metric, label_unit_of(run)))


def region_label(run: Run, column: MetricColumn) -> str:
    """Return ``few``, and with few samples ``few (7 samples)``."""
    size = few_samples(run, column)
    return column.region if size is None else f"{column.region} ({plural(size, 'sample')})"


def _unit(metric: str, label_unit: str) -> str:
    return metric_of(metric).unit(label_unit) if label_unit else ""
