"""Nothing is random without the sweep's seed: two processes decide the same, resumed or not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dirsweep.config.sampler import SAMPLERS
from tests.policy.decisions import EPOCHS, SCHEDULERS

pytestmark = pytest.mark.slow  # each process runs every sampler and scheduler


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The decisions of two processes whose sets and dictionaries are ordered differently."""
    running = []
    for hash_seed in ("1", "2"):
        folder = tmp_path_factory.mktemp(f"hash-seed-{hash_seed}")
        command = [sys.executable, "-m", "tests.policy.decisions", str(folder)]
        env = {**os.environ, "PYTHONHASHSEED": hash_seed, "OMP_NUM_THREADS": "1"}
        root = Path(__file__).resolve().parents[2]
        running.append(
            subprocess.Popen(command, env=env, cwd=root, stdout=subprocess.PIPE, text=True)
        )
    return [json.loads(process.communicate()[0]) for process in running]


@pytest.mark.parametrize("name", [*SAMPLERS, *SCHEDULERS])
def test_two_processes_decide_the_same(processes: list[dict[str, Any]], name: str) -> None:
    first, second = processes
    for cut in (None, 3, 9):
        assert first[f"{name} {cut}"] == second[f"{name} {cut}"]


@pytest.mark.parametrize("name", [*SAMPLERS, *SCHEDULERS])
def test_a_resumed_run_decides_the_same(processes: list[dict[str, Any]], name: str) -> None:
    found = processes[0]
    assert found[f"{name} 3"] == found[f"{name} 9"] == found[f"{name} None"]


@pytest.mark.parametrize("name", sorted({*SCHEDULERS} - {"none"}))
def test_every_scheduler_ends_some_trials_and_not_all(
    processes: list[dict[str, Any]], name: str
) -> None:
    lengths = processes[0][f"{name} None"]
    assert min(lengths) < EPOCHS == max(lengths)
