"""Cost of a run by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dirsweep.estimate.cost_model import CostModel
from dirsweep.estimate.durations import Durations, TrialLength
from dirsweep.estimate.run_cost import run_cost
from dirsweep.estimate.trial_kinds import PlannedTrial, TrialKinds, planned_trials
from tests.flow.driving import loaded, tiny_sweep
from tests.tiny import TinyBenchmark, TinyConfig


def _flat(spec: Any, durations: Durations) -> tuple[list[PlannedTrial], CostModel]:
    """The sweep's trials, each with the same durations."""
    kinds = TrialKinds(spec, TinyBenchmark(TinyConfig()))
    return planned_trials(spec, kinds), CostModel(durations, TrialLength(3, 0, 3))


def _mixed(tmp_path: Path, **more: Any) -> Any:
    studies = {
        "grid": {"grid": {"epochs": [2, 4]}, "seeds": [0, 1]},
        "again": {"points": [{"epochs": 4}]},
        "search": {"trials": 3, "space": {"optimizer.lr": {"uniform": [0.1, 0.2]}}},
    }
    return loaded(tiny_sweep(tmp_path, studies, resources={"cpu": 2}, **more))


DURATIONS = Durations(start_s=10, step_s=0.5, epoch_s=10, val_s=5)


def test_a_run_by_hand(tmp_path: Path) -> None:
    spec = _mixed(
        tmp_path, budget={"trials": 5, "money": {"limit": 0.01, "cpu_hour": 0.3}, "cpu_hours": 9}
    )
    plan, model = _flat(spec, DURATIONS)
    found = run_cost(spec, plan, model, num_cpus=4, num_gpus=0)
    # 2 of 2 epochs, 2 of 4 (one of them again), 3 of the base's 3; each epoch is validated, the
    # test split once
    seconds = 2 * (10 + 30 + 5) + 2 * (10 + 60 + 5) + 3 * (10 + 45 + 5)
    assert (found.trials, found.epochs, found.parallel_trials) == (7, 2 * 2 + 2 * 4 + 3 * 3, 2)
    assert found.cpu_hours == pytest.approx(2 * seconds / 3600)
    assert found.wall_hours == pytest.approx(seconds / 2 / 3600)
    assert found.gpu_hours == 0
    assert found.money == pytest.approx(0.3 * 2 * seconds / 3600)
    assert found.over_budget(spec) == ["trials: 7 of 5", "money: 0.07 of 0.01"]


def test_gpus_limit_the_parallel_trials(tmp_path: Path) -> None:
    spec = _mixed(tmp_path)
    found = run_cost(spec, *_flat(spec, DURATIONS), num_cpus=64, num_gpus=3)
    assert found.parallel_trials == 3
    assert found.gpu_hours == pytest.approx(found.trial_hours)
    assert found.money is None
