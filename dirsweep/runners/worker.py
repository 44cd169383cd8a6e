"""One trial in a process of its own or somebody else's: its log, its folder, and how it learns that it should end."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dirsweep.errors import TrialPruned
from dirsweep.spec.schema import TrialSpec
from dirsweep.store.paths import RunPaths
from dirsweep.store.schema import Outcome
from dirsweep.store.writer import TrialFolder
from dirsweep.training.trainer import Emit, Progress, train


@contextmanager
def logging_to(path: Path) -> Iterator[None]:
    """Send what the package has to say, warnings included, to ``path``; a trial's further attempts are appended."""
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
) -> Outcome:
    """Train ``trial`` in its folder below ``root``. Ends it as pruned when somebody put a ``stop`` file there."""
    paths = RunPaths(root).trial(trial.trial_id)
    stop = paths.stop
    stop.unlink(missing_ok=True)

    def emit_and_look(row: dict[str, Any]) -> None:
        emit(row)
        if stop.exists():
            raise TrialPruned

    with logging_to(paths.log):
        logging.getLogger(__name__).info("trial %s, process %d", trial.trial_id, os.getpid())
        outcome = train(
            trial,
            emit_and_look,
            folder=TrialFolder(paths),
            num_threads=num_threads,
            progress=progress,
            checkpoint_every_s=checkpoint_every_s,
        )
        logging.getLogger(__name__).info("%s after %.1f s", outcome.status, outcome.wall_time_s)
    paths.checkpoint.unlink(missing_ok=True)
    return outcome
