"""Ray as a place to run: what its package sets before Ray is imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dirsweep.errors import DirSweepError
from dirsweep.execute.base import Job
from dirsweep.execute.ray import open_executor
from dirsweep.execute.ray.cluster import RunningRay
from tests.flow.driving import loaded, small_sweep

#: the contracts of places to run start Ray, too
pytestmark = pytest.mark.ray


def test_importing_the_place_sets_what_ray_reads_but_does_not_load_it() -> None:
    code = (
        "import os, sys\n"
        "import dirsweep.execute.ray\n"
        "print('ray' in sys.modules, os.environ['TUNE_DISABLE_AUTO_CALLBACK_LOGGERS'])\n"
        "print(os.environ['RAY_CHDIR_TO_TRIAL_DIR'], os.environ['RAY_USAGE_STATS_ENABLED'])\n"
    )
    environment = {key: value for key, value in os.environ.items() if key[:4] not in ("RAY_",)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "1", "0", "0"]


def test_a_cluster_that_is_not_there_is_refused_before_a_trial_starts(tmp_path: Path) -> None:
    spec = loaded(small_sweep(tmp_path))
    cluster = RunningRay("127.0.0.1:1")
    job = Job(str(tmp_path), spec.resources, False, False, lambda: None, print, cluster)  # type: ignore[arg-type,return-value]
    with pytest.raises(DirSweepError, match=r"127\.0\.0\.1:1"), open_executor(job):
        pass
