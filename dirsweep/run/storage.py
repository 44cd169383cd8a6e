"""Writes that are either whole or absent. Nothing is appended to: a file is replaced in one
step.
"""

from __future__ import annotations

import errno
import json
import math
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from dirsweep.errors import StoreError
from dirsweep.run.folder import TrialPaths
from dirsweep.run.tables import Outcome

_REASONS = {
    errno.ENOSPC: "the disk is full; free some space and run again",
    errno.EDQUOT: "the disk quota is used up; free some space and run again",
    errno.EROFS: "the folder is read-only; choose another one with --out",
    errno.EACCES: "no permission to write; choose another folder with --out",
    errno.EPERM: "no permission to write; choose another folder with --out",
}


def cannot_write(path: Path, error: OSError) -> StoreError:
    """One line for a failed write."""
    reason = _REASONS.get(error.errno or 0) or (error.strerror or str(error)).lower()
    return StoreError(f"{path}: cannot write: {reason}")


@contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[IO[bytes]]:
    """A file to write to that takes ``path``'s place when the block ends, and vanishes when it
    fails.

    Args:
        path: its folder is made when absent.
        durable: wait until the disk has it, to survive a power cut; without, only a killed process
            is survived.

    Raises: StoreError: disk full, read-only, no permission.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # opened by name, not by mkstemp, so that the umask decides who may read a shared run
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.replace(temporary, path)
        if durable:
            _sync_folder(path.parent)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            raise cannot_write(path, error) from error
        raise


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # some network file systems cannot sync a folder; the rename itself is done
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def write_bytes_atomically(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Replace ``path`` by ``data`` in one step. Raises: StoreError: one line, the old file is still
    there.
    """
    with replacing(path, durable=durable) as file:
        file.write(data)


def finite(value: Any) -> Any:
    """``value`` with every NaN and infinity inside replaced by None: JSON has no word for them."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value


def write_json(path: Path, value: Any, *, durable: bool = True) -> None:
    """Replace ``path`` by indented JSON in one step. Raises: StoreError."""
    text = json.dumps(finite(value), indent=2, ensure_ascii=False, allow_nan=False)
    write_bytes_atomically(path, f"{text}\n".encode(), durable=durable)


def write_table(path: Path, table: pa.Table) -> None:
    """Replace ``path`` by an Arrow IPC file in one step. Raises: StoreError."""
    with replacing(path) as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)


def remove_leftovers(folder: Path) -> None:
    """Delete what killed writers left behind in ``folder``. Only for a folder that nobody else
    writes to.
    """
    for leftover in folder.glob(".*.tmp"):
        with suppress(OSError):
            leftover.unlink()


@dataclass(frozen=True)
class TrialFolder:
    """One trial's folder, written by the worker that trains it."""

    paths: TrialPaths

    def begin(self, trial: dict[str, Any]) -> None:
        """Make the folder and say what the trial is. An outcome of an earlier attempt is withdrawn.

        Args:
            trial: ``TrialSpec.to_dict()``.
        """
        write_json(self.paths.spec, trial)
        remove_leftovers(self.paths.folder)
        try:
            self.paths.outcome.unlink(missing_ok=True)
        except OSError as error:
            raise cannot_write(self.paths.outcome, error) from error

    def write_epochs(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Replace the epochs by ``rows``: all of them, from the first on.

        A row has ``epoch``, ``stage``, ``lr``, ``train_loss``, ``loss_terms`` (name -> value),
        ``epoch_time_s`` and ``val_<metric>_<region>``; NaN and infinity become null. Not synced
        here but by ``finish``: before that the checkpoint is what counts.
        """
        lines = [json.dumps(finite(row), separators=(",", ":"), allow_nan=False) for row in rows]
        write_bytes_atomically(
            self.paths.epochs, "".join(f"{line}\n" for line in lines).encode(), durable=False
        )

    def read_epochs(self) -> list[dict[str, Any]]:
        """The rows written so far; what follows a damaged line is left out."""
        try:
            lines = self.paths.epochs.read_bytes().splitlines()
        except OSError:
            return []
        try:
            # all lines in one go is twice as fast, and they are whole unless something odd happened
            rows = json.loads(b"[" + b",".join(lines) + b"]")
        except ValueError:
            rows = _whole_lines(lines)
        return list(
            takewhile(lambda row: isinstance(row, dict) and isinstance(row.get("epoch"), int), rows)
        )

    def finish(
        self,
        outcome: Outcome,
        predictions: pa.Table | None = None,
        features: pa.Table | None = None,
    ) -> None:
        """Write predictions, then the outcome: once that is there the trial has ended, whatever
        happens next.

        Args:
            outcome: how it ended.
            predictions: see ``schema.predictions_table``; None when nothing was predicted.
            features: see ``schema.features_table``; None when they are not kept.

        Raises: StoreError: nothing was marked as ended.
        """
        if predictions is not None:
            write_table(self.paths.predictions, predictions)
        if features is not None:
            write_table(self.paths.features, features)
        _sync_file(self.paths.epochs)
        write_json(self.paths.outcome, outcome.to_dict())

    def outcome(self) -> Outcome | None:
        """How the trial ended; None when it has not, also when the file is damaged."""
        return Outcome.from_dict(read_json(self.paths.outcome))


def _whole_lines(lines: list[bytes]) -> list[Any]:
    rows = []
    for line in lines:
        try:
            rows.append(json.loads(line))
        except ValueError:
            break
    return rows


def _sync_file(path: Path) -> None:
    with suppress(FileNotFoundError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def read_json(path: Path) -> Any:
    """The file's content, or None when it is absent or no JSON."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
