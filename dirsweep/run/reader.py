"""A run opened for reading: its tables, its sweep, its origin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from dirsweep.errors import NoResultError, StoreError
from dirsweep.run.bins import Bins
from dirsweep.run.external import EXTERNAL
from dirsweep.run.files import StoredFile
from dirsweep.run.folder import RunPaths
from dirsweep.run.manifest import Manifest, read_spec, recorded_facts
from dirsweep.run.predictions import Predicted, predicted
from dirsweep.run.tables import (
    BIN_FIELDS,
    EPOCH_FIELDS,
    LATER_FIELDS,
    PREDICTION_FIELDS,
    SCHEMA_VERSION,
    TRIAL_FIELDS,
    is_features_table,
)

T = TypeVar("T")


@dataclass(frozen=True)
class Run:
    """A run opened by ``open_run``; every table is memory-mapped on first use and kept.

    Attributes:
        paths: its files.
        spec: the resolved sweep as plain data.
    """

    paths: RunPaths
    spec: dict[str, Any]

    @property
    def manifest(self) -> Manifest:
        """What the run was asked to do."""

        def make() -> Manifest:
            recorded = recorded_facts(self.provenance)
            return Manifest.from_dict(self.spec, run_name=self.paths.name, recorded=recorded)

        return self.once(("manifest",), make)

    @property
    def name(self) -> str:
        """What a person calls the run: its folder, which may have been renamed since."""
        return self.paths.name or self.manifest.name

    @property
    def objective(self) -> tuple[str, str]:
        """(metric, region) of the validation split by which points are chosen."""
        return self.manifest.objective.metric, self.manifest.objective.region

    @property
    def synthetic(self) -> bool:
        """Whether its figures come from a synthetic benchmark."""
        return bool((self._trials.schema.metadata or {}).get(b"synthetic") == b"true")

    @property
    def studies(self) -> list[str]:
        """Studies with at least one point, in the order of the sweep file, then of the table.

        Results that other code has computed are no study, see ``run.external``.
        """
        present = [
            name for name in pc.unique(self._trials["study"]).to_pylist() if name != EXTERNAL
        ]
        planned = [study for study in self.manifest.studies if study in present]
        return planned + [study for study in present if study not in planned]

    @cached_property
    def provenance(self) -> dict[str, Any]:
        """``{"sessions": [...]}``, see ``run.provenance``; empty when absent or damaged."""
        value = self.paths.provenance.read_json()
        return value if isinstance(value, dict) else {}

    def trials(self) -> pa.Table:
        """Return one row per (study, point, seed), and per result of other code."""
        return self._trials

    def own_trials(self) -> pa.Table:
        """Return the rows of ``trials`` that the run has trained itself or reused."""
        return self._trials.filter(pc.not_equal(self._trials["study"], EXTERNAL))

    def epochs(self) -> pa.Table:
        """Return one row per (trial, epoch)."""
        return self._epochs

    def predictions(self) -> pa.Table:
        """Return one row per (trial, sample)."""
        return self._predictions

    def bins(self) -> Bins | None:
        """Return the label bins; None for a run of a build that did not keep them.

        `dirsweep run` adds them to such a run.
        """
        return self._bins

    def features(self, trial_id: str) -> pa.Table | None:
        """Return a trial's test features, one row per sample; None when they are not stored.

        Args:
            trial_id: the trial.

        Raises:
            StoreError: the file is damaged.
        """
        file = self.paths.trial(trial_id).features
        again = "remove it, and figures of features omit the trial"
        table = _read(file, again)
        if table is None:
            return None
        if not is_features_table(table.schema):
            raise StoreError(f"{file}: not a table of features; {again}")
        return table

    def predicted(self, split: str) -> Predicted:
        """Return the predictions of ``val`` or ``test``, trials by samples; computed once."""
        return self.once(
            ("predicted", split), lambda: predicted(self.predictions(), split, self.bins())
        )

    def once(self, key: tuple[Any, ...], make: Callable[[], T]) -> T:
        """Return what ``make`` gives, called on the first use of ``key`` only."""
        if key not in self.memo:
            self.memo[key] = make()
        found: T = self.memo[key]
        return found

    @cached_property
    def memo(self) -> dict[Any, Any]:
        """Values computed from the tables once, by keys that their users choose."""
        return {}

    def require_finished(self) -> Run:
        """Return the run itself, if it has results.

        Raises:
            NoResultError: none of its trials is complete.
        """
        counts = pc.value_counts(self.own_trials()["status"]).to_pylist()
        by_status = {item["values"]: item["counts"] for item in counts}
        if by_status.get("complete"):
            return self
        found = ", ".join(f"{count} {status}" for status, count in sorted(by_status.items()))
        raise NoResultError(
            f"{self.paths.root}: no complete trial to report on ({found or 'none proposed'}); "
            "`dirsweep resume` continues the run"
        )

    @cached_property
    def _trials(self) -> pa.Table:
        return _read_table(self.paths, self.paths.trials_table, TRIAL_FIELDS)

    @cached_property
    def _epochs(self) -> pa.Table:
        return _read_table(self.paths, self.paths.epochs_table, EPOCH_FIELDS)

    @cached_property
    def _predictions(self) -> pa.Table:
        return _read_table(self.paths, self.paths.predictions_table, PREDICTION_FIELDS)

    @cached_property
    def _bins(self) -> Bins | None:
        if not self.paths.bins_table.exists():
            return None
        table = _read_table(self.paths, self.paths.bins_table, BIN_FIELDS)
        return Bins.from_arrow(table) if len(table) else None


def open_run(root: Path | str) -> Run:
    """Open a run by its folder.

    Args:
        root: the run's folder.

    Raises:
        StoreError: no such folder, not the folder of a run, or its sweep is damaged. A table that
            is absent or damaged raises on first use.
    """
    paths = RunPaths(Path(root))
    return Run(paths, read_spec(paths))


def _read_table(paths: RunPaths, file: StoredFile, fields: tuple[pa.Field, ...]) -> pa.Table:
    command = "run SWEEP --out" if file == paths.bins_table else "collect"
    again = f"`dirsweep {command} {paths.root}` builds it again"
    table = _read(file, again)
    if table is None:
        raise StoreError(f"{file}: absent; {again}")
    version = (table.schema.metadata or {}).get(b"dirsweep_schema", b"")
    if version.isdigit() and int(version) > SCHEMA_VERSION:
        raise StoreError(
            f"{file}: written by a newer dirsweep (tables of version {int(version)}); "
            "upgrade dirsweep"
        )
    missing = [
        f.name for f in fields if f.name not in table.schema.names and f.name not in LATER_FIELDS
    ]
    if missing or not version.isdigit():
        raise StoreError(
            f"{file}: not a dirsweep table (lacks {', '.join(missing) or 'its version'}); {again}"
        )
    return table


def _read(file: StoredFile, again: str) -> pa.Table | None:
    """Return the table or None; when it is damaged, say what to do again."""
    try:
        return file.read_table()
    except StoreError as error:
        raise StoreError(f"{error}; {again}") from None
