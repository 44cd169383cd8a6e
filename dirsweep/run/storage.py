"""The one place that opens, writes, locks and lists the files of a run.

Everything else names a file by its key relative to the run's root (``trials/ab12/outcome.json``)
and asks a ``Storage`` (see ``run.files``). ``LocalStorage`` is a folder. A write is whole or
absent; only journals and logs grow.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from dirsweep.config.local_path import local_path
from dirsweep.errors import NotWritableError, StoreError
from dirsweep.run.files import FileInfo, Journal, Lease, Storage, StoredFile

_REASONS = {
    errno.ENOSPC: "the disk is full; free some space and run again",
    errno.EDQUOT: "the disk quota is used up; free some space and run again",
    errno.EROFS: "the folder is read-only",
    errno.EACCES: "no permission to write",
    errno.EPERM: "no permission to write",
}
_NOT_WRITABLE = (errno.EROFS, errno.EACCES, errno.EPERM)


def local_file(path: Path) -> StoredFile:
    """Return a file outside of any run; ``output_file`` returns one that a user asked for.

    Raises:
        SpecError: a URL.
    """
    path = local_path(path)
    return StoredFile(LocalStorage(path.parent), path.name)


def is_writable(folder: Path | str) -> bool:
    """Return whether files can be made in a folder."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def temporary_folder(prefix: str) -> Path:
    """Make a folder for files that have no other place; nothing deletes it."""
    return Path(tempfile.mkdtemp(prefix=re.sub(r"[^A-Za-z0-9_.-]+", "-", prefix)))


def open_storage(location: Path | str) -> Storage:
    """Return the storage of a run by its location, which is a folder.

    Raises:
        SpecError: a URL.
    """
    return LocalStorage(local_path(location))


class LocalStorage:
    """A run in a folder, also on a network file system that every node mounts."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._prefix = "" if root == Path() else str(root)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LocalStorage) and self.root == other.root

    def __hash__(self) -> int:
        return hash(self.root)

    def __repr__(self) -> str:
        return f"LocalStorage({str(self.root)!r})"

    @property
    def location(self) -> str:
        """The folder."""
        return str(self.root)

    def address(self, key: str) -> str:
        """See ``Storage.address``: the file's path."""
        return os.path.join(self._prefix, key) if key else str(self.root)

    def read(self, key: str, offset: int = 0) -> bytes | None:
        """See ``Storage.read``."""
        try:
            with open(self.address(key), "rb") as file:
                if offset:
                    file.seek(offset)
                return file.read()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise StoreError(f"{self.address(key)}: cannot read: {reason}") from error

    @contextmanager
    def writing(self, key: str, *, durable: bool = True) -> Iterator[IO[bytes]]:
        """See ``Storage.writing``."""
        path = self.address(key)
        folder, name = _folder_of(path), os.path.basename(path)
        temporary = os.path.join(folder, f".{name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
        try:
            # opened by name, not by mkstemp, so that the umask decides who may read a shared run
            with _created(temporary, "xb") as file:
                yield file
                file.flush()
                if durable:
                    os.fsync(file.fileno())
            os.replace(temporary, path)
            if durable:
                _sync_folder(folder)
        except BaseException as error:
            with suppress(OSError):
                os.unlink(temporary)
            if isinstance(error, OSError):
                raise _cannot_write(path, error) from error
            raise

    def create(self, key: str, data: bytes = b"") -> bool:
        """See ``Storage.create``."""
        path = self.address(key)
        try:
            with _created(path, "xb") as file:
                file.write(data)
        except FileExistsError:
            return False
        except OSError as error:
            raise _cannot_write(path, error) from error
        return True

    def info(self, key: str) -> FileInfo | None:
        """See ``Storage.info``; a folder is not a file."""
        try:
            found = os.stat(self.address(key))
        except OSError:
            return None
        if stat.S_ISDIR(found.st_mode):
            return None
        return FileInfo(found.st_size, found.st_mtime)

    def delete(self, key: str) -> None:
        """See ``Storage.delete``."""
        try:
            os.unlink(self.address(key))
        except (FileNotFoundError, NotADirectoryError):
            pass
        except OSError as error:
            raise _cannot_write(self.address(key), error) from error

    def delete_tree(self, prefix: str) -> None:
        """See ``Storage.delete_tree``."""
        shutil.rmtree(self.address(prefix), ignore_errors=True)

    def names(self, prefix: str = "") -> list[str]:
        """See ``Storage.names``."""
        try:
            return sorted(os.listdir(self.address(prefix)))
        except OSError:
            return []

    def remove_leftovers(self, prefix: str) -> None:
        """See ``Storage.remove_leftovers``."""
        for name in self.names(prefix):
            if name.startswith(".") and name.endswith(".tmp"):
                with suppress(OSError):
                    os.unlink(os.path.join(self.address(prefix), name))

    def sync(self, key: str) -> None:
        """See ``Storage.sync``."""
        with suppress(FileNotFoundError):
            descriptor = os.open(self.address(key), os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def arrow_source(self, key: str) -> Any:
        """See ``Storage.arrow_source``."""
        import pyarrow as pa

        # as bytes: pyarrow takes a name in text for UTF-8, whatever the file system's encoding is
        return pa.memory_map(os.fsencode(self.address(key)))

    def journal(self, key: str) -> Journal:
        """See ``Storage.journal``."""
        return _LocalJournal(self.address(key))

    def log(self, key: str) -> IO[str]:
        """See ``Storage.log``."""
        return _created(self.address(key), "a")

    @contextmanager
    def lease(self, key: str) -> Iterator[Lease]:
        """See ``Storage.lease``."""
        path = self.address(key)
        try:
            os.makedirs(_folder_of(path), exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise _cannot_write(path, error) from error
        try:
            yield _LocalLease(path, descriptor)
        finally:
            # closing releases the lock; the file stays, since deleting it would let two processes
            # hold two files of one name
            os.close(descriptor)

    def is_held(self, key: str) -> bool:
        """See ``Storage.is_held``."""
        try:
            descriptor = os.open(self.address(key), os.O_RDONLY)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        finally:
            os.close(descriptor)
        return False

    def holder(self, key: str) -> int | None:
        """See ``Storage.holder``."""
        try:
            found = os.stat(self.address(key))
            with open("/proc/locks", encoding="ascii") as file:
                lines = file.read().splitlines()
        except OSError:
            return None
        inode = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
        for line in lines:  # 5: FLOCK ADVISORY WRITE 1234 fe:01:5678 0 EOF
            words = line.split()
            if len(words) >= 6 and words[1] == "FLOCK" and words[5] == inode and int(words[4]) > 0:
                return int(words[4])
        return None

    def contains(self, prefix: str) -> bool:
        """See ``Storage.contains``: a folder counts even when it is empty."""
        return os.path.isdir(self.address(prefix))

    def neighbours(self) -> list[Storage]:
        """See ``Storage.neighbours``: the folders with the same parent."""
        here = self.root.resolve()
        try:
            entries = sorted(os.scandir(here.parent), key=lambda entry: entry.name)
        except OSError:
            return []
        return [
            LocalStorage(Path(entry.path))
            for entry in entries
            if entry.name != here.name and entry.is_dir()
        ]


class _LocalJournal:
    """A local file opened for appending."""

    def __init__(self, path: str) -> None:
        self._path, self._descriptor = path, -1
        try:
            os.makedirs(_folder_of(path), exist_ok=True)
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
            self._size = os.fstat(self._descriptor).st_size
        except OSError as error:
            self.close()
            raise _cannot_write(path, error) from error

    def read(self) -> bytes:
        try:
            with open(self._path, "rb") as file:
                return file.read()
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise StoreError(f"{self._path}: cannot read: {reason}") from error

    def append(self, data: bytes, *, sync: bool = True) -> None:
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
            if sync:
                os.fsync(self._descriptor)
        except OSError as error:
            # half a record must not stay in front of the next one
            with suppress(OSError):
                self._cut()
            raise _cannot_write(self._path, error) from error
        self._size += len(data)

    def truncate(self, size: int) -> None:
        self._size = size
        try:
            self._cut()
        except OSError as error:
            raise _cannot_write(self._path, error) from error

    def _cut(self) -> None:
        os.ftruncate(self._descriptor, self._size)
        os.fsync(self._descriptor)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class _LocalLease:
    """A lock on an open file."""

    def __init__(self, path: str, descriptor: int) -> None:
        self._path, self._descriptor = path, descriptor

    def acquire(self, wait_s: float = 0.0) -> bool:
        until = time.monotonic() + wait_s
        while True:
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            except BlockingIOError:
                if time.monotonic() >= until:
                    return False
                time.sleep(0.1)
            except OSError as error:
                raise _cannot_write(self._path, error) from error

    def describe_owner(self, data: bytes) -> None:
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, data, 0)


def _folder_of(path: str) -> str:
    return os.path.dirname(path) or "."


def _created(path: str, mode: str) -> IO[Any]:
    """Open a file for writing; its folder is made when absent."""
    encoding = None if "b" in mode else "utf-8"
    try:
        return open(path, mode, encoding=encoding)
    except FileNotFoundError:
        os.makedirs(_folder_of(path), exist_ok=True)
        return open(path, mode, encoding=encoding)


def _sync_folder(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # some network file systems cannot sync a folder; the rename itself is done
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def _cannot_write(path: str, error: OSError) -> StoreError:
    """Return the one line that a failed write ends with."""
    reason = _REASONS.get(error.errno or 0) or (error.strerror or str(error)).lower()
    kind = NotWritableError if error.errno in _NOT_WRITABLE else StoreError
    return kind(f"{path}: cannot write: {reason}")
