"""The timed processes: what they are asked, and what they report."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from dirsweep.bench import orchestration_process
from dirsweep.bench.orchestration_process import (
    SIDES,
    SideReport,
    Workload,
    bench_sweep,
    run_side,
    run_timed,
)
from dirsweep.bench.sleeping_trial import SECONDS_VARIABLE

WORKLOAD = Workload(3, "0.2-0.4", workers=1, sampler="random")


def test_the_sweep_is_the_workloads() -> None:
    spec = bench_sweep(WORKLOAD)
    (study,) = spec.studies.values()
    assert (study.trials, study.sampler.name, spec.base_config.epochs) == (3, "random", 1)


def test_a_side_writes_its_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Path, Workload]] = []

    def side(root: Path, workload: Workload) -> SideReport:
        asked.append((root, workload))
        return SideReport(memory_mib=[1.5], ready_at=7.25)

    monkeypatch.setitem(SIDES, "start", side)
    monkeypatch.setattr(subprocess, "run", lambda command, **options: _run(command, options))
    timed = run_timed("start", tmp_path / "new", WORKLOAD)
    assert asked == [(tmp_path / "new" / "start", WORKLOAD)]
    assert timed.report == SideReport(memory_mib=[1.5], ready_at=7.25)
    assert timed.folder == tmp_path / "new" / "start"


def _run(command: list[str], options: dict[str, object]) -> subprocess.CompletedProcess[str]:
    """Run a side in this process instead of another one."""
    environment = options["env"]
    assert isinstance(environment, dict)
    assert environment.keys() >= os.environ.keys()
    assert environment[SECONDS_VARIABLE] == "0.2-0.4"
    assert "import run_side" in command[2]
    assert command[3] == "start"
    run_side("start", *command[4:])
    return subprocess.CompletedProcess(command, 0, "", "")


def test_a_failed_process_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = "import sys; print('no Ray', file=sys.stderr); sys.exit(3)"
    real = subprocess.run
    monkeypatch.setattr(
        orchestration_process.subprocess,
        "run",
        lambda arguments, **options: real([arguments[0], "-c", command], **options),
    )
    with pytest.raises(subprocess.CalledProcessError) as failed:
        run_timed("ours", tmp_path, WORKLOAD)
    assert failed.value.returncode == 3
    assert "no Ray" in failed.value.stderr
