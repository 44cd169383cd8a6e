"""Which trials are ended early: one Optuna study per scheduler, in which each trial of the sweep is
one of Optuna's.
"""

from __future__ import annotations

import optuna
from optuna.trial import TrialState

from dirsweep.config.sweep import SweepSpec
from dirsweep.policy.samplers import make_pruner
from dirsweep.policy.trial_progress import Entry


class Pruning:
    """The schedulers of a sweep's studies.

    Attributes:
        studies: by the study's name, those that have a scheduler.
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

    def wants_end(self, entry: Entry, epoch: int, value: float) -> bool:
        """Show ``value`` to every scheduler concerned; True when all studies that wait for the
        trial give it up.
        """
        names = {point.study for point in entry.points}
        # a trial that a study without scheduler needs is never cut short
        wishes = [
            self._wants_end(name, entry.trial.trial_id, epoch, value)
            for name in names & set(self.studies)
        ]
        return len(wishes) == len(names) and all(wishes)

    def _wants_end(self, study: str, trial_id: str, epoch: int, value: float) -> bool:
        trial = self._trials.get((study, trial_id))
        if trial is None:
            trial = self._trials[study, trial_id] = self.studies[study].ask()
        trial.report(value, epoch + 1)
        return bool(trial.should_prune())

    def end(self, entry: Entry) -> None:
        """The trial has ended."""
        for study in {point.study for point in entry.points} & set(self.studies):
            trial = self._trials.pop((study, entry.trial.trial_id), None)
            if trial is None:
                continue
            if entry.state == "complete" and entry.by_epoch:
                self.studies[study].tell(trial, entry.by_epoch[max(entry.by_epoch)])
            else:
                self.studies[study].tell(
                    trial, state=TrialState.PRUNED if entry.by_epoch else TrialState.FAIL
                )

    def replay(self, entry: Entry) -> None:
        """A trial that ended in an earlier session."""
        for epoch, value in sorted(entry.by_epoch.items()):
            self.wants_end(entry, epoch, value)
        self.end(entry)
