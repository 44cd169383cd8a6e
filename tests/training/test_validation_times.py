"""How often a stage is validated, counted by walking through its steps."""

from __future__ import annotations

import itertools

import pytest

from dirsweep.config.optimization import StepInterval
from dirsweep.training.validation_times import is_due, stage_length


def walked(
    interval: int | StepInterval, num_epochs: int, num_steps: int, max_checks: int | None
) -> tuple[int, int]:
    """Epochs and validations of a stage, step by step."""
    checks = 0
    for epoch, step in itertools.product(range(1, num_epochs + 1), range(1, num_steps + 1)):
        total = (epoch - 1) * num_steps + step
        at_end = (epoch, step) == (num_epochs, num_steps)
        checks += at_end or is_due(interval, total, num_steps)
        if checks == max_checks:
            return epoch, checks
    return num_epochs, checks


@pytest.mark.parametrize("max_checks", [None, 1, 2, 3, 100])
@pytest.mark.parametrize("interval", [1, 2, 5, *(StepInterval(steps=n) for n in (1, 3, 7, 10, 99))])
def test_the_length_of_a_stage(interval: int | StepInterval, max_checks: int | None) -> None:
    for num_epochs, num_steps in ((1, 7), (4, 7), (5, 10)):
        expected = walked(interval, num_epochs, num_steps, max_checks)
        assert stage_length(interval, num_epochs, num_steps, max_checks) == expected


def test_the_papers_trainings_on_sts_b() -> None:
    every = StepInterval(steps=400)
    # 42 steps an epoch: the 100th validation is 40,000 steps, in epoch 953
    assert stage_length(every, 1000, 42, 100) == (953, 100)
    # RankSim, batch 16: 329 steps an epoch, 300 validations
    assert stage_length(every, 400, 329, 300) == (365, 300)


def test_epochs_are_steps() -> None:
    assert [step for step in range(1, 43) if is_due(2, step, 7)] == [14, 28, 42]
    assert [step for step in range(1, 43) if is_due(StepInterval(steps=10), step, 7)] == [
        10,
        20,
        30,
        40,
    ]
