"""Length of a trial, and how long its parts take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TrialLength:
    """Epochs and validations of a trial that does not end early.

    Attributes:
        epochs: of the first stage.
        later_epochs: of all later stages together.
        validations: of all stages together.
    """

    epochs: int
    later_epochs: int = 0
    validations: int = 0

    @property
    def all_epochs(self) -> int:
        """Epochs of all stages together."""
        return self.epochs + self.later_epochs


@dataclass(frozen=True)
class Durations:
    """Durations of a trial's parts, or by how much they exceed those of the base; in seconds.

    Attributes:
        start_s: from the start to the first step: model and techniques. The data is opened once
            per process and is not counted.
        step_s: one training step of the first stage.
        epoch_s: one epoch's training in the first stage, with what ends it (a second pass, say).
        val_s: one validation of the whole split.
        later_s: one epoch's training in a later stage; 0 without one.
    """

    start_s: float
    step_s: float
    epoch_s: float
    val_s: float
    later_s: float = 0.0

    def trial_s(self, length: TrialLength) -> float:
        """Return the duration of a whole trial, in seconds.

        Testing at the end counts as one more validation.
        """
        trained_s = length.epochs * self.epoch_s + length.later_epochs * self.later_s
        return self.start_s + trained_s + (length.validations + 1) * self.val_s
