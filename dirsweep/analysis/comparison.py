"""Two runs side by side: points with the same configuration, and how far apart they came out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dirsweep.analysis.differences import Difference, corrected, difference_of
from dirsweep.analysis.intervals import Interval, interval_of
from dirsweep.analysis.measurements import (
    DEFAULT_RESAMPLING,
    Floats,
    Measured,
    Resampling,
    columns_of,
    configs_of,
    measure,
    points_of,
    rng_for,
    seed_pool,
)
from dirsweep.analysis.resampling import METRICS, replicates, sample_counts, with_smallest_error
from dirsweep.analysis.seed_variance import SeedPool
from dirsweep.analysis.summaries import PointSummary
from dirsweep.domain import MetricColumn, metric_title, plural
from dirsweep.errors import StoreError
from dirsweep.run.predictions import Predicted
from dirsweep.run.reader import Run


@dataclass(frozen=True)
class ComparedPoint:
    """One configuration that both runs have, one metric, one region.

    Attributes:
        label_a: its study and label in the first run (``study: label``).
        label_b: the same in the second run.
        a: its interval in the first run.
        b: its interval in the second run.
        difference: b minus a, over the seeds that both runs have and the samples that both
            predicted.
        same_trials: whether both runs hold the very same trials; the difference then says whether
            training them again gave the same result.
    """

    label_a: str
    label_b: str
    a: Interval
    b: Interval
    difference: Difference
    same_trials: bool


@dataclass(frozen=True)
class Comparison:
    """What two runs have in common, and what only one of them has.

    Attributes:
        name_a: folder of the first run.
        name_b: folder of the second run.
        split: ``test`` or ``val``.
        rows: the configurations of both in the order of the first run, regions together.
        only_a: labels of the configurations of the first run alone.
        only_b: labels of the configurations of the second run alone.
        synthetic: whether the numbers come from a synthetic benchmark.
        undefined: what is not compared, because a metric is undefined in some seeds: run, label
            and how many seeds. It is the worst result there is.
    """

    name_a: str
    name_b: str
    split: str
    rows: list[ComparedPoint]
    only_a: list[str]
    only_b: list[str]
    synthetic: bool
    undefined: tuple[str, ...] = ()


@dataclass
class _Configuration:
    """One configuration of a run; the studies that have it share its trials.

    Attributes:
        label: study and label of the first point that has it.
        summary: that point.
        trials: seed -> trial.
        values: column -> seed -> value.
    """

    label: str
    summary: PointSummary
    trials: dict[int, str] = field(default_factory=dict)
    values: dict[MetricColumn, dict[int, float]] = field(default_factory=dict)


def compare(
    run_a: Run,
    run_b: Run,
    *,
    columns: Sequence[MetricColumn] | None = None,
    resampling: Resampling = DEFAULT_RESAMPLING,
) -> Comparison:
    """Compare the points of two runs, matched by resolved configuration.

    Args:
        run_a: the first run.
        run_b: the second run, from which the first is subtracted.
        columns: of one split; by default the test metric of the first run's objective in every
            region.
        resampling: number of draws and seed.

    Returns:
        The comparison; p-values are corrected for all of its rows together.

    Raises:
        StoreError: a run has no complete trial, the runs are on different benchmarks, or they have
            no configuration in common.
    """
    run_a.require_finished()
    run_b.require_finished()
    _require_same_benchmark(run_a, run_b)
    columns = columns_of(run_a) if columns is None else columns
    first, second = (_configurations(run, columns) for run in (run_a, run_b))
    common = [key for key in first if key in second]
    if not common:
        raise StoreError(f"{run_a.paths.root} and {run_b.paths.root}: no configuration in common")
    pairs = [(first[key], second[key]) for key in common]
    rows: list[ComparedPoint] = []
    for column in columns:
        rows += _rows_of((run_a, run_b), pairs, column, resampling)
    order = {configuration.label: place for place, configuration in enumerate(first.values())}
    rows.sort(key=lambda row: order[row.label_a])
    differences = corrected([row.difference for row in rows], "configurations of both runs")
    return Comparison(
        name_a=str(run_a.paths.root),
        name_b=str(run_b.paths.root),
        split=columns[0].split,
        rows=[replace(row, difference=item) for row, item in zip(rows, differences, strict=True)],
        only_a=[found.label for key, found in first.items() if key not in second],
        only_b=[found.label for key, found in second.items() if key not in first],
        synthetic=run_a.synthetic or run_b.synthetic,
        undefined=(*_undefined_in(run_a, columns), *_undefined_in(run_b, columns)),
    )


def _rows_of(
    runs: tuple[Run, Run],
    pairs: Sequence[tuple[_Configuration, _Configuration]],
    column: MetricColumn,
    resampling: Resampling,
) -> list[ComparedPoint]:
    """The configurations that have the column in both runs, not yet corrected."""
    pools = seed_pool(runs[0], column), seed_pool(runs[1], column)
    measured = _as_one_study(runs, pairs, column, resampling)
    measured = replace(measured, pool=_pool_of_both(pools))
    # a point has the interval that its own run reports
    alone = [replace(measured, pool=_named(pool, side)) for side, pool in enumerate(pools)]
    return [
        _compared(measured, alone, number, pair, resampling.seed)
        for number, pair in enumerate(pairs)
        if measured.values.get(2 * number) and measured.values.get(2 * number + 1)
    ]


def _undefined_in(run: Run, columns: Sequence[MetricColumn]) -> list[str]:
    """Points of a run with a metric that is undefined in some seeds, in words."""
    found: dict[str, None] = {}
    for study in run.studies:
        for column in columns:
            for index, seeds in measure(run, study, column, points=()).undefined.items():
                point = next(point for point in points_of(run, study) if point.index == index)
                of_all = f"{len(seeds)} of {plural(point.num_seeds, 'seed')}"
                title = metric_title(column.metric, column.region)
                found[
                    f"{run.paths.root}: {study}: {point.label}: {title} undefined in {of_all}"
                ] = None
    return list(found)


def _require_same_benchmark(run_a: Run, run_b: Run) -> None:
    first, second = _benchmark_settings(run_a), _benchmark_settings(run_b)
    if first == second:
        return
    keys = sorted(key for key in {*first, *second} if first.get(key) != second.get(key))
    raise StoreError(
        f"{run_b.paths.root}: not the benchmark of {run_a.paths.root} "
        f"(differs in {', '.join(keys)}); compare runs on the same data"
    )


def _benchmark_settings(run: Run) -> dict[str, Any]:
    settings = {"name": run.manifest.benchmark.name, **run.manifest.benchmark.settings}
    settings.pop("root", None)  # where the data is does not matter
    return settings


def _configurations(run: Run, columns: Sequence[MetricColumn]) -> dict[str, _Configuration]:
    """Resolved configuration as JSON -> what the run has of it."""
    found: dict[str, _Configuration] = {}
    for study in run.studies:
        summaries = {point.index: point for point in points_of(run, study)}
        measured = [measure(run, study, column, points=()) for column in columns]
        for index, config in configs_of(run, study).items():
            if not any(part.values.get(index) for part in measured):
                continue
            label = f"{study}: {summaries[index].label}"
            known = found.setdefault(
                json.dumps(config, sort_keys=True), _Configuration(label, summaries[index])
            )
            for part in measured:
                known.trials.update(part.trials.get(index, {}))
                known.values.setdefault(part.column, {}).update(part.values.get(index, {}))
    return found


def _as_one_study(
    runs: tuple[Run, Run],
    pairs: Sequence[tuple[_Configuration, _Configuration]],
    column: MetricColumn,
    settings: Resampling,
) -> Measured:
    """Join both runs: pair i is point 2i in the first run and 2i + 1 in the second."""
    values: dict[int, dict[int, float]] = {}
    trials: dict[int, dict[int, str]] = {}
    summaries: dict[int, PointSummary] = {}
    for number, pair in enumerate(pairs):
        for side, configuration in enumerate(pair):
            index = 2 * number + side
            values[index] = dict(sorted(configuration.values.get(column, {}).items()))
            # both runs may have the same trial, with different predictions
            trials[index] = {seed: f"{side}/{configuration.trials[seed]}" for seed in values[index]}
            summaries[index] = configuration.summary
    drawn = _common_draws(runs, trials, column, settings)
    return Measured(
        study="",
        column=column,
        points=summaries,
        trials=trials,
        values=values,
        draws=None if drawn is None else drawn.draws.astype(np.float32),
        draw_columns={} if drawn is None else drawn.columns,
        num_samples=0 if drawn is None else drawn.num_samples,
        synthetic=any(run.synthetic for run in runs),
    )


def _pool_of_both(pools: tuple[SeedPool | None, SeedPool | None]) -> SeedPool | None:
    """What the points of both runs say about the variance between seeds."""
    first, second = (_named(pool, side) for side, pool in enumerate(pools))
    return None if first is None or second is None else first.joined(second)


def _named(pool: SeedPool | None, side: int) -> SeedPool | None:
    """The pool with its trials named as those of the first or second run."""
    return None if pool is None else pool.renamed(f"{side}/")


@dataclass(frozen=True)
class _CommonDraws:
    """Draws of the samples that both runs predicted.

    Attributes:
        draws: (R, T) metric of each trial under each draw.
        columns: trial -> column of ``draws``.
        num_samples: samples of each draw.
    """

    draws: Floats
    columns: dict[str, int]
    num_samples: int


def _common_draws(
    runs: tuple[Run, Run],
    trials: Mapping[int, Mapping[int, str]],
    column: MetricColumn,
    settings: Resampling,
) -> _CommonDraws | None:
    """None where the metric cannot be recomputed on samples that both runs predicted."""
    predicted = runs[0].predicted(column.split), runs[1].predicted(column.split)
    if column.metric not in METRICS:
        return None
    every = dict.fromkeys(name for seeds in trials.values() for name in seeds.values())
    names = [name for name in every if predicted[int(name[0])].whole(name[2:])]
    places = _common_samples(*predicted, column.region)
    bins = predicted[0].bins
    needs_bins = column.metric.startswith("macro_")
    if places is None or len(places[0]) < 2 or not names or (needs_bins and bins is None):
        return None
    preds = np.stack([_preds_of(predicted, places, name) for name in names])  # (T, S)
    rng = rng_for(settings.seed, "samples", column.split, column.region)
    counts = sample_counts(len(places[0]), settings.num_draws, rng)
    labels = predicted[0].labels[places[0]]
    if column.metric.endswith("gm"):
        smallest = runs[0].manifest.benchmark.smallest_error
        preds = with_smallest_error(labels, preds, smallest)
    draws = replicates(
        column.metric, labels, preds, counts, None if bins is None else bins[places[0]]
    )
    return _CommonDraws(draws, {name: number for number, name in enumerate(names)}, len(places[0]))


def _common_samples(
    first: Predicted, second: Predicted, region: str
) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """Positions in both of the region's samples that have equal labels; None for no regions."""
    inside = first.inside(region)
    if inside is None:
        return None
    place_in_second = {sample: place for place, sample in enumerate(second.sample_ids)}
    pairs = []
    for here, sample in enumerate(first.sample_ids):
        there = place_in_second.get(sample)
        if inside[here] and there is not None and first.labels[here] == second.labels[there]:
            pairs.append((here, there))
    found = np.array(pairs, dtype=np.int64).reshape(len(pairs), 2)
    return found[:, 0], found[:, 1]


def _preds_of(
    predicted: tuple[Predicted, Predicted],
    places: tuple[NDArray[np.int64], NDArray[np.int64]],
    name: str,
) -> Floats:
    """(S,) predictions of a trial, named by its run's number and its id."""
    side, trial = int(name[0]), name[2:]
    found: Floats = predicted[side].preds[predicted[side].rows[trial]][places[side]]
    return found


def _compared(
    measured: Measured,
    alone: Sequence[Measured],
    number: int,
    pair: tuple[_Configuration, _Configuration],
    seed: int,
) -> ComparedPoint:
    a, b = (
        replace(
            found := interval_of(alone[side], 2 * number + side, seed=seed),
            study=configuration.label.partition(":")[0],
            trial_ids=_without_run_number(found.trial_ids),
        )
        for side, configuration in enumerate(pair)
    )
    difference = difference_of(measured, 2 * number + 1, 2 * number, seed=seed)
    difference = replace(
        difference,
        study=a.study,
        trial_ids=_without_run_number(difference.trial_ids),
        baseline_trial_ids=_without_run_number(difference.baseline_trial_ids),
    )
    return ComparedPoint(
        label_a=pair[0].label,
        label_b=pair[1].label,
        a=a,
        b=b,
        difference=difference,
        same_trials=set(difference.trial_ids) == set(difference.baseline_trial_ids),
    )


def _without_run_number(trial_ids: Sequence[str]) -> tuple[str, ...]:
    return tuple(name[2:] for name in trial_ids)
