"""A Ray begun beforehand: what it leaves in the driver's process, and what it does without."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from dirsweep.execute.ray.cluster import HELPERS, LocalRay, plain_workers


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.mark.ray
def test_a_local_ray_leaves_the_process_as_it_was() -> None:
    import ray
    from ray._private import worker

    before, interval = dict(os.environ), sys.getswitchinterval()
    cluster = LocalRay(1)
    try:
        cluster.wait()
        assert ray.cluster_resources()["CPU"] == 1
        assert {name for name in os.environ if name.startswith("RAY_preload")} == set()
        assert sys.getswitchinterval() == pytest.approx(interval)
        started = worker._global_node.all_processes
        assert {"raylet", "gcs_server"} <= set(started)
        for kind, processes in started.items():
            for info in processes:
                if kind in HELPERS:
                    assert info.process.wait(10) == -signal.SIGKILL, kind
                else:
                    assert running(info.process.pid), kind
    finally:
        cluster.stop()
        cluster.stop()
    assert not ray.is_initialized()
    assert {name: value for name, value in os.environ.items() if name in before} == before


def test_ray_tune_asks_for_no_environment_of_its_own_and_only_meanwhile() -> None:
    from ray.tune.execution import class_cache

    known = dict(class_cache.DEFAULT_ENV_VARS), set(class_cache.ENV_VARS_TO_PROPAGATE)
    assert all(known), "there is something to be left out"
    with plain_workers():
        assert not class_cache.DEFAULT_ENV_VARS
        assert not class_cache.ENV_VARS_TO_PROPAGATE
    found = class_cache.DEFAULT_ENV_VARS, class_cache.ENV_VARS_TO_PROPAGATE
    assert found == known
