"""Published beside measured: what was reproduced, what came out better or worse, and what cannot be
compared.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

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
from dirsweep.published import match
from dirsweep.published.matching import flatten
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

#: so many points that depart from a published row in the same number of keys are a study of those
#: keys
CROWD = 10

#: what both papers train (RankSim Appendix B, ConR Appendix A.4); the published rows do not repeat
#: it
BACKBONES = {"agedb-dir": "resnet50", "imdb-wiki-dir": "resnet50", "sts-b-dir": "bilstm"}
#: what a made-up benchmark stands in for
STANDS_FOR = {"synthetic-agedb": "agedb-dir"}


@dataclass(frozen=True)
class Verdict:
    """One published cell beside one measured number.

    Attributes:
        study, point, label: what was measured.
        paper, table, section, row: where the cell stands; quoted_from: whose number it is, empty
            for the paper's own.
        benchmark, metric, region, unit: of both; the measured number is given in the published
            unit.
        published, printed: the cell.
        measured, low, high: mean over seeds and 95 % interval; without one where not comparable.
        difference: measured minus published.
        verdict: reproduced: the published value, within its printed digits, lies in the interval.
            better, worse: it does not. no interval: one seed and no predictions. not comparable:
                see differs. synthetic: made-up data.
        differs: keys on which our trial departs from what the paper states.
        basis: what the interval takes into account.
        num_seeds, trial_ids: behind the measured number.
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
    """Every published cell that stands for one of the study's configurations, beside the test
    figure measured for it.

    Of each published table only the rows closest to the configuration, of each row only the points
        closest to it: those
    with the fewest keys that differ. Where more than ``CROWD`` points depart from a row equally,
    none stands for it. Cells of metrics that were not measured are left out, as are points of a
    search that were not chosen.

    Args:
        points: indices; by default those whose test figures may be shown.
        extra: files with further published numbers.
    """
    allowed = points_with_test_figures(run, study) if points is None else points
    key = ("verdicts", study, tuple(sorted(allowed)), tuple(extra), resampling)
    return run.once(key, lambda: _verdicts(run, study, allowed, extra, resampling))


def _verdicts(
    run: Run, study: str, allowed: Collection[int], extra: Sequence[Path], resampling: Resampling
) -> list[Verdict]:
    configs = configs_of(run, study)
    cells = _closest(
        {index: _cells(run, configs[index], extra) for index in sorted(allowed) if index in configs}
    )
    wanted = {(cell["metric"], cell["region"]) for rows in cells.values() for cell in rows}
    # resampling takes its time, and beside a figure from another protocol no interval helps
    comparable = {
        (cell["metric"], cell["region"])
        for rows in cells.values()
        for cell in rows
        if not cell["differs"]
    }
    measured: dict[tuple[int, str, str], Interval] = {}
    for metric, region in sorted(wanted):
        there = [
            index for index, rows in cells.items() if any(row["metric"] == metric for row in rows)
        ]
        draws = there if (metric, region) in comparable else ()
        found = measure(
            run, study, MetricColumn("test", metric, region), points=draws, resampling=resampling
        )
        for index in there:
            if index in found.values:
                measured[index, metric, region] = interval_of(found, index, seed=resampling.seed)
    return [
        _verdict(measured[index, cell["metric"], cell["region"]], cell)
        for index, rows in cells.items()
        for cell in rows
        if (index, cell["metric"], cell["region"]) in measured
    ]


def _cells(run: Run, config: Mapping[str, Any], extra: Sequence[Path]) -> list[dict[str, Any]]:
    benchmark = _benchmark(run)
    found = match(config, benchmark=benchmark, exact=False, extra=extra).to_pylist()
    others = backbone_differences(flatten(config), benchmark)
    for cell in found:
        cell["differs"] = [*cell["differs"], *others]
        cell["differs"] = [*cell["differs"], *benchmark_differences(run)]
    fewest: dict[tuple[str, int], int] = {}
    for cell in found:
        table = (cell["paper"], cell["table"])
        fewest[table] = min(fewest.get(table, len(cell["differs"])), len(cell["differs"]))
    return [cell for cell in found if len(cell["differs"]) == fewest[cell["paper"], cell["table"]]]


def backbone_differences(trial: Mapping[str, Any], benchmark: str | None) -> list[str]:
    """``backbone.name`` where a trial, given as dotted keys, has another backbone than the papers
    on that benchmark.
    """
    backbone, expected = trial.get("backbone.name"), BACKBONES.get(benchmark or "")
    return ["backbone.name"] if None not in (backbone, expected) and backbone != expected else []


def benchmark_differences(run: Run) -> list[str]:
    """Settings of the benchmark with which no paper has trained, so that no published number
    compares.
    """
    value = run.spec.get("benchmark")
    return ["benchmark.zero_shot"] if isinstance(value, Mapping) and value.get("zero_shot") else []


def _closest(cells: dict[int, list[dict[str, Any]]]) -> dict[int, list[dict[str, Any]]]:
    """The same without points that are farther from a published row than others."""
    distances: dict[tuple[Any, ...], dict[int, int]] = {}
    for index, rows in cells.items():
        for cell in rows:
            distances.setdefault(_row_of(cell), {})[index] = len(cell["differs"])
    kept: dict[tuple[Any, ...], set[int]] = {}
    for row, found in distances.items():
        fewest = min(found.values())
        closest = {index for index, distance in found.items() if distance == fewest}
        kept[row] = closest if fewest == 0 or len(closest) <= CROWD else set()
    return {
        index: [cell for cell in rows if index in kept[_row_of(cell)]]
        for index, rows in cells.items()
    }


def _row_of(cell: Mapping[str, Any]) -> tuple[Any, ...]:
    return cell["paper"], cell["table"], cell["section"], cell["row"]


def _benchmark(run: Run) -> str | None:
    value = run.spec.get("benchmark")
    name = value.get("name") if isinstance(value, Mapping) else value
    return None if name is None else STANDS_FOR.get(str(name), str(name))


def _verdict(found: Interval, cell: Mapping[str, Any]) -> Verdict:
    scale = 100.0 if cell["unit"] == "%" else 1.0
    mean, published = found.mean * scale, float(cell["value"])
    known = None if cell["differs"] else (found.low, found.high)
    low, high = (None if end is None else end * scale for end in known or (None, None))
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
        verdict=_word(found, cell, mean, low, high),
        differs=tuple(cell["differs"]),
        basis=found.basis,
        num_seeds=found.num_seeds,
        trial_ids=found.trial_ids,
    )


def _word(
    found: Interval, cell: Mapping[str, Any], mean: float, low: float | None, high: float | None
) -> Word:
    if found.synthetic:
        return "synthetic"
    if cell["differs"]:
        return "not comparable"
    if low is None or high is None:
        return "no interval"
    published = float(cell["value"])
    rounding = _half_a_digit(cell["printed"])
    if low - rounding <= published <= high + rounding:
        return "reproduced"
    return "better" if (mean > published) == metric_of(cell["metric"]).higher_is_better else "worse"


def _half_a_digit(printed: str) -> float:
    """7.20 stands for anything from 7.195 to 7.205."""
    digits = printed.strip("[]() ").partition(".")[2]
    num = len(digits) if digits.isdigit() else 0
    return float(0.5 * 10.0**-num) + 1e-12
