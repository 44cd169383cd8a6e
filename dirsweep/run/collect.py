"""Builder of a run's tables from its ledger and its trials' folders; may be used at any time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dirsweep.config.trial import canonical_json
from dirsweep.config.trial_keys import flatten
from dirsweep.domain import metric_columns
from dirsweep.errors import StoreError
from dirsweep.run.external import EXTERNAL, ExternalResult, read_external
from dirsweep.run.files import StoredFile
from dirsweep.run.folder import RunPaths, TrialFolder
from dirsweep.run.ledger import read_state
from dirsweep.run.manifest import read_manifest
from dirsweep.run.state import RunState, StudyPoint, TrialRecord
from dirsweep.run.synthetic_mark import is_synthetic
from dirsweep.run.tables import (
    EPOCH_FIELDS,
    PREDICTION_FIELDS,
    TRIAL_FIELDS,
    UNFINISHED,
    Outcome,
    table_metadata,
)


@dataclass(frozen=True)
class _Trial:
    """What a trial's folder and the ledger hold.

    Attributes:
        spec: what the worker recorded when it started; empty before that.
        outcome: how the trial ended; None while it has not.
        record: of the ledger.
    """

    spec: dict[str, Any]
    outcome: Outcome | None
    record: TrialRecord

    def config(self, point: StudyPoint) -> dict[str, Any] | None:
        """Return the resolved configuration, the point's own before the trial has started."""
        config = self.spec.get("config", point.config)
        return config if isinstance(config, dict) else None


def collect(paths: RunPaths) -> None:
    """Write ``trials.arrow``, ``epochs.arrow`` and ``predictions.arrow`` anew, each in one step.

    Points come from the ledger's ``proposed`` events; everything else from the trials' folders. A
    trial without an outcome is ``unfinished``. Memory stays bounded: predictions are copied from
    file to file, one trial at a time.

    Args:
        paths: the run's files.

    Raises:
        StoreError: not the folder of a run, a damaged ledger, or a table that cannot be written.
    """
    manifest, state = read_manifest(paths), read_state(paths.ledger)
    trial_ids = list(state.proposed_trials())
    trials = {trial_id: _read_trial(paths, state.trials[trial_id]) for trial_id in trial_ids}
    metadata = table_metadata(
        synthetic=is_synthetic(
            paths, manifest.benchmark.name, [trial.spec for trial in trials.values()]
        ),
        objective=manifest.objective.name,
        name=manifest.name,
    )
    # predictions first: a reader that finds a trial in the trials table finds its predictions, too
    external = list(read_external(paths))
    files = {trial_id: paths.trial(trial_id).predictions for trial_id in trial_ids}
    files |= {result.trial_id: paths.external(result.trial_id).predictions for result in external}
    _write_predictions(paths, files, metadata)
    with_first = [*trial_ids, *state.required_trials()]
    paths.epochs_table.write_table(_epochs_table(paths, with_first, metadata))
    paths.trials_table.write_table(_trials_table(state, trials, external, metadata))


def _read_trial(paths: RunPaths, record: TrialRecord) -> _Trial:
    folder = TrialFolder(paths.trial(record.trial_id))
    spec, outcome = folder.paths.spec.read_json(), folder.outcome()
    if outcome is not None and outcome.training_time_s is None:  # of an early build
        seconds = [row.get("epoch_time_s") for row in folder.read_epochs()]
        found = sum(time for time in seconds if time is not None)
        outcome = replace(outcome, training_time_s=found if seconds else None)
    return _Trial(spec if isinstance(spec, dict) else {}, outcome, record)


# ---- trials


def _trials_table(
    state: RunState,
    trials: Mapping[str, _Trial],
    external: Sequence[ExternalResult],
    metadata: dict[str, str],
) -> pa.Table:
    synthetic = metadata["synthetic"] == "true"
    rows: list[dict[str, Any]] = []
    for point in state.points.values():
        label = state.label(point.study, point.index)
        for seed, trial_id in point.trials.items():
            row = _trial_row(point, seed, trials[trial_id], synthetic=synthetic)
            rows.append(row | {"label": label})
    rows += [_external_row(index, result) for index, result in enumerate(external)]
    columns = {
        field: pa.array([row[field.name] for row in rows], field.type) for field in TRIAL_FIELDS
    }
    columns |= config_columns([row["flat_config"] for row in rows])
    columns |= metric_value_columns([row["metrics"] for row in rows])
    return pa.table(list(columns.values()), schema=pa.schema(list(columns), metadata))


def config_columns(configs: Sequence[Mapping[str, Any]]) -> dict[pa.Field, pa.Array]:
    """Return the columns ``config.<dotted>`` of flat configurations, one per key of any."""
    columns = {}
    for key in sorted({key for config in configs for key in config}):
        column = _column_by_content([config.get(key) for config in configs])
        columns[pa.field(f"config.{key}", column.type)] = column
    return columns


def metric_value_columns(metrics: Sequence[Mapping[str, Any]]) -> dict[pa.Field, pa.Array]:
    """Return the columns of metrics in the tables' order; other keys are ignored."""
    names = [column.name for column in metric_columns(name for row in metrics for name in row)]
    return {
        pa.field(name, pa.float64()): pa.array([row.get(name) for row in metrics], pa.float64())
        for name in names
    }


def _trial_row(point: StudyPoint, seed: int, trial: _Trial, *, synthetic: bool) -> dict[str, Any]:
    """Return the values of ``TRIAL_FIELDS`` but the label, ``metrics`` and ``flat_config``."""
    benchmark, config = trial.spec.get("benchmark"), trial.config(point)
    row: dict[str, Any] = dict.fromkeys(field.name for field in TRIAL_FIELDS)
    row |= {
        "trial_id": trial.record.trial_id,
        "study": point.study,
        "point": point.index,
        "seed": seed,
        "status": UNFINISHED,
        "synthetic": bool(trial.spec.get("synthetic", synthetic)),
        "benchmark": benchmark.get("name") if isinstance(benchmark, dict) else None,
        "benchmark_settings": canonical_json(benchmark) if isinstance(benchmark, dict) else None,
        # in the order of the sweep file, as in the label
        "overrides": json.dumps(point.overrides),
        "config": None if config is None else canonical_json(config),
        "flat_config": flatten(config or {}),
        "started_at": _time(trial.spec.get("started_at")),
        "attempts": int(trial.spec.get("attempt", bool(trial.spec))),
        "note": "; ".join(trial.record.notes) or None,
        "reused_from": trial.record.reused_from,
        "started_from": _started_from(trial.spec, config or {}),
        "metrics": {},
    }
    outcome = trial.outcome
    if outcome is not None:
        row |= {key: value for key, value in outcome.to_dict().items() if key != "trial_id"}
        row["started_at"], row["ended_at"] = _time(outcome.started_at), _time(outcome.ended_at)
    return row


def _external_row(index: int, result: ExternalResult) -> dict[str, Any]:
    """Return the same values of a result that other code has computed."""
    row: dict[str, Any] = dict.fromkeys(field.name for field in TRIAL_FIELDS)
    return row | {
        "trial_id": result.trial_id,
        "study": EXTERNAL,
        "point": index,
        "label": result.name,
        "seed": 0,
        "status": "complete",
        "synthetic": result.synthetic,
        "benchmark": result.benchmark.get("name"),
        "benchmark_settings": canonical_json(result.benchmark),
        "overrides": "{}",
        "ended_at": _time(result.added_at),
        "attempts": 0,
        "note": f"predictions of {PurePath(result.source).name}",
        "flat_config": {},
        "metrics": result.metrics,
    }


def _started_from(spec: Mapping[str, Any], config: Mapping[str, Any]) -> str | None:
    """Return the trial, or the path of the model, from whose weights a trial started."""
    model = config.get("start_from")
    return spec.get("starts_from") or (model if isinstance(model, str) else None)


def _time(text: Any) -> datetime | None:
    if not isinstance(text, str):
        return None
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return None


def _column_by_content(values: list[Any]) -> pa.Array:
    """Return a column of bool, int64 or double, or of strings where types are mixed."""
    kinds = {type(value) for value in values if value is not None}
    if kinds == {bool}:
        return pa.array(values, pa.bool_())
    if kinds == {int}:
        return pa.array(values, pa.int64())
    if kinds and kinds <= {int, float}:
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    return pa.array(
        [v if v is None or isinstance(v, str) else json.dumps(v) for v in values], pa.string()
    )


# ---- epochs


def _epochs_table(paths: RunPaths, trial_ids: list[str], metadata: dict[str, str]) -> pa.Table:
    parts = [_epochs_of(TrialFolder(paths.trial(trial_id)).read_epochs()) for trial_id in trial_ids]
    counts = [len(next(iter(part.values()))) for part in parts]
    metrics = metric_columns(key for part in parts for key in part)
    codes = pa.array([code for code, count in enumerate(counts) for _ in range(count)], pa.int32())
    columns: list[pa.Array | pa.ChunkedArray] = [
        pa.DictionaryArray.from_arrays(codes, pa.array(trial_ids, pa.string()))
    ]
    for field in (*EPOCH_FIELDS[1:], *(pa.field(metric.name, pa.float64()) for metric in metrics)):
        chunks = [
            part.get(field.name, pa.nulls(count, field.type))
            for part, count in zip(parts, counts, strict=True)
        ]
        column = pa.chunked_array(chunks, field.type).combine_chunks()
        columns.append(column)
    fields = [*EPOCH_FIELDS, *(pa.field(metric.name, pa.float64()) for metric in metrics)]
    return pa.table(columns, schema=pa.schema(fields, metadata))


def _epochs_of(rows: list[dict[str, Any]]) -> dict[str, pa.Array]:
    """Return a trial's epochs by column: as rows they would take ten times the memory."""
    fields = {field.name: field.type for field in EPOCH_FIELDS[1:]}
    fields |= {metric.name: pa.float64() for metric in metric_columns(set().union(*rows))}
    return {name: _column([row.get(name) for row in rows], kind) for name, kind in fields.items()}


def _column(values: list[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_map(kind):
        values = [list(value.items()) if isinstance(value, dict) else None for value in values]
    try:
        return pa.array(values, kind)
    except (pa.ArrowException, TypeError):
        # a trial wrote values of other types: numbers are kept, the rest is null
        return pa.array([_number(value, kind) for value in values], kind)


def _number(value: Any, kind: pa.DataType) -> float | int | None:
    if not isinstance(value, int | float) or pa.types.is_map(kind):
        return None
    return float(value) if pa.types.is_floating(kind) else int(value)


# ---- predictions


def _write_predictions(
    paths: RunPaths, files: Mapping[str, StoredFile], metadata: dict[str, str]
) -> None:
    schema = pa.schema(PREDICTION_FIELDS, metadata)
    # an Arrow file allows one dictionary per column, so the ids are gathered before anything is
    # written
    trials = pa.array(list(files), pa.string())
    splits, samples = _dictionaries(files.values())
    with paths.predictions_table.writing() as sink, pa.ipc.new_file(sink, schema) as writer:
        for code, file in enumerate(files.values()):
            table = _open_predictions(file)
            if table is None:
                continue
            trial_codes = pa.repeat(pa.scalar(code, pa.int32()), len(table))
            columns = [
                pa.DictionaryArray.from_arrays(trial_codes, trials),
                pa.DictionaryArray.from_arrays(_codes(table["split"], splits), splits),
                pa.DictionaryArray.from_arrays(_codes(table["sample_id"], samples), samples),
                table["label"].combine_chunks(),
                table["prediction"].combine_chunks(),
            ]
            writer.write_batch(pa.record_batch(columns, schema=schema))


def _codes(column: pa.ChunkedArray, dictionary: pa.Array) -> pa.Array:
    return pc.index_in(column.cast(pa.string()).combine_chunks(), dictionary)


def _dictionaries(files: Iterable[StoredFile]) -> tuple[pa.Array, pa.Array]:
    splits, samples = pa.array([], pa.string()), pa.array([], pa.string())
    for table in _tables(files):
        splits = _extended(splits, table["split"])
        samples = _extended(samples, table["sample_id"])
    return splits, samples


def _extended(known: pa.Array, column: pa.ChunkedArray) -> pa.Array:
    values = pc.unique(column.cast(pa.string()))
    new = values.filter(pc.invert(pc.is_in(values, known)))
    return pa.concat_arrays([known, new]) if len(new) else known


def _tables(files: Iterable[StoredFile]) -> Iterator[pa.Table]:
    return (table for file in files if (table := _open_predictions(file)) is not None)


def _open_predictions(file: StoredFile) -> pa.Table | None:
    """Return the table, not yet read from the disk; None when absent or damaged."""
    try:
        table = file.read_table()
        names = [field.name for field in PREDICTION_FIELDS[1:]]
        return None if table is None else table.select(names)
    except (StoreError, KeyError):
        return None
