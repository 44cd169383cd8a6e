"""Metrics of predictions by region, as a value and as a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dirsweep.data.base import Benchmark, SplitName
from dirsweep.domain import MetricColumn, metric_of
from dirsweep.report.number_format import MISSING
from dirsweep.report.table import Cell, Column, Row, Table


@dataclass(frozen=True)
class Scores:
    """Metrics of one set of predictions.

    Attributes:
        title: what predicted.
        benchmark: whose regions they are.
        split: of the samples.
        metrics: ``<split>_<metric>_<region>`` -> value, None where it is not defined.
        synthetic: whether the predictions are of a network trained on synthetic data.
    """

    title: str
    benchmark: Benchmark
    split: SplitName
    metrics: Mapping[str, float | None]
    synthetic: bool = False

    def table(self) -> Table:
        """Return a row per metric and a column per region, with the number of samples."""
        config = self.benchmark.config
        regions = self.benchmark.bins.reported_regions
        labels = self.benchmark.bin_labels(self.benchmark.samples(self.split).labels)
        found = self.benchmark.bins.region_of(labels)
        counts = [len(labels) if name == "all" else int((found == name).sum()) for name in regions]
        rows = [
            Row((Cell("samples"), *(Cell(f"{count:,}", count) for count in counts))),
            *(self._row(metric) for metric in self.benchmark.metrics),
        ]
        columns = (Column("metric", "", align="left"), *(Column(name, name) for name in regions))
        return Table(
            f"{self.title} on {self.split} of {config.display_name}",
            columns,
            tuple(rows),
            synthetic=self.synthetic or self.benchmark.synthetic,
        )

    def _row(self, metric: str) -> Row:
        unit = metric_of(metric).unit(self.benchmark.config.label_unit)
        name = metric_of(metric).title + (f" ({unit})" if unit else "")
        cells = [Cell(name)]
        for region in self.benchmark.bins.reported_regions:
            value = self.metrics.get(MetricColumn(self.split, metric, region).name)
            cells.append(Cell(MISSING) if value is None else Cell(f"{value:.4g}", value))
        return Row(tuple(cells))
