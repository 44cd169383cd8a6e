"""What Ray runs in its workers. They import this file: no optuna, no sweep, no driver."""

from __future__ import annotations

import json
import os
import pkgutil
import threading
import time
from functools import cache
from pathlib import Path
from typing import Any, TypedDict

from ray import tune

from dirsweep.config.trial import TrialSpec
from dirsweep.errors import StoreError

#: seconds between two reports of a trial whose epochs decide nothing: Ray handles a few hundred
#: reports a second in all
REPORT_EVERY_S = 0.5
#: what trains a trial
TRAINER = "dirsweep.training.trial:train"


class TrialConfig(TypedDict):
    """What a worker is given.

    Attributes:
        trial: ``TrialSpec.to_dict()`` as JSON, since Ray flattens what is nested.
        root: the run's folder.
        work: ``module:function`` that trains.
        gpu: the part of a GPU.
        settings: ``WorkerSettings`` as JSON.
        every_epoch: report every epoch.
    """

    trial: str
    root: str
    work: str
    gpu: float
    settings: str
    every_epoch: bool


def train_in_worker(config: TrialConfig) -> None:
    """Train a trial; the process is used again for the next one."""
    from dirsweep.execute.base import WorkerSettings
    from dirsweep.execute.worker import run_trial

    _die_with_raylet(os.getpid(), os.getppid())
    reported_at = 0.0

    def emit(row: dict[str, Any]) -> None:
        nonlocal reported_at
        now = time.monotonic()
        if config["every_epoch"] or now - reported_at >= REPORT_EVERY_S:
            reported_at = now
            tune.report({"row": json.dumps(row)})

    try:
        run_trial(
            TrialSpec(**json.loads(config["trial"])),
            Path(config["root"]),
            emit,
            WorkerSettings(**json.loads(config["settings"])),
            work=pkgutil.resolve_name(config["work"]),
        )
    except (StoreError, OSError) as error:  # not the trial's fault: the driver stops the sweep
        tune.report({"broken": str(error), "done": True})
    else:
        tune.report({"ended": True, "done": True})


@cache
def _die_with_raylet(process: int, parent: int) -> None:
    """End this process when the one that started it has ended: its reports would be lost.

    Args:
        process: this process; a thread watches once per process.
        parent: the process that started it.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="raylet-watch").start()
