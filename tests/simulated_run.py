"""A run's tables as a training would have left them, drawn from known effects: for tests of the
statistics.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import yaml

from dirsweep.config.labels import label_of
from dirsweep.domain import metric_columns
from dirsweep.run.bins import Bins
from dirsweep.run.folder import RunPaths
from dirsweep.run.reader import _read_table
from dirsweep.run.tables import (
    BIN_FIELDS,
    EPOCH_FIELDS,
    PREDICTION_FIELDS,
    TRIAL_FIELDS,
    table_metadata,
)
from dirsweep.training import metrics
from tests.made_up_run import write_bins


@dataclass(frozen=True)
class SimulatedPoint:
    """One point.

    Attributes:
        overrides: dotted key -> value.
        shift: added to the size of its errors, by region; "all" counts for every region.
        seeds: of its trials.
        statuses: seed -> status of those that are not complete.
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
    draw: int = 0,
    predictions: bool = True,
    names: Sequence[str] | None = None,
) -> RunPaths:
    """Errors of a sample: sign x |5 + sample + point + seed + noise|; the metrics in the trials
    table follow from them.

    Args:
        seed_deviation: of a seed's mean error. noise: of sample by sample noise that differs
            between trials.
        specs: study -> what the sweep says of it. base: the sweep's base.
        draw: which of many equally distributed runs.
        names: metrics to be computed, all by default.
    """
    paths = RunPaths(root)
    settings = {"name": "synthetic-agedb" if synthetic else benchmark}
    base = {"loss": {"name": "l1"}, "epochs": 90, **(base or {})}
    spec = {
        "name": "simulated",
        "benchmark": settings,
        "base": base,
        "studies": {name: dict((specs or {}).get(name, {})) for name in studies},
        "objective": {"metric": metric, "region": "all"},
    }
    paths.spec.write(yaml.safe_dump(spec, sort_keys=False).encode())
    write_bins(paths, metric=metric, synthetic=synthetic)
    bins = Bins.from_arrow(_read_table(paths, paths.bins_table, BIN_FIELDS))
    rng = np.random.default_rng([draw, num_samples])
    labels = {split: np.sort(rng.uniform(5, 95, num_samples)) for split in ("val", "test")}
    regions = {split: bins.region_of(values) for split, values in labels.items()}
    hard = {split: rng.normal(size=num_samples) for split in labels}
    signs = {split: rng.choice([-1.0, 1.0], num_samples) for split in labels}
    rows: list[dict[str, Any]] = []
    ids: list[str] = []
    matrix: dict[str, list[np.ndarray]] = {split: [] for split in labels}
    wanted = tuple(metrics.METRICS) if names is None else tuple(names)
    for study, points in studies.items():
        for index, point in enumerate(points):
            config = {**_flat(base), **_plain(point.overrides)}
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
                } | {f"config.{key}": value for key, value in config.items()}
                rows.append(row)
                if row["status"] != "complete":
                    continue
                ids.append(trial)
                luck = rng.normal() * seed_deviation
                for split, exact in labels.items():
                    shift = np.array(
                        [
                            point.shift.get("all", 0.0) + point.shift.get(r, 0.0)
                            for r in regions[split]
                        ]
                    )
                    size = np.abs(
                        5 + hard[split] + shift + luck + noise * rng.normal(size=num_samples)
                    )
                    preds = exact + signs[split] * size
                    matrix[split].append(preds)
                    found = metrics.compute(exact, preds, bins, wanted)
                    row |= {f"{split}_{name}": value for name, value in found.items()}
    metadata = table_metadata(synthetic=synthetic, objective=f"{metric}/all", name="simulated")
    paths.trials_table.write_table(_trials(rows, metadata))
    paths.epochs_table.write_table(pa.schema(EPOCH_FIELDS, metadata).empty_table())
    paths.predictions_table.write_table(
        _predictions(ids if predictions else [], labels, matrix, metadata)
    )
    return paths


def _flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, item in value.items():
        flat |= (
            _flat(item, f"{prefix}{key}.")
            if isinstance(item, Mapping)
            else {f"{prefix}{key}": item}
        )
    return flat


def _plain(overrides: Mapping[str, Any]) -> dict[str, Any]:
    """A regularizer that is switched on gets a parameter, as a resolved configuration has it."""
    found: dict[str, Any] = {}
    for key, value in overrides.items():
        if key.startswith("regularizers.") and key.count(".") == 1:
            found |= {f"{key}.gamma": 1.0} if value not in (None, False) else {}
        else:
            found[key] = value
    return found


def _trials(rows: list[dict[str, Any]], metadata: dict[str, str]) -> pa.Table:
    fields = list(TRIAL_FIELDS)
    known = {field.name for field in fields}
    keys = dict.fromkeys(key for row in rows for key in row if key not in known)
    measured = [column.name for column in metric_columns(keys)]
    columns = [pa.array([row[field.name] for row in rows], field.type) for field in fields]
    for key in sorted(key for key in keys if key.startswith("config.")):
        values = [row.get(key) for row in rows]
        mixed = len({type(value) for value in values if value is not None} - {int, float}) and any(
            isinstance(value, int | float) for value in values
        )
        columns.append(
            pa.array([None if v is None else json.dumps(v) for v in values] if mixed else values)
        )
        fields.append(pa.field(key, columns[-1].type))
    for name in measured:
        columns.append(pa.array([row.get(name) for row in rows], pa.float64()))
        fields.append(pa.field(name, pa.float64()))
    return pa.table(columns, schema=pa.schema(fields, metadata))


def _predictions(
    ids: list[str],
    labels: dict[str, np.ndarray],
    matrix: dict[str, list[np.ndarray]],
    metadata: dict[str, str],
) -> pa.Table:
    schema = pa.schema(PREDICTION_FIELDS, metadata)
    names = {
        split: [f"{split}{number}" for number in range(len(values))]
        for split, values in labels.items()
    }
    trials, splits = pa.array(ids, pa.string()), pa.array(list(labels))
    samples = pa.array([name for part in names.values() for name in part])
    batches = []
    for code in range(len(ids)):
        exact = np.concatenate(list(labels.values()))
        which = np.repeat(np.arange(len(labels)), [len(values) for values in labels.values()])
        batches.append(
            pa.record_batch(
                [
                    pa.DictionaryArray.from_arrays(
                        pa.array(np.full(len(exact), code), pa.int32()), trials
                    ),
                    pa.DictionaryArray.from_arrays(pa.array(which, pa.int32()), splits),
                    pa.DictionaryArray.from_arrays(
                        pa.array(np.arange(len(exact)), pa.int32()), samples
                    ),
                    pa.array(exact),
                    pa.array(np.concatenate([matrix[split][code] for split in labels])),
                ],
                schema=schema,
            )
        )
    return pa.Table.from_batches(batches, schema)
