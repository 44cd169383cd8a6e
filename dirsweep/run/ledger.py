"""What was proposed, started and ended, in that order: one JSON line each, on the disk before the
work goes on.

The ledger is the memory of the search. Tables are built from it and the trials' folders, and a
search that was cut off is rebuilt from it.
"""

from __future__ import annotations

import fcntl
import json
import os
import platform
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NotRequired, TypedDict

from dirsweep.errors import StoreError
from dirsweep.run.folder import RunPaths
from dirsweep.run.storage import cannot_write, finite


class SamplerState(TypedDict):
    """What Optuna needs to know of a point it proposed."""

    #: parameter -> value, in Optuna's terms
    params: dict[str, Any]
    #: parameter -> distribution, as ``optuna.distributions.distribution_to_json`` gives it
    distributions: dict[str, str]
    system_attrs: dict[str, Any]


class Proposed(TypedDict):
    """A point of a study and its trials, one per seed. Again with more seeds: the point was
    extended.
    """

    event: Literal["proposed"]
    study: str
    index: int
    overrides: dict[str, Any]
    seeds: list[int]
    #: one per seed, in the same order
    trial_ids: list[str]
    #: None for a planned point
    sampler: SamplerState | None
    #: the resolved configuration; without it a trial that never began has none in the tables
    config: NotRequired[dict[str, Any]]


class Started(TypedDict):
    """A trial is about to begin."""

    event: Literal["started"]
    trial_id: str
    time: str


class Ended(TypedDict):
    """A trial has ended; its folder says the rest."""

    event: Literal["ended"]
    trial_id: str
    status: str
    error: str | None
    #: the run beside this one whose files were taken over; absent where the trial was trained here
    reused_from: NotRequired[str]
    time: str


class Raced(TypedDict):
    """A round of a study's race: which points were not yet told from the best and get one seed
    more.
    """

    event: Literal["raced"]
    study: str
    num_seeds: int
    best: int | None
    open: list[int]
    time: str


class KnownPoint(TypedDict):
    """A point that another run has trained, with its means over seeds by column
    (``val_mae_all``).
    """

    overrides: dict[str, Any]
    metrics: dict[str, float]
    seeds: list[int]


class Warmed(TypedDict):
    """What a study's sampler was told of another run, so that it need not be read again (it may
    grow, or go).
    """

    event: Literal["warmed"]
    study: str
    run: str
    points: list[KnownPoint]
    #: reason -> points left out
    skipped: dict[str, int]
    time: str


class Session(TypedDict):
    """A driver has taken the run up; written where a budget counts its time."""

    event: Literal["session"]
    time: str


class Retried(TypedDict):
    """A trial that ended is trained again from its start, because of what ``note`` says."""

    event: Literal["retried"]
    trial_id: str
    note: str
    #: the part of a GPU that it gets from now on; absent where that is as before
    share: NotRequired[float]
    time: str


Event = Proposed | Started | Ended | Raced | Warmed | Session | Retried


def utc_now() -> str:
    """Now, ISO 8601 with microseconds, UTC."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def proposed(
    study: str,
    index: int,
    overrides: dict[str, Any],
    *,
    seeds: list[int],
    trial_ids: list[str],
    sampler: SamplerState | None = None,
    config: dict[str, Any] | None = None,
) -> Proposed:
    """See ``Proposed``."""
    event: Proposed = {
        "event": "proposed",
        "study": study,
        "index": index,
        "overrides": overrides,
        "seeds": list(seeds),
        "trial_ids": list(trial_ids),
        "sampler": sampler,
    }
    if config is not None:
        event["config"] = config
    return event


def started(trial_id: str) -> Started:
    """See ``Started``; the time is now."""
    return {"event": "started", "trial_id": trial_id, "time": utc_now()}


def ended(
    trial_id: str, status: str, error: str | None = None, *, reused_from: str | None = None
) -> Ended:
    """See ``Ended``; the time is now."""
    event: Ended = {
        "event": "ended",
        "trial_id": trial_id,
        "status": status,
        "error": error,
        "time": utc_now(),
    }
    if reused_from is not None:
        event["reused_from"] = reused_from
    return event


def raced(study: str, num_seeds: int, best: int | None, open_points: list[int]) -> Raced:
    """See ``Raced``; the time is now."""
    return {
        "event": "raced",
        "study": study,
        "num_seeds": num_seeds,
        "best": best,
        "open": list(open_points),
        "time": utc_now(),
    }


def warmed(study: str, run: str, points: list[KnownPoint], skipped: dict[str, int]) -> Warmed:
    """See ``Warmed``; the time is now."""
    return {
        "event": "warmed",
        "study": study,
        "run": run,
        "points": points,
        "skipped": skipped,
        "time": utc_now(),
    }


def retried(trial_id: str, note: str, *, share: float | None = None) -> Retried:
    """See ``Retried``; the time is now."""
    event: Retried = {"event": "retried", "trial_id": trial_id, "note": note, "time": utc_now()}
    if share is not None:
        event["share"] = share
    return event


def session() -> Session:
    """See ``Session``; the time is now."""
    return {"event": "session", "time": utc_now()}


def read_events(path: Path) -> list[Event]:
    """Every whole event of a ledger that may be in use; an unfinished last line is passed over.
    None there: ``[]``.

    Raises: StoreError: a line before the last is damaged (nothing this package does leaves one).
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StoreError(
            f"{path}: cannot read: {(error.strerror or str(error)).lower()}"
        ) from error
    return _parse(path, data)[0]


def open_trials(history: Iterable[Event]) -> list[str]:
    """Trials that were started and have not ended since, in the order in which they were
    started.
    """
    found: dict[str, None] = {}
    for event in history:
        if event["event"] == "started":
            found[event["trial_id"]] = None
        elif event["event"] == "ended":
            found.pop(event["trial_id"], None)
    return list(found)


def nothing_open(path: Path) -> bool:
    """Whether a ledger tells of trials that ended and of none that is open. Where it cannot be
    read: no.
    """
    try:
        history = read_events(path)
    except StoreError:
        return False
    return any(event["event"] == "ended" for event in history) and not open_trials(history)


def _parse(path: Path, data: bytes) -> tuple[list[Event], int]:
    """The whole events in ``data`` and the number of bytes they fill."""
    events: list[Event] = []
    good, lines = 0, data.splitlines(keepends=True)
    for number, line in enumerate(lines, start=1):
        try:
            event = json.loads(line)
            whole = isinstance(event, dict) and line.endswith(b"\n")
        except ValueError:
            whole = False
        if not whole:
            if number < len(lines):
                raise StoreError(
                    f"{path}: line {number} is damaged; delete that line, the lines around it are whole"
                )
            break
        events.append(event)
        good += len(line)
    return events, good


class Ledger:
    """An append-only file of events for the one driver that holds the run's lock.

    A line that a killed driver left unfinished is cut off when the ledger is opened: its event had
        not been
    acknowledged, so nothing was done because of it.

    Raises: StoreError: damaged before the last line; cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = -1
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
            data = path.read_bytes()
            self._events, self._size = _parse(path, data)
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
        """Add events; on return the disk has all of them.

        Args:
            sync: False where nothing is done because of them before the next ``append``: this
                process may be killed all the same, but if the machine fails they may be gone.
        Raises: StoreError: disk full and the like; the ledger is as before.
        """
        lines = [
            json.dumps(finite(event), separators=(",", ":"), allow_nan=False) for event in events
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
        self._events.extend(events)

    def events(self) -> list[Event]:
        """All events, oldest first."""
        return list(self._events)

    def close(self) -> None:
        """Give the file back."""
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
