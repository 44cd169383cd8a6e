"""The run's log on storage: one event a line, synced before anything is done because of it.

The log is the memory of a run: an interrupted search is rebuilt from it, and the tables come from
it and the trials' folders.
"""

from __future__ import annotations

import fcntl
import json
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dirsweep.errors import StoreError
from dirsweep.run.events import Event, event_from_dict, utc_now
from dirsweep.run.folder import RunPaths
from dirsweep.run.state import RunState
from dirsweep.run.storage import cannot_write, finite


def read_events(path: Path) -> list[Event]:
    """Read a ledger that may be in use; an unfinished last line is ignored.

    Args:
        path: the file; an absent one has no events.

    Returns:
        Every whole event, oldest first.

    Raises:
        StoreError: the file cannot be read, a line before the last is damaged (nothing this
            package does leaves one), or a newer build wrote an event unknown here.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StoreError(f"{path}: cannot read: {reason}") from error
    return _parse(path, data)[0]


def read_state(path: Path) -> RunState:
    """Fold a ledger that may be in use; see ``read_events``."""
    return RunState.of(read_events(path))


def nothing_open(path: Path) -> bool:
    """Return whether trials have ended and none is open; False where that cannot be read."""
    try:
        return read_state(path).nothing_open
    except StoreError:
        return False


def _parse(path: Path, data: bytes) -> tuple[list[Event], int]:
    """Return the whole events in ``data`` and the number of bytes they fill."""
    events: list[Event] = []
    num_good, lines = 0, data.splitlines(keepends=True)
    for number, line in enumerate(lines, start=1):
        value = _whole_object(line)
        if value is None and number == len(lines):
            break
        if value is None:
            raise StoreError(f"{path}: line {number} is damaged; delete that line")
        try:
            events.append(event_from_dict(value))
        except StoreError as error:
            raise StoreError(f"{path}: line {number}: {error}") from error
        num_good += len(line)
    return events, num_good


def _whole_object(line: bytes) -> dict[str, object] | None:
    """Return a line's JSON object; None where it is torn or damaged."""
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) and line.endswith(b"\n") else None


class Ledger:
    """An append-only log of events for the one driver that holds the run's lock.

    A line that a killed driver left unfinished is cut off when the ledger is opened: its event had
    not been acknowledged, so nothing was done because of it.

    Args:
        path: the file; made when absent.

    Attributes:
        state: what all events say; kept up to date.

    Raises:
        StoreError: damaged before the last line, or it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = -1
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
            data = path.read_bytes()
            events, self._size = _parse(path, data)
            self.state = RunState.of(events)
            if self._size < len(data):
                self._cut()
        except OSError as error:
            self.close()
            raise cannot_write(path, error) from error
        except StoreError:
            self.close()
            raise

    def _cut(self) -> None:
        os.ftruncate(self._descriptor, self._size)
        os.fsync(self._descriptor)

    def append(self, *events: Event, sync: bool = True) -> None:
        """Add events to the log, then apply them to the state.

        Args:
            events: on return they are on storage.
            sync: False where nothing is done because of them before the next ``append``: they
                survive a kill of this process, but not a failure of the machine.

        Raises:
            StoreError: disk full and the like; log and state are as before.
        """
        lines = [
            json.dumps(finite(event.to_dict()), separators=(",", ":"), allow_nan=False)
            for event in events
        ]
        data = "".join(f"{line}\n" for line in lines).encode()
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
            if sync:
                os.fsync(self._descriptor)
        except OSError as error:
            # half a line must not stay in front of the next event
            with suppress(OSError):
                self._cut()
            raise cannot_write(self.path, error) from error
        self._size += len(data)
        for event in events:
            self.state.apply(event)

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def lock_run(paths: RunPaths) -> Iterator[None]:
    """Hold the run for this process; the lock goes with the process, however that ends.

    Raises: StoreError: another driver holds it (says which), or the folder cannot be written.
    """
    try:
        paths.root.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(paths.lock, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise cannot_write(paths.lock, error) from error
    try:
        try:
            if not _locked(descriptor):
                raise StoreError(
                    f"{paths.root}: in use by {_holder(paths.lock)}; wait for it, or stop it first"
                )
        except OSError as error:
            raise cannot_write(paths.lock, error) from error
        holder = {"pid": os.getpid(), "host": platform.node(), "since": utc_now()}
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(holder).encode(), 0)
        yield
    finally:
        # closing releases the lock; the file stays, since deleting it would let two drivers hold
        # two files of one name
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    """Tried a few times: whoever only asks whether the run is in use holds the lock for an
    instant.
    """
    for attempt in range(5):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            time.sleep(0.1 if attempt < 4 else 0)
    return False


def _holder(lock: Path) -> str:
    for _ in range(3):
        try:
            holder = json.loads(lock.read_bytes())
            return f"another dirsweep (pid {holder['pid']} on {holder['host']}, since {holder['since'][:19]} UTC)"
        except (OSError, ValueError, KeyError, TypeError):
            time.sleep(0.05)  # it has just taken the lock and not yet written who it is
    return "another dirsweep"
