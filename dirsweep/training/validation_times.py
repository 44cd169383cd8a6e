"""When a stage of a training is validated, and how often that is."""

from __future__ import annotations

from dirsweep.config.optimization import StepInterval


def steps_between(interval: int | StepInterval, num_steps: int) -> int:
    """Return the number of steps between two validations.

    Args:
        interval: epochs, or steps.
        num_steps: steps of an epoch.
    """
    return interval.steps if isinstance(interval, StepInterval) else interval * num_steps


def is_due(interval: int | StepInterval, step: int, num_steps: int) -> bool:
    """Return whether a validation is due after a step.

    Args:
        interval: epochs, or steps.
        step: of the stage, from 1 and across its epochs.
        num_steps: steps of an epoch.
    """
    return step % steps_between(interval, num_steps) == 0


def stage_length(
    interval: int | StepInterval, num_epochs: int, num_steps: int, max_checks: int | None
) -> tuple[int, int]:
    """Return the epochs and the validations of a stage that is not stopped early.

    Args:
        interval: epochs, or steps; the last epoch is validated in any case.
        num_epochs: longest length of the stage.
        num_steps: steps of an epoch.
        max_checks: number of validations after which the stage ends; None for no limit.

    Returns:
        Number of epochs, the last one perhaps in part; number of validations.
    """
    every = steps_between(interval, num_steps)
    validations = -(-num_epochs * num_steps // every)
    if max_checks is None or validations <= max_checks:
        return num_epochs, validations
    return -(-max_checks * every // num_steps), max_checks
