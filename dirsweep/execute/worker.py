"""One trial in a process of its own or somebody else's: its log, its folder, and how it learns that
it should end.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from dirsweep.config.trial import TrialSpec
from dirsweep.errors import TrialPruned, TrialStopped
from dirsweep.run.events import utc_now
from dirsweep.run.folder import RunPaths, TrialPaths
from dirsweep.run.locks import claimed
from dirsweep.run.storage import TrialFolder, read_json
from dirsweep.run.tables import Outcome
from dirsweep.training.trial import Emit, Progress, train

log = logging.getLogger(__name__)


@contextmanager
def logging_to(path: Path) -> Iterator[None]:
    """Send what the package has to say, warnings included, to ``path``; a trial's further attempts
    are appended.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    loggers = [logging.getLogger("dirsweep"), logging.getLogger("py.warnings")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False
    logging.captureWarnings(True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            yield
    finally:
        logging.captureWarnings(False)
        for logger, level in zip(loggers, levels, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)
            logger.propagate = True
        handler.close()


def run_trial(
    trial: TrialSpec,
    root: Path,
    emit: Emit,
    *,
    num_threads: int,
    progress: Progress | None = None,
    checkpoint_every_s: float = 10.0,
    store_features: bool = False,
    work: Callable[..., Outcome] = train,
) -> Outcome:
    """Train ``trial`` in its folder below ``root``; one that has ended there is not trained again.

    ``work`` takes the trainer's place where runners themselves are measured.

    A ``stop`` file in the folder ends it, and a new driver of the run makes a worker of the former
    one give up.
    Raises: StoreError: the folder cannot be written to.
    """
    run, paths = RunPaths(root), RunPaths(root).trial(trial.trial_id)
    folder, driver = TrialFolder(paths), read_json(run.lock)

    def emit_and_look(row: dict[str, Any]) -> None:
        emit(row)
        if paths.stop.exists():
            raise TrialStopped if stop_reason(paths) else TrialPruned
        if read_json(run.lock) != driver:
            raise SystemExit("another driver has taken over")

    with claimed(paths), logging_to(paths.log):
        log.info("trial %s, process %d", trial.trial_id, os.getpid())
        reason = stop_reason(paths)
        if not reason:
            paths.stop.unlink(missing_ok=True)  # pruned by a driver that died before it knew
        if reason and folder.outcome() is None and not paths.checkpoint.is_file():
            outcome = _never_trained(trial, folder, reason)
        else:
            outcome = work(
                trial,
                emit_and_look,
                folder=folder,
                num_threads=num_threads,
                progress=progress,
                checkpoint_every_s=checkpoint_every_s,
                store_features=store_features,
            )
        log.info(
            "%s after %.1f s%s",
            outcome.status,
            outcome.wall_time_s,
            f": {outcome.error}" if outcome.error else "",
        )
        for file in (paths.checkpoint, paths.stop):
            with suppress(OSError):
                file.unlink(missing_ok=True)
    return outcome


def stop_reason(paths: TrialPaths) -> str:
    """What a person wrote into the trial's ``stop`` file; empty when there is none, or only the
    scheduler's.
    """
    try:
        return paths.stop.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _never_trained(trial: TrialSpec, folder: TrialFolder, reason: str) -> Outcome:
    now = utc_now()
    outcome = Outcome(trial.trial_id, "stopped", started_at=now, ended_at=now, attempts=0)
    log.info("not trained: %s", reason)
    folder.begin({**trial.to_dict(), "started_at": now, "attempt": 0})
    folder.finish(outcome)
    return outcome
