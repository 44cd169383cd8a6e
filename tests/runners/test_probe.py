"""The probe's multiplication by hand, and a probe of the tiny benchmark."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from dirsweep.runners.probe import Pace, forecast, print_forecast, probe
from tests.flow.driving import loaded, tiny_sweep

PACE = Pace(start_s=10, step_s=0.5, sample_s=0.1, steps=20, val_samples=100, validate_every=2)


def test_a_trial_by_hand() -> None:
    assert PACE.epoch_s == 20 * 0.5 + 100 * 0.1 / 2
    assert PACE.trial_s(4) == 10 + 4 * 15


def _spec(tmp_path: Path, **more: Any) -> Any:
    studies = {
        "grid": {"grid": {"epochs": [2, 4]}, "seeds": [0, 1]},
        "again": {"points": [{"epochs": 4}]},
        "search": {"trials": 3, "space": {"batch_size": {"choice": [16, 32]}}},
    }
    return loaded(tiny_sweep(tmp_path, studies, resources={"cpu": 2}, **more))


def test_a_run_by_hand(tmp_path: Path) -> None:
    spec = _spec(tmp_path, budget={"trials": 5, "money": {"limit": 0.01, "cpu_hour": 0.3}, "cpu_hours": 9})
    found = forecast(spec, PACE, num_cpus=4, num_gpus=0)
    # 2 of 2 epochs, 2 of 4 (one of them again), 3 of the base's 3
    seconds = 2 * (10 + 30) + 2 * (10 + 60) + 3 * (10 + 45)
    assert (found.trials, found.epochs, found.at_a_time) == (7, 2 * 2 + 2 * 4 + 3 * 3, 2)
    assert found.cpu_hours == pytest.approx(2 * seconds / 3600)
    assert found.wall_hours == pytest.approx(seconds / 2 / 3600)
    assert found.gpu_hours == 0
    assert found.money == pytest.approx(0.3 * 2 * seconds / 3600)
    assert found.beyond(spec) == ["trials: 7 of 5", "money: 0.0642 of 0.01"]


def test_gpus_limit_how_many_run_at_a_time(tmp_path: Path) -> None:
    found = forecast(_spec(tmp_path), PACE, num_cpus=64, num_gpus=3)
    assert found.at_a_time == 3
    assert found.gpu_hours == pytest.approx(found.trial_hours)
    assert found.money is None


def test_a_probe_counts_all_steps_and_samples(tmp_path: Path) -> None:
    spec = _spec(tmp_path)
    pace = probe(spec)
    assert (pace.steps, pace.val_samples, pace.validate_every) == (7, 60, 1)  # 200 samples in batches of 32
    assert 0 < pace.step_s < 1
    assert 0 < pace.sample_s < 1
    text = io.StringIO()
    print_forecast(spec, Console(file=text, width=200))
    assert "forecast: 7 trials take" in text.getvalue()
