"""Every file name of a run's folder, and what a trial's worker writes there.

Nothing else in the package spells a file name of a run.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dirsweep.run.files import Storage, StoredFile, finite
from dirsweep.run.storage import open_storage

if TYPE_CHECKING:  # Ray starts before these are imported
    import pyarrow as pa

    from dirsweep.run.tables import Outcome


@dataclass(frozen=True)
class ModelPaths:
    """The two files of a stored network, in its trial's folder or in a copy of them.

    Attributes:
        folder: where they are.
    """

    folder: StoredFile

    def _file(self, name: str) -> StoredFile:
        key = f"{self.folder.key}/{name}" if self.folder.key else name
        return StoredFile(self.folder.storage, key)

    @property
    def facts(self) -> StoredFile:
        """What the weights need to predict, see ``training.model_file.ModelFacts``."""
        return self._file("model.json")

    @property
    def weights(self) -> StoredFile:
        """The weights as safetensors. Written last: while they are absent there is no network."""
        return self._file("model.safetensors")

    def exists(self) -> bool:
        """Return whether a network is stored."""
        return self.weights.exists()

    def delete(self) -> None:
        """Remove the network, the weights first.

        Raises:
            StoreError: the folder cannot be written to.
        """
        self.weights.delete()
        self.facts.delete()


@dataclass(frozen=True)
class TrialPaths:
    """One trial's files: the truth about that trial. The run's tables are built from these."""

    storage: Storage
    trial_id: str
    parent: str = "trials"

    def _file(self, name: str) -> StoredFile:
        return StoredFile(self.storage, f"{self.parent}/{self.trial_id}/{name}")

    @property
    def folder(self) -> StoredFile:
        """The folder itself, for messages."""
        return StoredFile(self.storage, f"{self.parent}/{self.trial_id}")

    @property
    def spec(self) -> StoredFile:
        """What the trial is: ``TrialSpec.to_dict()``, written when it begins."""
        return self._file("trial.json")

    @property
    def epochs(self) -> StoredFile:
        """One JSON line per validated epoch, replaced as a whole each time."""
        return self._file("epochs.jsonl")

    @property
    def outcome(self) -> StoredFile:
        """How the trial ended. Written last: while it is absent the trial is unfinished."""
        return self._file("outcome.json")

    @property
    def predictions(self) -> StoredFile:
        """Validation and test predictions of the best epoch, an Arrow file."""
        return self._file("predictions.arrow")

    @property
    def features(self) -> StoredFile:
        """Test features of the best epoch, an Arrow file; only with ``store: {features: true}``."""
        return self._file("features.arrow")

    @property
    def model(self) -> ModelPaths:
        """The network of the best epoch; only where the run stores it."""
        return ModelPaths(self.folder)

    @property
    def checkpoint(self) -> StoredFile:
        """What the trial needs to resume after an interruption."""
        return self._file("checkpoint.pt")

    @property
    def stop(self) -> StoredFile:
        """A request to end the trial early; its worker checks for it after each epoch.

        Empty: the scheduler has pruned it. With a text: a person has stopped it, for good.
        """
        return self._file("stop")

    @property
    def log(self) -> StoredFile:
        """Plain text for people. Held by the process that trains the trial."""
        return self._file("log.txt")


class RunPaths:
    """The files of one run.

    Args:
        root: the run's folder, or a storage that is already open.
    """

    def __init__(self, root: Path | str | Storage) -> None:
        self.storage = open_storage(root) if isinstance(root, Path | str) else root

    def __repr__(self) -> str:
        return f"RunPaths({self.storage!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RunPaths) and self.storage == other.storage

    def __hash__(self) -> int:
        return hash(self.storage)

    @property
    def root(self) -> str:
        """Where the run is, for messages and for other programs."""
        return self.storage.location

    @property
    def name(self) -> str:
        """The last part of ``root``: what a person calls the run, as text that can be written."""
        name = os.path.basename(os.path.abspath(self.root))
        return os.fsencode(name).decode(errors="replace")

    def exists(self) -> bool:
        """Return whether there is such a folder, be it a run's or not."""
        return self.storage.contains("")

    def _file(self, name: str) -> StoredFile:
        return StoredFile(self.storage, name)

    @property
    def spec(self) -> StoredFile:
        """The resolved sweep."""
        return self._file("spec.yaml")

    @property
    def provenance(self) -> StoredFile:
        """Versions, hardware, command lines, start and end of every session of the run."""
        return self._file("provenance.json")

    @property
    def ledger(self) -> StoredFile:
        """What was proposed, started and ended, in that order."""
        return self._file("ledger.jsonl")

    @property
    def lock(self) -> StoredFile:
        """Held by the one driver that may write to the run."""
        return self._file("driver.lock")

    @property
    def stop(self) -> StoredFile:
        """A request to stop the run; its driver checks for it."""
        return self._file("stop")

    @property
    def trials_table(self) -> StoredFile:
        """One row per (study, point, seed)."""
        return self._file("trials.arrow")

    @property
    def epochs_table(self) -> StoredFile:
        """One row per (trial, validated epoch)."""
        return self._file("epochs.arrow")

    @property
    def predictions_table(self) -> StoredFile:
        """One row per (trial, validation or test sample)."""
        return self._file("predictions.arrow")

    @property
    def bins_table(self) -> StoredFile:
        """One row per label bin of the benchmark."""
        return self._file("bins.arrow")

    @property
    def confirm(self) -> StoredFile:
        """The sweep that trains this run's best points again with fresh seeds."""
        return self._file("confirm.yaml")

    @property
    def plots(self) -> StoredFile:
        """The folder of the figures made by the report."""
        return self._file("plots")

    @property
    def report(self) -> StoredFile:
        """The report as one HTML file."""
        return self._file("report.html")

    @property
    def ray(self) -> StoredFile:
        """The folder of Ray Tune's own files; disposable."""
        return self._file("ray")

    def has_trials(self) -> bool:
        """Return whether any trial has begun."""
        return self.storage.contains("trials")

    def begun_trials(self) -> list[str]:
        """Return the ids of all trials that have a folder."""
        return self.storage.names("trials")

    def external(self, trial_id: str) -> TrialPaths:
        """Return the files of an external result, see ``run.external``."""
        return TrialPaths(self.storage, trial_id, "external")

    def external_ids(self) -> list[str]:
        """Return the ids of all external results."""
        return self.storage.names("external")

    def trial(self, trial_id: str) -> TrialPaths:
        """Return the files of one trial."""
        return TrialPaths(self.storage, trial_id)


@dataclass(frozen=True)
class TrialFolder:
    """One trial's folder, written by the worker that trains it."""

    paths: TrialPaths

    def begin(self, trial: dict[str, Any]) -> None:
        """Write what the trial is; withdraw outcome and network of an earlier attempt.

        Args:
            trial: ``TrialSpec.to_dict()``.

        Raises:
            StoreError: the folder cannot be written to.
        """
        self.paths.spec.write_json(trial)
        self.paths.storage.remove_leftovers(self.paths.folder.key)
        self.paths.outcome.delete()
        self.paths.model.delete()

    def write_epochs(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Replace the epochs by ``rows``: all of them, from the first on.

        Not synced here but by ``finish``: before that the checkpoint is what counts.

        Args:
            rows: each has ``epoch``, ``stage``, ``lr``, ``train_loss``, ``loss_terms`` (name ->
                value), ``forward_time_s``, ``epoch_time_s`` and ``val_<metric>_<region>``; NaN and
                infinity become null.

        Raises:
            StoreError: the folder cannot be written to.
        """
        lines = [json.dumps(finite(row), separators=(",", ":"), allow_nan=False) for row in rows]
        self.paths.epochs.write("".join(f"{line}\n" for line in lines).encode(), durable=False)

    def read_epochs(self) -> list[dict[str, Any]]:
        """Return the rows written so far, up to the first damaged line."""
        lines = (self.paths.epochs.read() or b"").splitlines()
        try:
            # parsing all lines at once is twice as fast, and they are whole unless a disk failed
            rows = json.loads(b"[" + b",".join(lines) + b"]")
        except ValueError:
            rows = _whole_lines(lines)
        return list(takewhile(_is_epoch, rows))

    def finish(
        self,
        outcome: Outcome,
        predictions: pa.Table | None = None,
        features: pa.Table | None = None,
    ) -> None:
        """Write predictions, then the outcome: once that is there the trial has ended.

        Args:
            outcome: how it ended.
            predictions: see ``tables.predictions_table``; None when nothing was predicted.
            features: see ``tables.features_table``; None when they are not kept.

        Raises:
            StoreError: nothing was marked as ended.
        """
        if predictions is not None:
            self.paths.predictions.write_table(predictions)
        if features is not None:
            self.paths.features.write_table(features)
        self.paths.epochs.sync()
        self.paths.outcome.write_json(outcome.to_dict())

    def outcome(self) -> Outcome | None:
        """Return how the trial ended, or None when it has not or the file is damaged."""
        from dirsweep.run.tables import Outcome

        return Outcome.from_dict(self.paths.outcome.read_json())


def _is_epoch(row: Any) -> bool:
    return isinstance(row, dict) and isinstance(row.get("epoch"), int)


def _whole_lines(lines: list[bytes]) -> list[Any]:
    rows = []
    for line in lines:
        try:
            rows.append(json.loads(line))
        except ValueError:
            break
    return rows
