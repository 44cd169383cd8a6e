"""Callbacks of the training loop."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Literal

from dirsweep.training.state import Row, TrainingState

#: parts of an epoch that are not training steps
Phase = Literal["smoothing_pass", "validation"]


class Hooks:
    """Callbacks of ``fit``; by default they do nothing."""

    def step_ended(self, epoch: int, step: int, num_steps: int) -> None:
        """Handle the end of a training step (from 1) of an epoch (from 0)."""

    def epoch_ended(self, state: TrainingState, row: Row) -> None:
        """Handle the end of an epoch.

        An exception leaves ``fit`` with a resumable state: ``TrialPruned`` to end the trial, say.
        """

    def phase(self, phase: Phase) -> AbstractContextManager[object]:
        """Return a context manager to run a phase in, to time it for instance."""
        return nullcontext()
