"""Trials that another run has finished: equal trials are trained once for all neighbouring runs."""

from __future__ import annotations

from pathlib import Path

from dirsweep.run.folder import RunPaths, TrialFolder


class FinishedElsewhere:
    """The complete trials of neighbouring runs (folders of the same parent), reused by copying.

    Pruned and failed trials are not reused: pruning depends on the other run's scheduler, and a
    failure may not happen again.

    Args:
        root: the run's folder.
        with_features: reuse only trials that have their test features.
        with_models: copy stored networks, too.

    Attributes:
        taken: trial -> the run it was copied from.
    """

    def __init__(
        self, root: Path, *, with_features: bool = False, with_models: bool = False
    ) -> None:
        self.run, self.with_features, self.with_models = RunPaths(root), with_features, with_models
        neighbours = (RunPaths(storage) for storage in self.run.storage.neighbours())
        self.others = [other for other in neighbours if other.has_trials()]
        self.asked: set[str] = set()
        self.taken: dict[str, RunPaths] = {}

    def take(self, trial_id: str) -> bool:
        """Copy the trial into this run, if another run has it complete and this one has no outcome.

        Only the first call for a trial does anything.

        Args:
            trial_id: the trial.

        Returns:
            Whether the trial was copied.

        Raises:
            StoreError: the run's folder cannot be written to.
        """
        if trial_id in self.asked or not self.others:
            return False
        self.asked.add(trial_id)
        if self.run.trial(trial_id).outcome.exists():
            return False
        source = self.source(trial_id)
        if source is None:
            return False
        self._copy(source, trial_id)
        self.taken[trial_id] = source
        return True

    def take_model(self, trial_id: str) -> bool:
        """Copy the stored network of a trial from a run that has it complete.

        Args:
            trial_id: the trial, which this run has complete.

        Returns:
            Whether a run has it.

        Raises:
            StoreError: the run's folder cannot be written to.
        """
        target = self.run.trial(trial_id).model
        for other in self.others:
            source = other.trial(trial_id).model
            facts, weights = source.facts.read(), source.weights.read()
            if facts is not None and weights is not None and _has_complete(other, trial_id):
                target.facts.write(facts)
                target.weights.write(weights)
                return True
        return False

    def source(self, trial_id: str) -> RunPaths | None:
        """Return the run from which a trial would be copied; None where none has it complete."""
        complete = [other for other in self.others if _has_complete(other, trial_id)]
        with_features = [other for other in complete if other.trial(trial_id).features.exists()]
        candidates = with_features if self.with_features else with_features or complete
        return candidates[0] if candidates else None

    def name_of(self, trial_id: str) -> str | None:
        """Return the run the trial was copied from, now or (if it still has it) in the past."""
        if trial_id in self.taken:
            return self.taken[trial_id].name
        return next((other.name for other in self.others if _has_complete(other, trial_id)), None)

    def _copy(self, other: RunPaths, trial_id: str) -> None:
        source, target = other.trial(trial_id), self.run.trial(trial_id)
        files = [
            (source.spec, target.spec),
            (source.epochs, target.epochs),
            (source.log, target.log),
            (source.predictions, target.predictions),
            (source.features, target.features),
        ]
        if self.with_models:
            files += [
                (source.model.facts, target.model.facts),
                (source.model.weights, target.model.weights),
            ]
        # the outcome last: before it is there the trial has not ended
        for old, new in (*files, (source.outcome, target.outcome)):
            data = old.read()
            if data is not None:
                new.write(data)
        target.checkpoint.delete()


def _has_complete(run: RunPaths, trial_id: str) -> bool:
    outcome = TrialFolder(run.trial(trial_id)).outcome()
    return outcome is not None and outcome.status == "complete" and outcome.trial_id == trial_id
