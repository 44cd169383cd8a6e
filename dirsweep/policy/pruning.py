"""Which trials are ended early: one Optuna study per scheduler, each trial one of Optuna's."""

from __future__ import annotations

import optuna
from optuna.trial import TrialState

from dirsweep.config.sweep import SweepSpec
from dirsweep.policy.samplers import make_pruner
from dirsweep.policy.tracked_trial import TrackedTrial


class Pruning:
    """The schedulers of a sweep's studies.

    Args:
        spec: the sweep.

    Attributes:
        studies: study -> Optuna's, of those that have a scheduler.
    """

    def __init__(self, spec: SweepSpec) -> None:
        self.studies: dict[str, optuna.Study] = {}
        self._trials: dict[tuple[str, str], optuna.trial.Trial] = {}
        for name in spec.studies:
            scheduler = spec.scheduler_of(name)
            if scheduler is not None:
                pruner = make_pruner(scheduler, spec.base_config.epochs)
                self.studies[name] = optuna.create_study(
                    direction=spec.objective.direction, pruner=pruner
                )

    def __bool__(self) -> bool:
        return bool(self.studies)

    def wants_end(self, trial: TrackedTrial, epoch: int, value: float) -> bool:
        """Show a value to every scheduler concerned.

        Args:
            trial: which.
            epoch: from 0.
            value: the best objective so far.

        Returns:
            Whether all studies that wait for the trial give it up. One without a scheduler never
            does.
        """
        scheduled = [study for study in trial.studies if study in self.studies]
        wishes = [self._wants_end(study, trial.trial_id, epoch, value) for study in scheduled]
        return len(wishes) == len(trial.studies) and all(wishes)

    def _wants_end(self, study: str, trial_id: str, epoch: int, value: float) -> bool:
        trial = self._trials.get((study, trial_id))
        if trial is None:
            trial = self._trials[study, trial_id] = self.studies[study].ask()
        trial.report(value, epoch + 1)
        return bool(trial.should_prune())

    def end(self, trial: TrackedTrial) -> None:
        """Tell the schedulers that a trial has ended, or is trained again from its start."""
        for study in trial.studies:
            known = self._trials.pop((study, trial.trial_id), None)
            if known is None:
                continue
            if trial.status == "complete" and trial.best_by_epoch:
                last = max(trial.best_by_epoch)
                self.studies[study].tell(known, trial.best_by_epoch[last])
            else:
                state = TrialState.PRUNED if trial.best_by_epoch else TrialState.FAIL
                self.studies[study].tell(known, state=state)

    def replay(self, trial: TrackedTrial) -> None:
        """Show a trial that ended in an earlier session, or in another run."""
        for epoch, value in sorted(trial.best_by_epoch.items()):
            self.wants_end(trial, epoch, value)
        self.end(trial)
