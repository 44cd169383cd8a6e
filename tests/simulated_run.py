"""A run's tables as training leaves them, drawn from known effects, for tests of statistics."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import yaml

from dirsweep.config.labels import label_of
from dirsweep.config.trial_keys import flatten
from dirsweep.run.bins import Bins
from dirsweep.run.collect import config_columns, metric_value_columns
from dirsweep.run.folder import RunPaths
from dirsweep.run.tables import (
    EPOCH_FIELDS,
    PREDICTION_FIELDS,
    TRIAL_FIELDS,
    table_metadata,
)
from dirsweep.training import metrics
from tests.made_up_run import write_bins


@dataclass(frozen=True)
class SimulatedPoint:
    """One point of a simulated study.

    Attributes:
        overrides: dotted key -> value.
        shift: added to the size of its errors, by region; "all" counts for every region.
        seeds: of its trials.
        statuses: seed -> status of the trials that are not complete.
    """

    overrides: dict[str, Any] = field(default_factory=dict)
    shift: Mapping[str, float] = field(default_factory=dict)
    seeds: Sequence[int] = (0, 1, 2)
    statuses: Mapping[int, str] = field(default_factory=dict)


def simulate(
    root: Path,
    studies: Mapping[str, Sequence[SimulatedPoint]],
    *,
    num_samples: int = 200,
    seed_deviation: float = 0.1,
    noise: float = 1.0,
    synthetic: bool = False,
    metric: str = "mae",
    specs: Mapping[str, Any] | None = None,
    base: Mapping[str, Any] | None = None,
    benchmark: str = "agedb-dir",
    settings: Mapping[str, Any] | None = None,
    draw: int = 0,
    predictions: bool = True,
    names: Sequence[str] | None = None,
) -> RunPaths:
    """Write a run whose errors are sign x abs(5 + sample + point + seed + noise).

    The metrics in the trials table follow from these errors.

    Args:
        root: the run's folder.
        studies: study -> its points.
        num_samples: samples of each split.
        seed_deviation: deviation of a seed's mean error.
        noise: deviation of the part of a sample's error that differs between trials.
        synthetic: whether the benchmark is synthetic.
        metric: of the objective.
        specs: study -> what the sweep file states about it.
        base: the sweep's base.
        benchmark: its name, unless synthetic.
        settings: what the sweep states about it.
        draw: number of the run among equally distributed ones.
        predictions: whether the run keeps its predictions.
        names: metrics to compute, all by default.
    """
    paths = RunPaths(root)
    settings = {**(settings or {}), "name": "synthetic-agedb" if synthetic else benchmark}
    base = {"loss": {"name": "l1"}, "epochs": 90, **(base or {})}
    spec = {
        "name": "simulated",
        "benchmark": settings,
        "base": base,
        "studies": {name: dict((specs or {}).get(name, {})) for name in studies},
        "objective": {"metric": metric, "region": "all"},
    }
    paths.spec.write(yaml.safe_dump(spec, sort_keys=False).encode())
    bins = write_bins(paths, metric=metric, synthetic=synthetic)
    rng = np.random.default_rng([draw, num_samples])
    samples = _Samples.drawn(bins, num_samples, rng)
    rows: list[dict[str, Any]] = []
    ids: list[str] = []
    preds: list[np.ndarray] = []
    wanted = tuple(metrics.METRICS) if names is None else tuple(names)
    for trial, point, row in _planned_rows(studies, base, settings, synthetic):
        rows.append(row)
        if row["status"] != "complete":
            continue
        luck = rng.normal() * seed_deviation
        found = {split: samples.predict(split, point, luck, noise, rng) for split in SPLITS}
        for split, values in found.items():
            computed = metrics.compute(samples.labels[split], values, bins, wanted)
            row |= {f"{split}_{name}": value for name, value in computed.items()}
        ids.append(trial)
        preds.append(np.concatenate(list(found.values())))
    metadata = table_metadata(synthetic=synthetic, objective=f"{metric}/all", name="simulated")
    paths.trials_table.write_table(_trials(rows, metadata))
    paths.epochs_table.write_table(pa.schema(EPOCH_FIELDS, metadata).empty_table())
    kept = ids if predictions else []
    paths.predictions_table.write_table(_predictions(kept, samples.labels, preds, metadata))
    return paths


SPLITS = ("val", "test")


@dataclass(frozen=True)
class _Samples:
    """What the samples of each split have in common in all trials.

    Attributes:
        labels: (S,) years.
        regions: (S,) shot regions.
        hard: (S,) part of the error that is the sample's own.
        signs: (S,) direction of the error.
    """

    labels: dict[str, np.ndarray]
    regions: dict[str, np.ndarray]
    hard: dict[str, np.ndarray]
    signs: dict[str, np.ndarray]

    @classmethod
    def drawn(cls, bins: Bins, num: int, rng: np.random.Generator) -> _Samples:
        labels = {split: np.sort(rng.uniform(5, 95, num)) for split in SPLITS}
        return cls(
            labels=labels,
            regions={split: bins.region_of(values) for split, values in labels.items()},
            hard={split: rng.normal(size=num) for split in SPLITS},
            signs={split: rng.choice([-1.0, 1.0], num) for split in SPLITS},
        )

    def predict(
        self, split: str, point: SimulatedPoint, luck: float, noise: float, rng: np.random.Generator
    ) -> np.ndarray:
        """(S,) predictions of one trial; ``luck`` is the error of its seed."""
        everywhere = point.shift.get("all", 0.0)
        regions = self.regions[split]
        shift = np.array([everywhere + point.shift.get(region, 0.0) for region in regions])
        size = np.abs(5 + self.hard[split] + shift + luck + noise * rng.normal(size=len(regions)))
        found: np.ndarray = self.labels[split] + self.signs[split] * size
        return found


def _planned_rows(
    studies: Mapping[str, Sequence[SimulatedPoint]],
    base: Mapping[str, Any],
    settings: Mapping[str, Any],
    synthetic: bool,
) -> Iterator[tuple[str, SimulatedPoint, dict[str, Any]]]:
    """Trial, point and row of the trials table, without metrics, of every seed of every point."""
    for study, points in studies.items():
        for index, point in enumerate(points):
            config = {**flatten(base), **_plain(point.overrides)}
            for seed in point.seeds:
                trial = f"{study}-{index}-{seed}"
                row: dict[str, Any] = dict.fromkeys(f.name for f in TRIAL_FIELDS)
                row |= {
                    "trial_id": trial,
                    "study": study,
                    "point": index,
                    "label": label_of(point.overrides),
                    "seed": seed,
                    "status": point.statuses.get(seed, "complete"),
                    "synthetic": synthetic,
                    "benchmark": settings["name"],
                    "benchmark_settings": json.dumps(settings),
                    "overrides": json.dumps(point.overrides),
                    "config": json.dumps(config, sort_keys=True),
                    "wall_time_s": 10.0,
                    "attempts": 1,
                    "started_at": datetime(2026, 1, 2, tzinfo=UTC),
                }
                yield trial, point, row | {f"config.{key}": config[key] for key in config}


def _plain(overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Give a regularizer that is switched on a parameter, as in a resolved configuration."""
    found: dict[str, Any] = {}
    for key, value in overrides.items():
        if not (key.startswith("regularizers.") and key.count(".") == 1):
            found[key] = value
        elif value not in (None, False):
            found[f"{key}.gamma"] = 1.0
    return found


def _trials(rows: list[dict[str, Any]], metadata: dict[str, str]) -> pa.Table:
    columns = {
        field: pa.array([row[field.name] for row in rows], field.type) for field in TRIAL_FIELDS
    }
    columns |= config_columns([_config_of(row) for row in rows])
    columns |= metric_value_columns(rows)
    return pa.table(list(columns.values()), schema=pa.schema(list(columns), metadata))


def _config_of(row: Mapping[str, Any]) -> dict[str, Any]:
    prefix = "config."
    return {key.removeprefix(prefix): row[key] for key in row if key.startswith(prefix)}


def _predictions(
    ids: list[str],
    labels: dict[str, np.ndarray],
    preds: list[np.ndarray],
    metadata: dict[str, str],
) -> pa.Table:
    schema = pa.schema(PREDICTION_FIELDS, metadata)
    names = [
        f"{split}{number}" for split, values in labels.items() for number in range(len(values))
    ]
    exact = np.concatenate(list(labels.values()))
    splits = np.repeat(np.arange(len(labels)), [len(values) for values in labels.values()])
    batches = []
    for code in range(len(ids)):
        columns = [
            _dictionary(np.full(len(exact), code), ids),
            _dictionary(splits, list(labels)),
            _dictionary(np.arange(len(exact)), names),
            pa.array(exact),
            pa.array(preds[code]),
        ]
        batches.append(pa.record_batch(columns, schema=schema))
    return pa.Table.from_batches(batches, schema)


def _dictionary(codes: np.ndarray, words: list[str]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), pa.array(words, pa.string()))
