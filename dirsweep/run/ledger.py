"""The run's log on storage: one event a line, synced before anything is done because of it.

The log is the memory of a run: an interrupted search is rebuilt from it, and the tables come from
it and the trials' folders.
"""

from __future__ import annotations

import json

from dirsweep.errors import StoreError
from dirsweep.run.events import Event, event_from_dict
from dirsweep.run.files import StoredFile, finite
from dirsweep.run.state import RunState


def read_events(path: StoredFile) -> list[Event]:
    """Read a ledger that may be in use; an unfinished last line is ignored.

    Args:
        path: the file; an absent one has no events.

    Returns:
        Every whole event, oldest first.

    Raises:
        StoreError: the file cannot be read, a line before the last is damaged (nothing this
            package does leaves one), or a newer build wrote an event unknown here.
    """
    return _parse(path, path.read() or b"")[0]


def read_state(path: StoredFile) -> RunState:
    """Fold a ledger that may be in use; see ``read_events``."""
    return RunState.of(read_events(path))


def nothing_open(path: StoredFile) -> bool:
    """Return whether trials have ended and none is open; False where that cannot be read."""
    try:
        return read_state(path).nothing_open
    except StoreError:
        return False


def _parse(path: StoredFile, data: bytes) -> tuple[list[Event], int]:
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

    def __init__(self, path: StoredFile) -> None:
        self.path = path
        self._journal = path.journal()
        try:
            data = self._journal.read()
            events, size = _parse(path, data)
            self.state = RunState.of(events)
            if size < len(data):
                self._journal.truncate(size)
        except StoreError:
            self.close()
            raise

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
        self._journal.append("".join(f"{line}\n" for line in lines).encode(), sync=sync)
        for event in events:
            self.state.apply(event)

    def close(self) -> None:
        """Close the file."""
        self._journal.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
