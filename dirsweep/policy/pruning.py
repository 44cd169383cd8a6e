"""Which trials are ended early: every study's scheduler, and the trials that it has seen."""

from __future__ import annotations

from collections.abc import Mapping

from dirsweep.config.scheduler import SchedulerSpec
from dirsweep.config.sweep import SweepSpec
from dirsweep.policy.schedulers import Curve, bracket_of, wants_end
from dirsweep.policy.tracked_trial import TrackedTrial


class Pruning:
    """The schedulers of a sweep's studies.

    Args:
        spec: the sweep.
    """

    def __init__(self, spec: SweepSpec) -> None:
        self._objective = spec.objective
        self._studies = {
            name: StudyPruning(name, scheduler, spec.base_config_of(name).epochs)
            for name in spec.studies
            if (scheduler := spec.scheduler_of(name)) is not None
        }

    def __bool__(self) -> bool:
        return bool(self._studies)

    def wants_end(self, trial: TrackedTrial) -> bool:
        """Return whether a trial is to end after its last epoch.

        Args:
            trial: which; it has just noted the objective of an epoch.

        Returns:
            Whether all studies that wait for the trial give it up. One without a scheduler never
            does.
        """
        self.note(trial)
        wishes = [study.wants_end(trial) for study in self._of(trial)]
        return len(wishes) == len(trial.studies) and all(wishes)

    def note(self, trial: TrackedTrial) -> None:
        """Show a trial's epochs to every scheduler concerned, without a verdict on it."""
        costs = {
            epoch + 1: self._objective.cost(value)
            for epoch, value in sorted(trial.best_by_epoch.items())
        }
        for study in self._of(trial) if costs else ():
            study.note(trial, costs)

    def _of(self, trial: TrackedTrial) -> list[StudyPruning]:
        return [self._studies[study] for study in trial.studies if study in self._studies]

    def end(self, trial: TrackedTrial) -> None:
        """Tell the schedulers that a trial has ended."""
        for study in self._of(trial):
            study.end(trial)

    def restart(self, trial: TrackedTrial) -> None:
        """Tell the schedulers that a trial is trained again from its start."""
        for study in self._of(trial):
            study.forget(trial)

    def replay(self, trial: TrackedTrial) -> None:
        """Show a trial of an earlier session or of another run, as far as it was trained."""
        self.note(trial)
        if trial.ended:
            self.end(trial)


class StudyPruning:
    """The scheduler of one study.

    Args:
        study: its key in the sweep file.
        scheduler: its scheduler.
        max_epochs: of a training.
    """

    def __init__(self, study: str, scheduler: SchedulerSpec, max_epochs: int) -> None:
        self.study, self.scheduler, self.max_epochs = study, scheduler, max_epochs
        self.curves: dict[str, Curve] = {}
        #: trials that were not promoted, and which another study keeps alive
        self._given_up: set[str] = set()

    def note(self, trial: TrackedTrial, costs: Mapping[int, float]) -> None:
        """Note a trial's epochs.

        Args:
            trial: which.
            costs: see ``Curve``.
        """
        curve = self.curves.get(trial.trial_id)
        if curve is None:
            curve = self.curves[trial.trial_id] = Curve(bracket=self._bracket(trial))
        curve.costs, curve.unimproved = dict(costs), trial.unimproved

    def wants_end(self, trial: TrackedTrial) -> bool:
        """Return whether the study gives a noted trial up; once given up it stays so."""
        curve = self.curves[trial.trial_id]
        others = [other for other in self.curves.values() if other is not curve]
        if wants_end(self.scheduler, curve, others):
            self._given_up.add(trial.trial_id)
        return trial.trial_id in self._given_up

    def _bracket(self, trial: TrackedTrial) -> int:
        if self.scheduler.name != "hyperband":
            return 0
        index = min(point.index for point in trial.points if point.study == self.study)
        key = f"{self.study}/{index}/{trial.spec.seed}"
        return bracket_of(self.scheduler, self.max_epochs, key)

    def end(self, trial: TrackedTrial) -> None:
        """Note that a trial has ended."""
        self._given_up.discard(trial.trial_id)
        curve = self.curves.get(trial.trial_id)
        if curve is not None:
            curve.complete = trial.status == "complete"

    def forget(self, trial: TrackedTrial) -> None:
        """Forget a trial that is trained again."""
        self._given_up.discard(trial.trial_id)
        self.curves.pop(trial.trial_id, None)
