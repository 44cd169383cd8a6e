"""One trial in a worker process: its log, its folder, and the signals that end it."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dirsweep.config.trial import TrialSpec
from dirsweep.errors import StoreError, TrialPruned, TrialStopped
from dirsweep.execute.base import WorkerSettings
from dirsweep.run.events import utc_now
from dirsweep.run.files import StoredFile
from dirsweep.run.folder import RunPaths, TrialFolder, TrialPaths
from dirsweep.run.locks import claimed
from dirsweep.run.tables import Outcome
from dirsweep.training.state import Row
from dirsweep.training.trial import Emit, Progress, train

log = logging.getLogger(__name__)


@contextmanager
def logging_to(file: StoredFile) -> Iterator[None]:
    """Append what the package logs, warnings included, to ``file``."""
    stream = file.log()
    handler = logging.StreamHandler(stream)
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
        stream.close()


def run_trial(
    trial: TrialSpec,
    root: Path,
    emit: Emit,
    settings: WorkerSettings,
    *,
    progress: Progress | None = None,
    work: Callable[..., Outcome] = train,
) -> Outcome:
    """Train a trial in its folder; one that has ended there is not trained again.

    A ``stop`` file in the folder ends it. A worker gives up when a new driver has taken the run.

    Args:
        trial: what it is.
        root: the run's folder.
        emit: is given each epoch's row; may raise TrialPruned.
        settings: how it is trained.
        progress: is told of every training step.
        work: takes the trainer's place where executors themselves are measured.

    Returns:
        How it ended.

    Raises:
        StoreError: the folder cannot be written to.
    """
    run, paths = RunPaths(root), RunPaths(root).trial(trial.trial_id)
    folder, driver = TrialFolder(paths), run.lock.read_json()

    def emit_and_look(row: Row) -> None:
        emit(row)
        if paths.stop.exists():
            raise TrialStopped if stop_reason(paths) else TrialPruned
        if run.lock.read_json() != driver:
            raise SystemExit("another driver has taken over")

    with claimed(paths), logging_to(paths.log):
        log.info("trial %s, process %d", trial.trial_id, os.getpid())
        reason = stop_reason(paths)
        if not reason:
            paths.stop.delete()  # pruned by a driver that died before it knew
        if reason and folder.outcome() is None and not paths.checkpoint.exists():
            outcome = _never_trained(trial, folder, reason)
        else:
            outcome = work(
                trial,
                emit_and_look,
                folder=folder,
                num_threads=settings.num_threads,
                progress=progress,
                checkpoint_every_s=settings.checkpoint_every_s,
                store_features=settings.store_features,
                model_limit_mib=settings.model_limit_mib,
            )
        log.info(
            "%s after %.1f s (%.1f s in epochs)%s",
            outcome.status,
            outcome.wall_time_s,
            outcome.training_time_s or 0.0,
            f": {outcome.error}" if outcome.error else "",
        )
        for file in (paths.checkpoint, paths.stop):
            with suppress(StoreError):
                file.delete()
    return outcome


def stop_reason(paths: TrialPaths) -> str:
    """Return what a person wrote into a trial's ``stop`` file; empty where no person did."""
    try:
        return (paths.stop.text() or "").strip()
    except StoreError:
        return ""


def _never_trained(trial: TrialSpec, folder: TrialFolder, reason: str) -> Outcome:
    now = utc_now()
    outcome = Outcome(trial.trial_id, "stopped", started_at=now, ended_at=now, attempts=0)
    log.info("not trained: %s", reason)
    folder.begin({**trial.to_dict(), "started_at": now, "attempt": 0})
    folder.finish(outcome)
    return outcome
