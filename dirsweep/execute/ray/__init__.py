"""Ray as a place to run: a cluster, or this machine.

Importing the package sets what Ray reads from the environment, here and in workers; so no file of
it needs to be imported before another.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # Ray starts before these are imported
    from dirsweep.execute.base import Job
    from dirsweep.execute.ray.tune import TuneExecutor

# read once when ray.tune is imported: our tables replace its loggers, its working directory is not
# ours
os.environ.update(
    TUNE_DISABLE_AUTO_CALLBACK_LOGGERS="1",
    TUNE_GLOBAL_CHECKPOINT_S="86400",
    TUNE_DISABLE_SIGINT_HANDLER="1",
    TUNE_DISABLE_STRICT_METRIC_CHECKING="1",
    # every place gets its worker at once; how many trials may wait is decided by the driver
    TUNE_MAX_PENDING_TRIALS_PG="1000",
    RAY_CHDIR_TO_TRIAL_DIR="0",
    RAY_AIR_NEW_OUTPUT="0",
    RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO="0",
    TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S="0",
)
os.environ.setdefault("RAY_DEDUP_LOGS", "0")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
# a long batch may keep a stopped trial's thread busy before its process can be used again
os.environ.setdefault("TUNE_FUNCTION_THREAD_TIMEOUT_S", "10")


@contextmanager
def open_executor(job: Job) -> Iterator[TuneExecutor]:
    """Open Ray as a place to run trials, see ``execute.ray.tune.open_tune``."""
    from dirsweep.execute.ray.tune import open_tune  # imports ray, which takes a second

    with open_tune(job) as executor:
        yield executor
