"""Control of a run from any machine that sees its folder: stop run or trial, read a log."""

from __future__ import annotations

import codecs
import platform
import time
from collections.abc import Iterator

from dirsweep.errors import StoreError
from dirsweep.run.events import utc_now
from dirsweep.run.files import StoredFile
from dirsweep.run.folder import RunPaths, TrialFolder, TrialPaths
from dirsweep.run.ledger import read_state
from dirsweep.run.manifest import require_file


def require_run(paths: RunPaths) -> None:
    """Check that there is a run.

    Raises:
        StoreError: not the folder of a run.
    """
    require_file(paths, paths.ledger)


def stop_run(paths: RunPaths) -> None:
    """Ask the driver of a run to stop, as Ctrl-C does.

    Raises:
        StoreError: not the folder of a run, or no driver is running.
    """
    require_run(paths)
    if not paths.lock.is_held():
        raise StoreError(f"{paths.root}: no driver is running; there is nothing to stop")
    _request(paths.stop)


def stop_trial(paths: RunPaths, name: str) -> str:
    """Ask for a trial to end, or never to begin; it keeps its results and is not trained again.

    Args:
        paths: the run's files.
        name: the trial's id, or its first digits if no other id begins with them.

    Returns:
        The trial's id.

    Raises:
        StoreError: not the folder of a run, no such trial, or the trial has ended.
    """
    trial = find_trial(paths, name)
    outcome = TrialFolder(trial).outcome()
    if outcome is not None:
        raise StoreError(f"{trial.trial_id}: has already ended ({outcome.status})")
    _request(trial.stop)
    return trial.trial_id


def find_trial(paths: RunPaths, name: str) -> TrialPaths:
    """Find a trial by the beginning of its id.

    Args:
        paths: the run's files.
        name: the trial's id, or its first digits if no other id begins with them.

    Raises:
        StoreError: not the folder of a run, no such trial, or several of them.
    """
    require_run(paths)
    known = read_state(paths.ledger).trials
    found = [trial_id for trial_id in known if name and trial_id.startswith(name)]
    if len(found) == 1:
        return paths.trial(found[0])
    if found:
        raise StoreError(
            f"{paths.root}: {len(found)} trials begin with '{name}' ({found[0]}, {found[1]} ...); "
            "give more digits"
        )
    raise StoreError(
        f"{paths.root}: no trial '{name}'; `dirsweep status` lists the running trials, "
        "trials.arrow all of them"
    )


def log_lines(trial: TrialPaths, *, follow: bool, poll_s: float = 0.3) -> Iterator[str]:
    """Read a trial's log in pieces.

    Args:
        trial: the trial's files.
        follow: whether to wait for what is added, until the trial has ended.
        poll_s: seconds between two looks.

    Raises:
        StoreError: there is no log yet.
    """
    if not trial.log.exists() and not follow:
        raise StoreError(f"{trial.trial_id}: has no log yet; the trial has not started")
    position, decoder = 0, codecs.getincrementaldecoder("utf-8")(errors="replace")
    while True:
        # asked before the log is read, so that nothing logged until then is missed
        ended = TrialFolder(trial).outcome() is not None
        added = trial.log.read(offset=position)
        if added is not None:
            position += len(added)
            yield decoder.decode(added)
        if ended or not follow:
            return
        time.sleep(poll_s)


def _request(file: StoredFile) -> None:
    file.write(f"asked on {platform.node()} at {utc_now()}\n".encode())
