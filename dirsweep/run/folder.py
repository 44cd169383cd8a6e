"""Every file name of a run's folder. Nothing else in the package spells one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class TrialPaths:
    """One trial's folder: the truth about that trial. The run's tables are only a view of these."""

    folder: Path

    @property
    def spec(self) -> Path:
        """What the trial is: ``TrialSpec.to_dict()``, written when it begins."""
        return self.folder / "trial.json"

    @property
    def epochs(self) -> Path:
        """One JSON line per validated epoch, replaced as a whole each time."""
        return self.folder / "epochs.jsonl"

    @property
    def outcome(self) -> Path:
        """How the trial ended. Written last: while it is absent the trial is unfinished."""
        return self.folder / "outcome.json"

    @property
    def predictions(self) -> Path:
        """Validation and test predictions of the best epoch, an Arrow file."""
        return self.folder / "predictions.arrow"

    @property
    def features(self) -> Path:
        """The backbone's test features at the best epoch, an Arrow file; only with ``store:
        {features: true}``.
        """
        return self.folder / "features.arrow"

    @property
    def checkpoint(self) -> Path:
        """What the trial needs to go on after an interruption."""
        return self.folder / "checkpoint.pt"

    @property
    def stop(self) -> Path:
        """Put there by whoever wants the trial to end early; the worker looks for it after each
        epoch.

        Empty: the scheduler has pruned it. With a text: a person has stopped it, for good.
        """
        return self.folder / "stop"

    @property
    def log(self) -> Path:
        """Plain text for people. Locked by the process that trains the trial."""
        return self.folder / "log.txt"


@dataclass(frozen=True)
class RunPaths:
    """The folder of one run."""

    root: Path

    @property
    def spec(self) -> Path:
        """The resolved sweep."""
        return self.root / "spec.yaml"

    @property
    def provenance(self) -> Path:
        """Versions, hardware, command lines, start and end of every session that worked on the
        run.
        """
        return self.root / "provenance.json"

    @property
    def ledger(self) -> Path:
        """What was proposed, started and ended, in that order."""
        return self.root / "ledger.jsonl"

    @property
    def lock(self) -> Path:
        """Held by the one driver that may write to the run."""
        return self.root / "driver.lock"

    @property
    def stop(self) -> Path:
        """Put there by whoever wants the run to stop; its driver looks for it."""
        return self.root / "stop"

    @property
    def trials_table(self) -> Path:
        """One row per (study, point, seed)."""
        return self.root / "trials.arrow"

    @property
    def epochs_table(self) -> Path:
        """One row per (trial, validated epoch)."""
        return self.root / "epochs.arrow"

    @property
    def predictions_table(self) -> Path:
        """One row per (trial, validation or test sample)."""
        return self.root / "predictions.arrow"

    @property
    def bins_table(self) -> Path:
        """One row per label bin of the benchmark."""
        return self.root / "bins.arrow"

    @property
    def confirm(self) -> Path:
        """The sweep that trains this run's best points again with fresh seeds."""
        return self.root / "confirm.yaml"

    @property
    def plots(self) -> Path:
        """Pictures made by the report."""
        return self.root / "plots"

    @property
    def report(self) -> Path:
        """The report as one HTML file."""
        return self.root / "report.html"

    @property
    def ray(self) -> Path:
        """Ray Tune's own files; disposable."""
        return self.root / "ray"

    @property
    def trials(self) -> Path:
        """The trials' folders."""
        return self.root / "trials"

    def trial(self, trial_id: str) -> TrialPaths:
        """The folder of one trial."""
        return TrialPaths(self.trials / trial_id)
