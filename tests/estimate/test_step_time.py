"""A trial's multiplication by hand, and trainings whose parts take a given time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, replace
from types import SimpleNamespace
from typing import Any

import pytest

from dirsweep.data.base import SplitName
from dirsweep.errors import TrialError
from dirsweep.estimate.durations import Durations, TrialLength
from dirsweep.estimate.step_time import measure_durations
from dirsweep.methods.base import Stage
from dirsweep.training import assembly, loop
from dirsweep.training.batches import TrainingData
from tests.tiny import TinyBenchmark, TinyConfig, tiny_trial


def test_a_trial_by_hand() -> None:
    durations = Durations(start_s=10, step_s=0.5, epoch_s=20, val_s=3, later_s=5)
    assert (
        durations.trial_s(TrialLength(epochs=4, later_epochs=2, validations=6))
        == 10 + 4 * 20 + 2 * 5 + (6 + 1) * 3
    )


class Clock:
    """Stands still but for what is said to take time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.monkeypatch = 100.0, monkeypatch
        monkeypatch.setattr(
            "dirsweep.estimate.step_time.time", SimpleNamespace(monotonic=lambda: self.now)
        )

    def slow(self, module: Any, name: str, seconds: Callable[..., float]) -> list[None]:
        """Make a function take ``seconds`` of its arguments; one item for each of its calls."""
        plain: Callable[..., Any] = getattr(module, name)
        calls: list[None] = []

        def slowed(*args: Any, **more: Any) -> Any:
            calls.append(None)
            self.now += seconds(*args)
            return plain(*args, **more)

        self.monkeypatch.setattr(module, name, slowed)
        return calls


def num_samples(split: SplitName, factor: float) -> Callable[..., float]:
    """Seconds per used sample of a split, for functions of (model, data, ...)."""

    def seconds(model: Any, data: TrainingData, *_: Any) -> float:
        return factor * len(data.samples[split])

    return seconds


def test_parts_are_timed_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    built = clock.slow(assembly, "build_model", lambda *_: 3.0)
    steps = clock.slow(loop, "loss_terms", lambda *_: 0.02)
    validations = clock.slow(loop, "predict", num_samples("val", 1 / 1000))
    passes = clock.slow(loop, "observe_train_split", num_samples("train", 1 / 1000))
    trial = tiny_trial(
        smoothing={"name": "fds", "statistics": "pass"}, epochs=50, validate_every=10, patience=1
    )
    durations = measure_durations(trial, TinyBenchmark(TinyConfig()), num_threads=1)
    # 200 samples in batches of 32: 2 steps to warm up, then all 7; 60 samples to validate
    assert (len(built), len(steps), len(validations), len(passes)) == (1, 2 + 7, 2, 2)
    assert astuple(durations) == pytest.approx((3.0, 0.02, 7 * 0.02 + 0.2, 0.06, 0.0))


def test_slow_steps_are_few_and_what_goes_by_samples_is_scaled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("dirsweep.estimate.step_time.NUM_VAL", 15)
    clock = Clock(monkeypatch)
    steps = clock.slow(loop, "loss_terms", lambda *_: 5.0)
    clock.slow(loop, "predict", num_samples("val", 1 / 10))
    clock.slow(loop, "observe_train_split", num_samples("train", 1 / 10))
    trial = tiny_trial(smoothing={"name": "fds", "statistics": "pass"})
    durations = measure_durations(trial, TinyBenchmark(TinyConfig()), num_threads=1)
    assert len(steps) == 2 + 2
    # the pass saw 64 of 200 samples, the validation 15 of 60
    assert astuple(durations) == pytest.approx((0.0, 5.0, 7 * 5 + 20, 6.0, 0.0))


def test_a_later_stage_has_its_own_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    def seconds(model: Any, data: TrainingData, stage: Stage, *_: Any) -> float:
        return 0.25 if stage.trains == "all" else 0.01

    steps = Clock(monkeypatch).slow(loop, "loss_terms", seconds)
    durations = measure_durations(
        tiny_trial(schedule={"name": "rrt", "epochs": 40}),
        TinyBenchmark(TinyConfig()),
        num_threads=1,
    )
    assert len(steps) == 2 + 4 + 4 + 4  # 4 steps of 0.25 s fill a second
    assert astuple(durations) == pytest.approx((0.0, 0.25, 7 * 0.25, 0.0, 7 * 0.01))


def test_a_batch_larger_than_the_split_is_one_step() -> None:
    durations = measure_durations(
        tiny_trial(batch_size=256), TinyBenchmark(TinyConfig()), num_threads=1
    )
    assert 0 < durations.step_s <= durations.epoch_s < 1


def test_a_region_that_a_few_samples_leave_empty_does_no_harm(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("dirsweep.estimate.step_time.SECONDS", 0.0)
    monkeypatch.setattr("dirsweep.estimate.step_time.NUM_VAL", 1)
    assert (
        measure_durations(
            replace(tiny_trial(), region="few"), TinyBenchmark(TinyConfig()), num_threads=1
        ).val_s
        > 0
    )


def test_what_cannot_be_trained_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any) -> Any:
        raise ValueError("no such thing\nand more")

    monkeypatch.setattr(loop, "loss_terms", broken)
    with pytest.raises(TrialError, match=r"^ValueError: no such thing$"):
        measure_durations(tiny_trial(), TinyBenchmark(TinyConfig()), num_threads=1)
