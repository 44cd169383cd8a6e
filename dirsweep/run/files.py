"""What a run's storage offers, and a handle for one file of it. Nothing here touches a disk."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Protocol

from dirsweep.errors import StoreError

if TYPE_CHECKING:  # workers and `dirsweep stop` start without it
    import pyarrow as pa


@dataclass(frozen=True)
class FileInfo:
    """Size and age of a file.

    Attributes:
        size: bytes.
        modified: seconds since the epoch.
    """

    size: int
    modified: float


class Journal(Protocol):
    """A file that grows by whole records, for the one process that holds the run."""

    def read(self) -> bytes:
        """Return everything that was appended, also what a killed process left unfinished."""

    def append(self, data: bytes, *, sync: bool = True) -> None:
        """Add ``data`` as a whole, or nothing of it.

        Args:
            data: one or more records.
            sync: return only once the data survives a power cut.

        Raises:
            StoreError: the disk is full or the like; the journal is as before.
        """

    def truncate(self, size: int) -> None:
        """Cut off everything after the first ``size`` bytes.

        Raises:
            StoreError: the file cannot be written to.
        """

    def close(self) -> None:
        """Release the file; may be called twice."""


class Lease(Protocol):
    """The right of one process to write, lost when the process ends, however it ends."""

    def acquire(self, wait_s: float = 0.0) -> bool:
        """Try to get the lease, for ``wait_s`` seconds at most.

        Returns:
            Whether this process holds it.

        Raises:
            StoreError: the file system has no locks.
        """

    def describe_owner(self, data: bytes) -> None:
        """Write into the lease's file who holds it."""


class Storage(Protocol):
    """A place that holds the files of one run, by key."""

    @property
    def location(self) -> str:
        """The root as a person would name it."""

    def address(self, key: str) -> str:
        """Return the file's name for messages and for other programs: a path or a URL."""

    def read(self, key: str, offset: int = 0) -> bytes | None:
        """Return the content from ``offset`` on, or None when the file is absent.

        Raises:
            StoreError: the file exists and cannot be read.
        """

    def writing(self, key: str, *, durable: bool = True) -> AbstractContextManager[IO[bytes]]:
        """Open a stream that replaces the file when the block ends, and vanishes if it fails.

        Args:
            key: the file; missing folders are made.
            durable: return only once the file survives a power cut; otherwise it survives a killed
                process only.

        Raises:
            StoreError: the disk is full, the folder read-only, or permission is missing; the old
                file is still there.
        """

    def create(self, key: str, data: bytes = b"") -> bool:
        """Write the file unless it exists.

        Returns:
            Whether this call created it.

        Raises:
            StoreError: the file cannot be written.
        """

    def info(self, key: str) -> FileInfo | None:
        """Return size and age, or None when the file is absent."""

    def delete(self, key: str) -> None:
        """Remove the file if it exists.

        Raises:
            StoreError: the file cannot be removed.
        """

    def delete_tree(self, prefix: str) -> None:
        """Remove everything below ``prefix`` as far as possible."""

    def names(self, prefix: str = "") -> list[str]:
        """Return the sorted names directly below ``prefix``; empty when there is nothing."""

    def remove_leftovers(self, prefix: str) -> None:
        """Remove what killed writers left below ``prefix``, where nobody else writes."""

    def sync(self, key: str) -> None:
        """Make a file written with ``durable=False`` survive a power cut."""

    def arrow_source(self, key: str) -> Any:
        """Return what ``pyarrow.ipc.open_file`` reads from, memory-mapped where possible.

        Raises:
            FileNotFoundError: the file is absent.
        """

    def journal(self, key: str) -> Journal:
        """Open the file for appending; it is created when absent.

        Raises:
            StoreError: the file cannot be written to.
        """

    def log(self, key: str) -> IO[str]:
        """Open the file for appending text, line by line; it is created when absent."""

    def lease(self, key: str) -> AbstractContextManager[Lease]:
        """Open the file as a lease, released when the block ends; see ``Lease``.

        Raises:
            StoreError: the file cannot be written to.
        """

    def is_held(self, key: str) -> bool:
        """Return whether a process, on whatever machine, holds the file's lease."""

    def holder(self, key: str) -> int | None:
        """Return the process id that holds the lease on this machine, or None when unknown."""

    def contains(self, prefix: str) -> bool:
        """Return whether there is anything below ``prefix``."""

    def neighbours(self) -> list[Storage]:
        """Return the other runs beside this one, sorted by name."""


@dataclass(frozen=True)
class StoredFile:
    """One file of a run. ``str(file)`` names it in messages."""

    storage: Storage
    key: str

    @property
    def name(self) -> str:
        """The last part of the key."""
        return self.key.rpartition("/")[2]

    def __str__(self) -> str:
        return self.storage.address(self.key)

    def __fspath__(self) -> str:
        """A path for libraries that read or write by path; a local folder has one."""
        return str(self)

    def read(self, offset: int = 0) -> bytes | None:
        """See ``Storage.read``."""
        return self.storage.read(self.key, offset)

    def text(self) -> str | None:
        """Return the content as text, or None when absent or not UTF-8.

        Raises:
            StoreError: the file exists and cannot be read.
        """
        data = self.read()
        try:
            return None if data is None else data.decode()
        except UnicodeDecodeError:
            return None

    def read_json(self) -> Any:
        """Return the parsed content, or None when it is absent, unreadable or not JSON."""
        try:
            return json.loads(self.read() or b"")
        except (StoreError, ValueError):
            return None

    def read_table(self) -> pa.Table | None:
        """Return the Arrow table, memory-mapped where possible, or None when absent.

        Raises:
            StoreError: the file is incomplete or not an Arrow file.
        """
        import pyarrow as pa

        try:
            return pa.ipc.open_file(self.storage.arrow_source(self.key)).read_all()
        except FileNotFoundError:
            return None
        except (OSError, pa.ArrowException):
            raise StoreError(f"{self}: incomplete, or not an Arrow file") from None

    def writing(self, *, durable: bool = True) -> AbstractContextManager[IO[bytes]]:
        """See ``Storage.writing``."""
        return self.storage.writing(self.key, durable=durable)

    def write(self, data: bytes, *, durable: bool = True) -> None:
        """Replace the content in one step.

        Args:
            data: the new content.
            durable: see ``Storage.writing``.

        Raises:
            StoreError: the file cannot be written; the old one is still there.
        """
        with self.writing(durable=durable) as file:
            file.write(data)

    def write_json(self, value: Any, *, durable: bool = True) -> None:
        """Replace the content by indented JSON, NaN and infinity as null; see ``write``."""
        text = json.dumps(finite(value), indent=2, ensure_ascii=False, allow_nan=False)
        # a file name that is no text in UTF-8 becomes an escape that JSON reads back
        self.write(f"{text}\n".encode(errors="backslashreplace"), durable=durable)

    def write_table(self, table: pa.Table) -> None:
        """Replace the content by an Arrow IPC file; see ``write``."""
        import pyarrow as pa

        with self.writing() as file, pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)

    def create(self, data: bytes = b"") -> bool:
        """See ``Storage.create``."""
        return self.storage.create(self.key, data)

    def info(self) -> FileInfo | None:
        """See ``Storage.info``."""
        return self.storage.info(self.key)

    def exists(self) -> bool:
        """Return whether the file is there."""
        return self.storage.info(self.key) is not None

    def delete(self) -> None:
        """See ``Storage.delete``."""
        self.storage.delete(self.key)

    def delete_tree(self) -> None:
        """See ``Storage.delete_tree``."""
        self.storage.delete_tree(self.key)

    def sync(self) -> None:
        """See ``Storage.sync``."""
        self.storage.sync(self.key)

    def journal(self) -> Journal:
        """See ``Storage.journal``."""
        return self.storage.journal(self.key)

    def log(self) -> IO[str]:
        """See ``Storage.log``."""
        return self.storage.log(self.key)

    def lease(self) -> AbstractContextManager[Lease]:
        """See ``Storage.lease``."""
        return self.storage.lease(self.key)

    def is_held(self) -> bool:
        """See ``Storage.is_held``."""
        return self.storage.is_held(self.key)

    def holder(self) -> int | None:
        """See ``Storage.holder``."""
        return self.storage.holder(self.key)


def finite(value: Any) -> Any:
    """Return ``value`` with every NaN and infinity replaced by None: JSON has neither."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value
