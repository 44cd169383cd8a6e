"""Columns of a run's Arrow tables, and the outcome of a trial.

All tables are Arrow IPC files, uncompressed so that they can be memory-mapped. Schema metadata (all
values text):

===================  ===============================================================================
``dirsweep_schema``  version of these tables; a reader refuses a newer one
``synthetic``        ``true`` when any trial used a synthetic benchmark, else ``false``
``objective``        ``metric/region`` of the validation split by which epochs and points are chosen
``name``             the sweep's name
===================  ===============================================================================

``trials``: one row per (study, point, seed). A trial that several studies share has a row in each.

=============================  ===================  ==============================================
column                         type                 meaning
=============================  ===================  ==============================================
``trial_id``                   string               16 hex digits, hash of configuration,
                                                    benchmark, seed, versions
``study``                      string               the study's key in the sweep file
``point``                      int32                index of the point in its study, from 0
``label``                      string               what the point changes in the base:
                                                    ``gamma=100, lambda=2``
``seed``                       int64                of everything random in the trial
``status``                     string               complete, pruned, stopped, failed,
                                                    interrupted, or unfinished
``error``                      string?              the reason when failed
``synthetic``                  bool                 whether the benchmark is synthetic
``benchmark``                  string?              the benchmark's registered name
``benchmark_settings``         string?              the benchmark's settings, JSON
``overrides``                  string               dotted key -> value, what the point changes,
                                                    JSON
``config``                     string?              the resolved configuration, JSON
``started_at``                 timestamp[us, UTC]?  of the first attempt
``ended_at``                   timestamp[us, UTC]?  of the last attempt
``wall_time_s``                double?              seconds of work, start-up and testing
                                                    included, all attempts together
``training_time_s``            double?              seconds in its epochs, validation included,
                                                    start-up and testing not
``forward_time_s``             double?              seconds of it in forward passes
``best_epoch``                 int32?               the epoch chosen on validation, from 0
``num_epochs``                 int32?               epochs trained
``peak_memory_mib``            double?              of the accelerator, or of the process on a
                                                    CPU, MiB
``host``                       string?              the machine
``num_parameters``             int64?               trainable parameters
``attempts``                   int32                number of attempts; 0 before the first
``note``                       string?              why it was trained again, such as with more
                                                    GPU memory
``reused_from``                string?              the neighbouring run that trained it, where
                                                    the trial was reused
``started_from``               string?              the trial of the run from whose stored weights
                                                    it started, whose epochs and times are its own;
                                                    or the stored model that its configuration names
``config.<dotted>``            by content           one per key of the resolved configurations:
                                                    bool, int64, double or string (also where
                                                    kinds mix; lists as JSON); null where absent
``<split>_<metric>_<region>``  double?              of the best epoch; null for an empty region
=============================  ===================  ==============================================

``epochs``: one row per (trial, epoch); metrics are null where the epoch was not validated. Where it
was validated several times (``validate_every: {steps: N}``), they are those of the best of these.
Trials that are no points, but from which others started, have rows, too.

=========================  ====================  ===================================================
``trial_id``               dictionary<string>
``epoch``                  int32                 from 0
``stage``                  int32                 from 0; only schedules such as RRT have more than
                                                 one; a trial whose first stage is
                                                 another one's begins with 1
``lr``                     double?               learning rate of the epoch
``train_loss``             double?               mean over the epoch's steps; null when not finite
``loss_terms``             map<string, double>?  its terms: ``regression``, the task loss before
                                                 ConR's ``alpha``, and each regularizer by name,
                                                 with its weight
``forward_time_s``         double?               seconds of it from batches to losses: backbone,
                                                 smoothing, regularizers and the passes that gather
                                                 FDS's statistics; without data loading, backward
                                                 passes and validation
``epoch_time_s``           double?               seconds, validation included
``val_<metric>_<region>``  double?               also ``val_collapse_penalty_all``, scalar labels
                                                 only
=========================  ====================  ===================================================

``predictions``: one row per (trial, sample) of the validation and test splits, best epoch.

==============  ==================  =======================================
``trial_id``    dictionary<string>
``split``       dictionary<string>  ``val`` or ``test``
``sample_id``   dictionary<string>  the benchmark's stable id of the sample
``label``       double              label unit of the benchmark
``prediction``  double              label unit of the benchmark
==============  ==================  =======================================

A trial's own ``predictions.arrow`` has the last four, ``sample_id`` as plain strings.

``features``: one row per test sample in a trial's own ``features.arrow``, where ``store: {features:
true}``.

=============  ====================  ==============================================================
``split``      dictionary<string>    ``test``
``sample_id``  string                the benchmark's stable id of the sample
``label``      double                label unit of the benchmark
``features``   fixed list<float>[D]  what the backbone gave at the best epoch, before any smoothing
=============  ====================  ==============================================================

``bins``: one row per label bin of the benchmark, written when a run is started.

==========  ======  ================================================================================
``low``     double  lower edge, label unit
``high``    double  upper edge, label unit
``region``  string  ``many``, ``median``, ``few``: by the bin's training labels; ``zero``: none, on
                    purpose
``train``   int64   labels of the training split in the bin; ``val`` and ``test`` likewise
==========  ======  ================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, get_args

import pyarrow as pa
from pydantic import TypeAdapter, ValidationError

SCHEMA_VERSION = 1

Status = Literal["complete", "pruned", "stopped", "failed", "interrupted"]
#: whose fault a failure is: the configuration's (divergence, an impossible setting), or the
#: machine's (memory, a dead worker, a full disk), which says nothing about the point
Fault = Literal["point", "machine"]
STATUSES: tuple[Status, ...] = get_args(Status)
#: what the tables call a trial without an outcome
UNFINISHED = "unfinished"

TIME = pa.timestamp("us", tz="UTC")
WORD = pa.dictionary(pa.int32(), pa.string())

TRIAL_FIELDS: tuple[pa.Field, ...] = (
    pa.field("trial_id", pa.string(), nullable=False),
    pa.field("study", pa.string(), nullable=False),
    pa.field("point", pa.int32(), nullable=False),
    pa.field("label", pa.string(), nullable=False),
    pa.field("seed", pa.int64(), nullable=False),
    pa.field("status", pa.string(), nullable=False),
    pa.field("error", pa.string()),
    pa.field("synthetic", pa.bool_(), nullable=False),
    pa.field("benchmark", pa.string()),
    pa.field("benchmark_settings", pa.string()),
    pa.field("overrides", pa.string(), nullable=False),
    pa.field("config", pa.string()),
    pa.field("started_at", TIME),
    pa.field("ended_at", TIME),
    pa.field("wall_time_s", pa.float64()),
    pa.field("training_time_s", pa.float64()),
    pa.field("forward_time_s", pa.float64()),
    pa.field("best_epoch", pa.int32()),
    pa.field("num_epochs", pa.int32()),
    pa.field("peak_memory_mib", pa.float64()),
    pa.field("host", pa.string()),
    pa.field("num_parameters", pa.int64()),
    pa.field("attempts", pa.int32(), nullable=False),
    pa.field("note", pa.string()),
    pa.field("reused_from", pa.string()),
    pa.field("started_from", pa.string()),
)
#: columns that tables of earlier builds lack; readers do without them
LATER_FIELDS = frozenset({"forward_time_s", "reused_from", "started_from", "training_time_s"})
EPOCH_FIELDS: tuple[pa.Field, ...] = (
    pa.field("trial_id", WORD, nullable=False),
    pa.field("epoch", pa.int32(), nullable=False),
    pa.field("stage", pa.int32()),
    pa.field("lr", pa.float64()),
    pa.field("train_loss", pa.float64()),
    pa.field("loss_terms", pa.map_(pa.string(), pa.float64())),
    pa.field("forward_time_s", pa.float64()),
    pa.field("epoch_time_s", pa.float64()),
)
PREDICTION_FIELDS: tuple[pa.Field, ...] = (
    pa.field("trial_id", WORD, nullable=False),
    pa.field("split", WORD, nullable=False),
    pa.field("sample_id", WORD, nullable=False),
    pa.field("label", pa.float64()),
    pa.field("prediction", pa.float64()),
)
BIN_FIELDS: tuple[pa.Field, ...] = (
    pa.field("low", pa.float64(), nullable=False),
    pa.field("high", pa.float64(), nullable=False),
    pa.field("region", pa.string(), nullable=False),
    pa.field("train", pa.int64(), nullable=False),
    pa.field("val", pa.int64(), nullable=False),
    pa.field("test", pa.int64(), nullable=False),
)
#: a trial's own predictions
TRIAL_PREDICTIONS = pa.schema(
    [
        pa.field("split", WORD, nullable=False),
        pa.field("sample_id", pa.string(), nullable=False),
        pa.field("label", pa.float64()),
        pa.field("prediction", pa.float64()),
    ]
)


@dataclass(frozen=True)
class Outcome:
    """How a trial ended.

    Attributes:
        trial_id: as in ``TrialSpec``.
        status: complete: trained, chosen, tested. pruned: ended early by the scheduler. stopped: by
            a person, for good. failed: see ``error``. interrupted: from outside, may resume.
        error: one line, when failed.
        metrics: ``<split>_<metric>_<region>`` -> value of the best epoch; None for an empty region.
        best_epoch: counts from 0.
        num_epochs: epochs trained.
        wall_time_s: seconds of work, start-up and testing included, all attempts together.
        training_time_s: seconds in its epochs, validation included; None in outcomes of early
            builds, whose epochs say it.
        forward_time_s: seconds of it in forward passes; None in outcomes of early builds.
        started_at: of the first attempt, ISO 8601, UTC.
        ended_at: of the last attempt, ISO 8601, UTC.
        peak_memory_mib: MiB.
        host: the machine of the last attempt.
        attempts: number of times the trial was started.
        num_parameters: trainable ones.
        fault: whose fault it is, when failed; None in outcomes of early builds.
    """

    trial_id: str
    status: Status
    error: str | None = None
    metrics: dict[str, float | None] = field(default_factory=dict)
    best_epoch: int | None = None
    num_epochs: int = 0
    wall_time_s: float = 0.0
    training_time_s: float | None = None
    forward_time_s: float | None = None
    started_at: str | None = None
    ended_at: str | None = None
    peak_memory_mib: float | None = None
    host: str | None = None
    attempts: int = 1
    num_parameters: int | None = None
    fault: Fault | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return dict(self.__dict__)

    @classmethod
    def from_dict(cls, value: Any) -> Outcome | None:
        """Read what ``to_dict`` gave, ignoring unknown keys; None when it is no outcome."""
        try:
            return _outcomes().validate_python(value)
        except ValidationError:
            return None


@cache
def _outcomes() -> TypeAdapter[Outcome]:
    return TypeAdapter(Outcome)


def forward_time(rows: Sequence[Mapping[str, Any]]) -> float | None:
    """Return the seconds of a trial's epochs in forward passes; None where one does not say."""
    seconds = [row.get("forward_time_s") for row in rows]
    measured = [time for time in seconds if time is not None]
    return sum(measured) if rows and len(measured) == len(seconds) else None


def table_metadata(*, synthetic: bool, objective: str, name: str) -> dict[str, str]:
    """Return the schema metadata of every table of a run."""
    return {
        "dirsweep_schema": str(SCHEMA_VERSION),
        "synthetic": "true" if synthetic else "false",
        "objective": objective,
        "name": name,
    }


def _features_schema(feature_dim: int) -> pa.Schema:
    return pa.schema(
        [
            pa.field("split", WORD, nullable=False),
            pa.field("sample_id", pa.string(), nullable=False),
            pa.field("label", pa.float64()),
            pa.field("features", pa.list_(pa.float32(), feature_dim), nullable=False),
        ]
    )


def is_features_table(schema: pa.Schema) -> bool:
    """Return whether it is the schema of a trial's features, of any dimension."""
    kind = schema.field("features").type if schema.names[-1:] == ["features"] else pa.null()
    return bool(
        pa.types.is_fixed_size_list(kind) and schema.equals(_features_schema(kind.list_size))
    )


def features_table(split: str, ids: Sequence[str], labels: Any, features: Any) -> pa.Table:
    """Return a trial's features as its file stores them.

    Args:
        split: the samples' split.
        ids: N sample ids.
        labels: (N,) label unit, as anything numpy understands.
        features: (N, D) float32 array, not copied.

    Returns:
        Columns ``split``, ``sample_id``, ``label``, ``features``.
    """
    dim = features.shape[1]
    columns = [
        pa.array([split] * len(ids)).dictionary_encode(),
        pa.array(ids, pa.string()),
        pa.array(labels).cast(pa.float64()),
        pa.FixedSizeListArray.from_arrays(pa.array(features.reshape(-1), pa.float32()), dim),
    ]
    return pa.table(columns, schema=_features_schema(dim))


def predictions_table(splits: Mapping[str, tuple[Sequence[str], Any, Any]]) -> pa.Table:
    """Return a trial's predictions as its file stores them.

    Args:
        splits: split name -> (N sample ids, (N,) labels, (N,) predictions), labels and predictions
            in the label unit, as anything numpy understands.
    """
    parts = [
        pa.table(
            [
                pa.array([split] * len(ids)).dictionary_encode(),
                pa.array(ids, pa.string()),
                pa.array(labels).cast(pa.float64()),
                pa.array(predictions).cast(pa.float64()),
            ],
            schema=TRIAL_PREDICTIONS,
        )
        for split, (ids, labels, predictions) in splits.items()
    ]
    if not parts:
        return TRIAL_PREDICTIONS.empty_table()
    return pa.concat_tables(parts).unify_dictionaries().combine_chunks()
