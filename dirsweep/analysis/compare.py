"""Two runs side by side: points with the same configuration, and whether they came out the same."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich import box
from rich.table import Table

from dirsweep.analysis import resampling
from dirsweep.analysis.differences import Difference, corrected, difference_of
from dirsweep.analysis.intervals import Interval, interval_of
from dirsweep.analysis.measurements import (
    NUM_RESAMPLES,
    Floats,
    Measured,
    configs_of,
    measure,
    points_of,
    rng_for,
)
from dirsweep.analysis.summaries import PointSummary
from dirsweep.domain import REGIONS, metric_of
from dirsweep.errors import StoreError
from dirsweep.report.tables import NOTHING
from dirsweep.run.reader import Run

FORMATS = ("console", "md", "json")


@dataclass(frozen=True)
class Compared:
    """One configuration in both runs, one metric, one region.

    Attributes:
        label_a, label_b: what the runs call it (``study: label``).
        a, b: its intervals.
        difference: b minus a, paired over the seeds that both have, over the samples that both
            predicted.
        same_trials: both runs hold the very same trials; the difference says whether training them
            again gave the same.
    """

    label_a: str
    label_b: str
    a: Interval
    b: Interval
    difference: Difference
    same_trials: bool


@dataclass(frozen=True)
class Comparison:
    """Everything that two runs have in common, and how much each has alone.

    Attributes:
        rows: the configurations in both, in the order of the first run, with its regions together.
        only_a, only_b: labels of those in one run alone.
    """

    name_a: str
    name_b: str
    split: str
    rows: list[Compared]
    only_a: list[str]
    only_b: list[str]
    synthetic: bool


@dataclass
class _Found:
    """A configuration in one run: the studies that have it share its trials."""

    label: str
    summary: PointSummary
    trials: dict[int, str]
    values: dict[str, dict[int, float]]


def compare(
    run_a: Run,
    run_b: Run,
    *,
    metric: str | None = None,
    regions: Sequence[str] = REGIONS,
    split: str = "test",
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
) -> Comparison:
    """Points of two runs, matched by resolved configuration. p-values are corrected for all rows
    together.

    Args:
        metric: by default the objective's of the first run.
    Raises: StoreError: a run without a complete trial, runs on different benchmarks, or without a
        configuration in common.
    """
    for run in (run_a, run_b):
        run.require_finished()
    benchmarks = [_benchmark(run) for run in (run_a, run_b)]
    if benchmarks[0] != benchmarks[1]:
        keys = sorted(
            key
            for key in {*benchmarks[0], *benchmarks[1]}
            if benchmarks[0].get(key) != benchmarks[1].get(key)
        )
        raise StoreError(
            f"{run_b.paths.root}: not the benchmark of {run_a.paths.root} (differs in {', '.join(keys)}); "
            "runs are compared on the same data"
        )
    metric = run_a.objective[0] if metric is None else metric
    first, second = (_configurations(run, metric, regions, split) for run in (run_a, run_b))
    common = [key for key in first if key in second]
    if not common:
        raise StoreError(f"{run_a.paths.root} and {run_b.paths.root}: no configuration in common")
    rows = []
    for region in regions:
        joint = _joint(
            run_a,
            run_b,
            [(first[key], second[key]) for key in common],
            metric,
            region,
            split,
            num_resamples,
            seed,
        )
        for place, key in enumerate(common):
            one, other = 2 * place, 2 * place + 1
            if joint.values.get(one) and joint.values.get(other):
                rows.append(_row(joint, one, other, first[key], second[key], seed))
    order = {found.label: place for place, found in enumerate(first.values())}
    rows.sort(key=lambda row: order[row.label_a])
    differences = corrected([row.difference for row in rows])
    return Comparison(
        name_a=str(run_a.paths.root),
        name_b=str(run_b.paths.root),
        split=split,
        rows=[replace(row, difference=item) for row, item in zip(rows, differences, strict=True)],
        only_a=[found.label for key, found in first.items() if key not in second],
        only_b=[found.label for key, found in second.items() if key not in first],
        synthetic=run_a.synthetic or run_b.synthetic,
    )


def _benchmark(run: Run) -> dict[str, Any]:
    value = run.spec.get("benchmark")
    settings = dict(value) if isinstance(value, Mapping) else {"name": value}
    settings.pop("root", None)  # where the data lies, not what it is
    return settings


def _configurations(run: Run, metric: str, regions: Sequence[str], split: str) -> dict[str, _Found]:
    found: dict[str, _Found] = {}
    for study in run.studies:
        configs = configs_of(run, study)
        summaries = {point.index: point for point in points_of(run, study)}
        by_region = {
            region: measure(run, study, metric, region, split=split, points=())
            for region in regions
        }
        for index, config in configs.items():
            values = {
                region: dict(measured.values.get(index, {}))
                for region, measured in by_region.items()
            }
            if not any(values.values()):
                continue
            trials = {
                number: trial
                for measured in by_region.values()
                for number, trial in measured.trials.get(index, {}).items()
            }
            key = json.dumps(config, sort_keys=True)
            known = found.setdefault(
                key, _Found(f"{study}: {summaries[index].label}", summaries[index], {}, {})
            )
            known.trials.update(trials)
            for region, by_seed in values.items():
                known.values.setdefault(region, {}).update(by_seed)
    return found


def _joint(
    run_a: Run,
    run_b: Run,
    pairs: Sequence[tuple[_Found, _Found]],
    metric: str,
    region: str,
    split: str,
    num_resamples: int,
    seed: int,
) -> Measured:
    """Both runs as one study: the configuration at place i is point 2i in the first and 2i + 1 in
    the second.
    """
    values: dict[int, dict[int, float]] = {}
    trials: dict[int, dict[int, str]] = {}
    summaries: dict[int, PointSummary] = {}
    for place, pair in enumerate(pairs):
        for side, found in enumerate(pair):
            index = 2 * place + side
            values[index] = dict(sorted(found.values.get(region, {}).items()))
            # the same trial may stand in both runs, with other predictions
            trials[index] = {number: f"{side}/{found.trials[number]}" for number in values[index]}
            summaries[index] = found.summary
    drawn = _common_draws((run_a, run_b), trials, metric, region, split, num_resamples, seed)
    return Measured(
        study="",
        split=split,
        metric=metric,
        region=region,
        points=summaries,
        trials=trials,
        values=values,
        draws=None if drawn is None else drawn[0],
        columns={} if drawn is None else drawn[1],
        num_samples=0 if drawn is None else drawn[2],
        synthetic=run_a.synthetic or run_b.synthetic,
    )


def _common_draws(
    runs: tuple[Run, Run],
    trials: Mapping[int, Mapping[int, str]],
    metric: str,
    region: str,
    split: str,
    num_resamples: int,
    seed: int,
) -> tuple[Floats, dict[str, int], int] | None:
    """Draws of the samples that both runs predicted: (R, T), trial -> column, how many samples;
    None without any.
    """
    predicted = [run.predicted(split) for run in runs]
    inside = predicted[0].inside(region)
    if inside is None or metric not in resampling.METRICS:
        return None
    places = [{sample: place for place, sample in enumerate(part.sample_ids)} for part in predicted]
    chosen = [
        (here, there)
        for sample, here in places[0].items()
        if inside[here]
        and (there := places[1].get(sample)) is not None
        and predicted[0].labels[here] == predicted[1].labels[there]
    ]
    names = [name for seeds in trials.values() for name in seeds.values()]
    names = [name for name in dict.fromkeys(names) if predicted[int(name[0])].whole(name[2:])]
    bins = predicted[0].bins
    if len(chosen) < 2 or not names or (metric.startswith("macro_") and bins is None):
        return None
    columns: list[NDArray[np.int64]] = [
        np.array(part, dtype=np.int64) for part in zip(*chosen, strict=True)
    ]
    preds = np.stack(
        [
            predicted[int(name[0])].preds[predicted[int(name[0])].rows[name[2:]]][
                columns[int(name[0])]
            ]
            for name in names
        ]
    )
    counts = resampling.sample_counts(
        len(chosen), num_resamples, rng_for(seed, "samples", split, region)
    )
    labels = predicted[0].labels[columns[0]]
    draws = resampling.replicates(
        metric, labels, preds, counts, None if bins is None else bins[columns[0]]
    )
    return draws, {name: number for number, name in enumerate(names)}, len(chosen)


def _row(
    joint: Measured, one: int, other: int, first: _Found, second: _Found, seed: int
) -> Compared:
    difference = difference_of(joint, other, one, seed=seed)
    a, b = (
        replace(interval_of(joint, index, seed), study=found.label.partition(":")[0])
        for index, found in ((one, first), (other, second))
    )
    a, b = (replace(item, trial_ids=_bare(item.trial_ids)) for item in (a, b))
    difference = replace(
        difference,
        study=a.study,
        trial_ids=_bare(difference.trial_ids),
        baseline_trial_ids=_bare(difference.baseline_trial_ids),
    )
    return Compared(
        label_a=first.label,
        label_b=second.label,
        a=a,
        b=b,
        difference=difference,
        same_trials=set(difference.trial_ids) == set(difference.baseline_trial_ids),
    )


def _bare(trial_ids: Sequence[str]) -> tuple[str, ...]:
    return tuple(name[2:] for name in trial_ids)


# ---- formats


_HEAD = ("configuration", "region", "A", "B", "B - A", "p", "seeds", "remarks")
_RIGHT = ("A", "B", "B - A", "p", "seeds")


def _cells(row: Compared, *, short: bool = False) -> tuple[str, ...]:
    from dirsweep.report.claims import digits, p_words, with_interval  # it imports tables, too

    item = row.difference
    sides = [with_interval(side) for side in (row.a, row.b)]
    if item.low is None or item.high is None:
        change = f"{item.difference:+.4g}"
    else:
        places = digits(item.low, item.high)
        change = f"{item.difference:+.{places}f} [{item.low:+.{places}f}, {item.high:+.{places}f}]"
    if short:
        sides = [side.partition(" ")[0] for side in sides]
    words = []
    if item.separable:
        words.append("better" if item.better else "worse")
    elif item.basis in ("samples", "none") and not row.same_trials:
        words.append("one seed: nothing claimed")
    if row.same_trials:
        words.append("same trials")
    elif not item.paired:
        words.append("other seeds")
    p = (
        NOTHING
        if item.p_corrected is None
        else p_words(item.p_corrected).removeprefix("p ").removeprefix("= ")
    )
    return (
        row.label_a,
        item.region,
        *sides,
        change,
        p,
        f"{row.a.num_seeds}/{row.b.num_seeds}",
        ", ".join(words),
    )


def _notes(found: Comparison) -> list[str]:
    alone = ((found.name_a, len(found.only_a)), (found.name_b, len(found.only_b)))
    notes = [
        f"{num} configuration{'s' if num > 1 else ''} only in {name}" for name, num in alone if num
    ]
    return [*notes, "p-values are corrected for all rows together (Holm)"]


def heading(found: Comparison) -> str:
    """What is compared, in a line."""
    metric = metric_of(found.rows[0].difference.metric).title if found.rows else ""
    mark = " (SYNTHETIC DATA)" if found.synthetic else ""
    return f"{found.split} {metric}: A = {found.name_a}, B = {found.name_b}{mark}"


def console_table(found: Comparison, width: int = 80) -> Table:
    """For a terminal of ``width`` columns: where room is short A and B go without their intervals.

    What all rows share (number of seeds, a remark) stands below the table.
    """
    rows = [_cells(row, short=width < 140) for row in found.rows]
    notes = _notes(found)
    hidden = set()
    for name, words in (("seeds", "{} seeds in A/B"), ("remarks", "{}")):
        place = _HEAD.index(name)
        if len({row[place] for row in rows}) == 1:
            hidden.add(place)
            notes = [words.format(rows[0][place]), *notes] if rows[0][place] else notes
    table = Table(
        title=heading(found),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        caption="\n".join(notes),
        caption_justify="left",
    )
    for place, name in enumerate(_HEAD):
        if place not in hidden:
            right = name in _RIGHT
            table.add_column(
                name, justify="right" if right else "left", no_wrap=right or name == "region"
            )
    above = None
    for row in rows:
        cells = [cell for place, cell in enumerate(row) if place not in hidden]
        table.add_row("" if cells[0] == above else cells[0], *cells[1:])
        above = cells[0]
    return table


def markdown(found: Comparison) -> str:
    """A GitHub table."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    rule = line(["---:" if name in _RIGHT else ":---" for name in _HEAD])
    rows = [line(_cells(row)) for row in found.rows]
    notes = [f"{note}  " for note in _notes(found)]
    return "\n".join([f"### {heading(found)}", "", line(_HEAD), rule, *rows, "", *notes, ""])


def as_json(found: Comparison) -> str:
    """Everything, as one object."""
    return json.dumps(asdict(found), indent=2, ensure_ascii=False)
