"""A run from outside, on any machine that sees its folder: ask it or one of its trials to stop,
read a trial's log.
"""

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


def require_run(paths: RunPaths) -> None:
    """Raises: StoreError: not the folder of a run."""
    if not paths.ledger.exists():
        what = "not the folder of a run" if paths.exists() else "no such folder"
        raise StoreError(f"{paths.root}: {what}; give what --out named")


def stop_run(paths: RunPaths) -> None:
    """Ask the driver to stop as on Ctrl-C. Raises: StoreError: no run, or no driver works on it."""
    require_run(paths)
    if not paths.lock.is_held():
        raise StoreError(f"{paths.root}: no driver works on it, so there is nothing to stop")
    _write(paths.stop)


def stop_trial(paths: RunPaths, name: str) -> str:
    """Ask for one trial to be ended, or never begun; it keeps what it has and is not taken up
    again.

    Args:
        name: the trial's id, or as many of its first digits as no other one has.
    Returns: the id. Raises: StoreError: no run, no such trial, or it has ended.
    """
    trial = find_trial(paths, name)
    outcome = TrialFolder(trial).outcome()
    if outcome is not None:
        raise StoreError(f"{trial.trial_id}: has ended already ({outcome.status})")
    _write(trial.stop)
    return trial.trial_id


def find_trial(paths: RunPaths, name: str) -> TrialPaths:
    """The trial whose id begins with ``name``. Raises: StoreError: no run, no such trial, several
    of them.
    """
    require_run(paths)
    known = read_state(paths.ledger).trials
    found = [trial_id for trial_id in known if name and trial_id.startswith(name)]
    if len(found) == 1:
        return paths.trial(found[0])
    if found:
        raise StoreError(
            f"{paths.root}: {len(found)} trials begin with '{name}' ({found[0]}, {found[1]} ...)"
        )
    raise StoreError(
        f"{paths.root}: no trial '{name}' (`dirsweep status` names those that run, trials.arrow all)"
    )


def _write(file: StoredFile) -> None:
    file.write(f"asked on {platform.node()} at {utc_now()}\n".encode())


def log_lines(trial: TrialPaths, *, follow: bool, poll_s: float = 0.3) -> Iterator[str]:
    """The trial's log, piece by piece; with ``follow`` also what is added, until the trial has
    ended.

    Raises: StoreError: there is no log, since the trial has not begun.
    """
    if not trial.log.exists() and not follow:
        raise StoreError(f"{trial.trial_id}: has not begun, so it has no log")
    position, decoder = 0, codecs.getincrementaldecoder("utf-8")(errors="replace")
    while True:
        ended = (
            TrialFolder(trial).outcome() is not None
        )  # asked first: what is logged until then is read below
        added = trial.log.read(offset=position)
        if added is not None:
            position += len(added)
            yield decoder.decode(added)
        if ended or not follow:
            return
        time.sleep(poll_s)
