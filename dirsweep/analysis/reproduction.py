"""Published numbers compared with measured ones: reproduced, better, worse, or not comparable."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from dirsweep.analysis.intervals import Interval, interval_of
from dirsweep.analysis.measurements import (
    DEFAULT_RESAMPLING,
    Basis,
    Resampling,
    configs_of,
    measure,
)
from dirsweep.analysis.selection import points_with_test_figures
from dirsweep.domain import MetricColumn, metric_of
from dirsweep.published.cells import PublishedCell
from dirsweep.published.configuration import FlatConfig, flatten
from dirsweep.published.matching import RowDifference, closest_flavour, same_techniques
from dirsweep.published.protocol import Flavour
from dirsweep.published.reader import cells
from dirsweep.published.rows import PublishedRow, row_of
from dirsweep.run.reader import Run

Word = Literal["reproduced", "better", "worse", "no interval", "not comparable", "synthetic"]
WORDS: tuple[Word, ...] = (
    "reproduced",
    "better",
    "worse",
    "no interval",
    "not comparable",
    "synthetic",
)

#: when more points than this differ from a published row in the same number of keys, the study
#: varies these keys, and no point is compared with the row
CROWD = 10

#: synthetic benchmark -> the published one that it imitates
STANDS_FOR = {"synthetic-agedb": "agedb-dir"}


class ComparedCell(NamedTuple):
    """A published cell for one of our configurations.

    Attributes:
        cell: the published cell.
        differs: keys in which the configuration departs from the row's protocol.
        flavour: the flavour of the protocol that it is compared with: the closest.
    """

    cell: PublishedCell
    differs: tuple[str, ...]
    flavour: Flavour

    @property
    def column(self) -> MetricColumn:
        """The test column that the cell is about."""
        return MetricColumn("test", self.cell["metric"], self.cell["region"])

    @property
    def row(self) -> tuple[str, int, str, str]:
        """Paper, table, section and label of the cell's row."""
        cell = self.cell
        return cell["paper"], cell["table"], cell["section"], cell["row"]


@dataclass(frozen=True)
class Verdict:
    """One published cell compared with one measured number.

    Attributes:
        study: study of the measured point.
        point: its index.
        label: how it differs from the base.
        paper: paper of the cell.
        table: number of its table.
        section: section of the table.
        row: label of the row.
        quoted_from: the paper that the number is quoted from; empty for the paper's own.
        benchmark: of both.
        metric: of both.
        region: shot region of both.
        unit: of the published number, in which the measured one is given as well.
        published: the published number.
        printed: the same as printed.
        measured: mean over seeds.
        low: lower end of the 95 % interval; None where not comparable or without an interval.
        high: upper end of the 95 % interval; None likewise.
        difference: measured minus published.
        verdict: reproduced: the published value, within its printed digits, is in the interval.
            better, worse: it is not. no interval: one seed and no predictions. not comparable: see
            ``differs``. synthetic: the benchmark is synthetic.
        differs: keys in which our trial departs from the row's protocol.
        protocol: the flavour of the protocol that is closest: ``printed`` or ``released``.
        basis: what the interval takes into account.
        num_seeds: number of seeds.
        trial_ids: trials behind the measured number.
    """

    study: str
    point: int
    label: str
    paper: str
    table: int
    section: str
    row: str
    quoted_from: str
    benchmark: str
    metric: str
    region: str
    unit: str
    published: float
    printed: str
    measured: float
    low: float | None
    high: float | None
    difference: float
    verdict: Word
    differs: tuple[str, ...]
    protocol: Flavour
    basis: Basis
    num_seeds: int
    trial_ids: tuple[str, ...]


def verdicts(
    run: Run,
    study: str,
    *,
    points: Collection[int] | None = None,
    extra: Sequence[Path] = (),
    resampling: Resampling = DEFAULT_RESAMPLING,
) -> list[Verdict]:
    """Compare the study's test results with every published cell of a matching configuration.

    A verdict needs every field of the row's protocol to agree, in one of its two flavours: what the
    paper prints, or what its code does (``published.protocol``).

    Of each published table only the rows closest to the configuration are used, and of each row
    only the points closest to it: those with the fewest differing keys. Where more than ``CROWD``
    points differ from a row equally, none is compared with it. Cells of metrics that were not
    measured are left out, as are points of a search that were not chosen.

    Args:
        run: the run.
        study: its key in the sweep file.
        points: indices; by default those whose test results may be shown.
        extra: files with further published numbers.
        resampling: number of draws and seed.
    """
    allowed = points_with_test_figures(run, study) if points is None else points
    key = ("verdicts", study, tuple(sorted(allowed)), tuple(extra), resampling)

    def compute() -> list[Verdict]:
        of_points = _cells_of_points(run, study, allowed, extra)
        measured = _measured(run, study, of_points, resampling)
        return [
            _verdict(measured[index, cell.column], cell)
            for index, compared in of_points.items()
            for cell in compared
            if (index, cell.column) in measured
        ]

    return run.once(key, compute)


def _measured(
    run: Run, study: str, of_points: Mapping[int, Sequence[ComparedCell]], resampling: Resampling
) -> dict[tuple[int, MetricColumn], Interval]:
    """(point, column) -> interval, of every column that a cell is about."""
    every = [cell for compared in of_points.values() for cell in compared]
    comparable = {cell.column for cell in every if not cell.differs}
    found: dict[tuple[int, MetricColumn], Interval] = {}
    for column in sorted({cell.column for cell in every}):
        indices = [index for index, compared in of_points.items() if _has_metric(compared, column)]
        # resampling takes time, and for a number of another protocol no interval is shown
        drawn = indices if column in comparable else ()
        measured = measure(run, study, column, points=drawn, resampling=resampling)
        for index in measured.values.keys() & set(indices):
            found[index, column] = interval_of(measured, index, seed=resampling.seed)
    return found


def _has_metric(compared: Iterable[ComparedCell], column: MetricColumn) -> bool:
    return any(cell.column.metric == column.metric for cell in compared)


def _cells_of_points(
    run: Run, study: str, allowed: Collection[int], extra: Sequence[Path]
) -> dict[int, list[ComparedCell]]:
    """Point -> the published cells that it is compared with."""
    configs = configs_of(run, study)
    closest_rows = {
        index: _closest_rows(run, configs[index], extra)
        for index in sorted(allowed)
        if index in configs
    }
    return _closest_points(closest_rows)


def _closest_rows(run: Run, config: Mapping[str, Any], extra: Sequence[Path]) -> list[ComparedCell]:
    """The cells of each table whose rows differ from the configuration in the fewest keys."""
    trial, benchmark = resolved_point(run, config), published_benchmark(run)
    compared: dict[PublishedRow, RowDifference] = {}
    found = []
    for cell in cells(extra):
        row = row_of(cell)
        if row.benchmark != benchmark or not same_techniques(trial, row):
            continue
        if row not in compared:
            compared[row] = closest_flavour(trial, row)
        found.append(ComparedCell(cell, compared[row].keys, compared[row].flavour))
    fewest: dict[tuple[str, int], int] = {}
    for one in found:
        table = one.row[:2]
        fewest[table] = min(fewest.get(table, len(one.differs)), len(one.differs))
    return [one for one in found if len(one.differs) == fewest[one.row[:2]]]


def resolved_point(run: Run, config: Mapping[str, Any]) -> FlatConfig:
    """Return what decided a point's results as dotted keys: its trial, benchmark and objective.

    Args:
        run: an open run.
        config: the trial's configuration, nested, as the run keeps it.
    """
    objective = run.manifest.objective
    facts = run.manifest.benchmark
    settings = {**facts.settings, "name": facts.name}
    if facts.variant:  # of files of another content it is neither of the published splits
        settings["split"] = facts.variant
    chosen = {"metric": objective.metric, "region": objective.region}
    return flatten({**config, "benchmark": settings, "objective": chosen})


def published_benchmark(run: Run) -> str | None:
    """Return the published benchmark that a run's results are compared with."""
    name = run.manifest.benchmark.name
    return STANDS_FOR.get(name, name) or None


def _closest_points(of_points: dict[int, list[ComparedCell]]) -> dict[int, list[ComparedCell]]:
    """Keep, of each published row, only the points that differ from it in the fewest keys."""
    distances: dict[tuple[str, int, str, str], dict[int, int]] = {}
    for index, compared in of_points.items():
        for cell in compared:
            distances.setdefault(cell.row, {})[index] = len(cell.differs)
    kept: dict[tuple[str, int, str, str], set[int]] = {}
    for row, by_point in distances.items():
        fewest = min(by_point.values())
        closest = {index for index, distance in by_point.items() if distance == fewest}
        kept[row] = closest if fewest == 0 or len(closest) <= CROWD else set()
    return {
        index: [cell for cell in compared if index in kept[cell.row]]
        for index, compared in of_points.items()
    }


def _verdict(found: Interval, compared: ComparedCell) -> Verdict:
    cell = compared.cell
    scale = 100.0 if cell["unit"] == "%" else 1.0
    mean, published = found.mean * scale, float(cell["value"])
    low = high = None
    if not compared.differs and found.low is not None and found.high is not None:
        low, high = found.low * scale, found.high * scale
    return Verdict(
        study=found.study,
        point=found.point,
        label=found.label,
        paper=cell["paper"],
        table=cell["table"],
        section=cell["section"],
        row=cell["row"],
        quoted_from=cell["quoted_from"],
        benchmark=cell["benchmark"],
        metric=cell["metric"],
        region=cell["region"],
        unit=cell["unit"],
        published=published,
        printed=cell["printed"],
        measured=mean,
        low=low,
        high=high,
        difference=mean - published,
        verdict=_word(compared, mean, low, high, synthetic=found.synthetic),
        differs=compared.differs,
        protocol=compared.flavour,
        basis=found.basis,
        num_seeds=found.num_seeds,
        trial_ids=found.trial_ids,
    )


def _word(
    compared: ComparedCell, mean: float, low: float | None, high: float | None, *, synthetic: bool
) -> Word:
    if synthetic:
        return "synthetic"
    if compared.differs:
        return "not comparable"
    if low is None or high is None:
        return "no interval"
    published = float(compared.cell["value"])
    rounding = _half_a_digit(compared.cell["printed"])
    if low - rounding <= published <= high + rounding:
        return "reproduced"
    higher_is_better = metric_of(compared.cell["metric"]).higher_is_better
    return "better" if (mean > published) == higher_is_better else "worse"


def _half_a_digit(printed: str) -> float:
    """Half of the last printed digit: 7.20 stands for anything from 7.195 to 7.205."""
    digits = printed.strip("[]() ").partition(".")[2]
    num = len(digits) if digits.isdigit() else 0
    return float(0.5 * 10.0**-num) + 1e-12
