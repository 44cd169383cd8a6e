"""Axis labels with units."""

from __future__ import annotations

from dirsweep.domain import metric_of, metric_title
from dirsweep.run.reader import Run


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
    words = {"val": "validation", "test": "test"}[split]
    title = metric_of(metric).title if region is None else metric_title(metric, region)
    unit = metric_of(metric).unit(label_unit) if label_unit else ""
    return with_unit(f"{words} {title}", unit)
