"""Trials that another run has finished: equal trials are trained once for all runs that lie side by
side.
"""

from __future__ import annotations

from pathlib import Path

from dirsweep.run.folder import RunPaths
from dirsweep.run.storage import TrialFolder, write_bytes_atomically


class FinishedElsewhere:
    """The complete trials of the runs beside a run (folders of the same parent), taken over by
    copying their files.

    Pruned and failed ones are not taken: the one hangs on that run's scheduler, the other may have
        been bad luck.

    Args:
        root: the run's folder.
        with_features: take over only those that have their test features.
    """

    def __init__(self, root: Path, *, with_features: bool = False) -> None:
        self.run, self.with_features = RunPaths(root), with_features
        here = root.resolve()
        folders = sorted(here.parent.iterdir()) if here.parent.is_dir() else []
        self.others = [
            RunPaths(path) for path in folders if path != here and RunPaths(path).trials.is_dir()
        ]
        self.asked: set[str] = set()
        #: trial -> the run it was taken from
        self.taken: dict[str, Path] = {}

    def take(self, trial_id: str) -> bool:
        """Bring the trial into this run if another one has it complete and this one has no outcome;
        asked once only.

        Raises: StoreError: the run's folder cannot be written to.
        """
        if trial_id in self.asked or not self.others:
            return False
        self.asked.add(trial_id)
        if self.run.trial(trial_id).outcome.exists():
            return False
        complete = [other for other in self.others if _has_complete(other, trial_id)]
        if self.with_features:
            complete = [other for other in complete if other.trial(trial_id).features.exists()]
        if not complete:
            return False
        # the first that has its features, too, else the first
        chosen = min(complete, key=lambda other: not other.trial(trial_id).features.exists())
        self._copy(chosen, trial_id)
        self.taken[trial_id] = chosen.root
        return True

    def name_of(self, trial_id: str) -> str | None:
        """The run from which the trial was taken, in this session or, if it can still be told, in
        an earlier one.
        """
        if trial_id in self.taken:
            return self.taken[trial_id].name
        return next(
            (other.root.name for other in self.others if _has_complete(other, trial_id)), None
        )

    def _copy(self, other: RunPaths, trial_id: str) -> None:
        source, target = other.trial(trial_id), self.run.trial(trial_id)
        # the outcome last: before it is there the trial has not ended
        for old, new in (
            (source.spec, target.spec),
            (source.epochs, target.epochs),
            (source.log, target.log),
            (source.predictions, target.predictions),
            (source.features, target.features),
            (source.outcome, target.outcome),
        ):
            if old.exists():
                write_bytes_atomically(new, old.read_bytes())
        target.checkpoint.unlink(missing_ok=True)


def _has_complete(run: RunPaths, trial_id: str) -> bool:
    outcome = TrialFolder(run.trial(trial_id)).outcome()
    return outcome is not None and outcome.status == "complete" and outcome.trial_id == trial_id
