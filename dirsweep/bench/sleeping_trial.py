"""Stand-in for the training of a trial: it sleeps, and writes what a trial writes."""

from __future__ import annotations

import importlib
import os
import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dirsweep.config.trial import TrialSpec
from dirsweep.run.events import utc_now
from dirsweep.run.folder import TrialFolder
from dirsweep.run.tables import Outcome

if TYPE_CHECKING:  # imports torch, whose import is measured
    from dirsweep.training.state import Row

#: environment variable with the duration of a trial, see ``duration_of``
SECONDS_VARIABLE = "DIRSWEEP_BENCH_SECONDS"
#: where workers find the stand-in
WORK = "dirsweep.bench.sleeping_trial:sleep_and_report"


def duration_of(trial_id: str, text: str) -> float:
    """Return the duration of a trial in seconds.

    Args:
        trial_id: decides the draw from a range.
        text: ``0.2``, or a range ``0.2-1.0``.
    """
    low, _, high = text.partition("-")
    return float(low) if not high else random.Random(trial_id).uniform(float(low), float(high))


def import_torch() -> None:
    """Import torch, as every training does: its import is part of what is measured."""
    importlib.import_module("torch")


def sleep_and_report(
    trial: TrialSpec, emit: Callable[[Row], None], *, folder: TrialFolder, **_: Any
) -> Outcome:
    """Import torch, sleep, report one epoch, and write the results of a trial.

    Args:
        trial: decides its duration and its value.
        emit: takes the epoch's row.
        folder: takes the results.
        **_: further arguments of ``training.trial.train``.

    Returns:
        A complete outcome.
    """
    import_torch()
    started_at = utc_now()
    folder.begin({**trial.to_dict(), "started_at": started_at, "attempt": 1})
    seconds = duration_of(trial.trial_id, os.environ[SECONDS_VARIABLE])
    time.sleep(seconds)
    value = random.Random(trial.trial_id).random()
    row = {
        "epoch": 0,
        "stage": 0,
        "lr": 0.1,
        "train_loss": value,
        "val_mae_all": value,
        "best_value": value,
        "best_epoch": 0,
        "epoch_time_s": seconds,
    }
    folder.write_epochs([row])
    emit(row)
    outcome = Outcome(
        trial.trial_id,
        "complete",
        metrics={"val_mae_all": value, "test_mae_all": value},
        best_epoch=0,
        num_epochs=1,
        wall_time_s=seconds,
        started_at=started_at,
        ended_at=utc_now(),
    )
    folder.finish(outcome)
    return outcome
