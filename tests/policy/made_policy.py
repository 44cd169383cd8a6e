"""Policies on a run's folder without any executor: trials end with made-up outcomes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import optuna
import yaml

from dirsweep.config.load import load_sweep
from dirsweep.config.sweep import SweepSpec
from dirsweep.config.trial import TrialSpec
from dirsweep.policy.sweep_policy import SweepPolicy
from dirsweep.policy.sweep_view import SweepView
from dirsweep.run.events import Event, Proposed
from dirsweep.run.folder import RunPaths, TrialFolder
from dirsweep.run.ledger import Ledger, read_events
from dirsweep.run.records import FoundTrial, RunRecords
from dirsweep.run.tables import Outcome
from tests import tiny  # noqa: F401 - registers the tiny benchmark

SPACE = {
    "regularizers.ranksim.gamma": {"log_uniform": [1, 1000]},
    "batch_size": {"choice": [16, 32]},
    "regularizers.conr": {"choice": [False, True]},
    "regularizers.conr.beta": {"uniform": [0, 5]},
}
GAMMA = {"regularizers.ranksim.gamma": {"log_uniform": [1, 1000]}}
MANY_FEW = [{"metric": "mae", "region": "many"}, {"metric": "mae", "region": "few"}]
E = TypeVar("E", bound=Event)
Result = Callable[[TrialSpec], Outcome]


def make_spec(tmp_path: Path, studies: dict[str, Any], **more: Any) -> SweepSpec:
    """A sweep on the tiny benchmark."""
    text = {
        "name": "s",
        "benchmark": {"name": "tiny"},
        "base": {"backbone": "tiny", "epochs": 9},
        "seeds": [0],
        "studies": studies,
        **more,
    }
    (tmp_path / "s.yaml").write_text(yaml.safe_dump(text, sort_keys=False))
    return load_sweep(tmp_path / "s.yaml")


class FolderRecords(RunRecords):
    """Records of a run whose trials were copied from a run that is known by name."""

    source: str | None = None

    def find(self, trial_id: str) -> FoundTrial:
        found = super().find(trial_id)
        return replace(found, reused_from=lambda: self.source)


class MadePolicy(SweepPolicy):
    """A policy with its ledger at hand."""

    def __init__(
        self,
        spec: SweepSpec,
        root: Path,
        *,
        fingerprint: str = "f",
        retry: frozenset[str] = frozenset(),
        reused_from: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.paths = RunPaths(root)
        self.ledger = Ledger(self.paths.ledger)
        self.records = FolderRecords(self.paths, self.ledger, retry=retry)
        self.records.source = reused_from
        view = SweepView(spec, self.ledger.state, fingerprint=fingerprint)
        super().__init__(view, self.records, clock)

    def folder(self, trial_id: str) -> TrialFolder:
        return TrialFolder(self.paths.trial(trial_id))

    def optuna_trials(self, study: str) -> list[optuna.trial.FrozenTrial]:
        """What the sampler knows, without withdrawn proposals."""
        sampled = self.searches[study].sampled
        return [t for t in sampled.study.get_trials() if t.number not in sampled.withdrawn]

    def events(self, kind: type[E]) -> list[E]:
        return [e for e in read_events(self.paths.ledger) if isinstance(e, kind)]

    def overrides(self, study: str) -> list[dict[str, Any]]:
        """The points of a study, in the order proposed."""
        return [dict(e.overrides) for e in self.events(Proposed) if e.study == study]

    def close(self) -> None:
        self.ledger.close()


def loss_of(trial: TrialSpec) -> float:
    """A made-up objective: best near gamma 50 with conr on."""
    regularizers = trial.config["regularizers"]
    gamma = regularizers.get("ranksim", {}).get("gamma", 1.0)
    return abs(math.log(gamma / 50)) + (0.0 if "conr" in regularizers else 1.0) + 0.01 * trial.seed


def completed(trial: TrialSpec) -> Outcome:
    """The outcome of a trial that ends with ``loss_of``."""
    return Outcome(
        trial.trial_id,
        "complete",
        metrics={"val_mae_all": loss_of(trial)},
        best_epoch=0,
        num_epochs=1,
    )


def two_sided(trial: TrialSpec) -> Outcome:
    """Few gains by gamma what many and all lose."""
    gamma = math.log10(trial.config["regularizers"].get("ranksim", {"gamma": 1.0})["gamma"])
    metrics = {
        "val_mae_all": 5 + gamma,
        "val_mae_many": 4 + gamma,
        "val_mae_few": 9 - gamma + 0.01 * trial.seed,
    }
    return Outcome(trial.trial_id, "complete", metrics=metrics, best_epoch=0, num_epochs=1)


def end(policy: MadePolicy, trial: TrialSpec, outcome: Outcome) -> None:
    """Let a running trial end: its epoch, its outcome on storage, then the policy."""
    folder = policy.folder(trial.trial_id)
    folder.begin(trial.to_dict())
    if outcome.status == "complete" and outcome.metrics.get("val_mae_all") is not None:
        row = {"epoch": 0, "best_value": outcome.metrics["val_mae_all"]}
        folder.write_epochs([row])
        policy.observe(trial.trial_id, row)
    folder.finish(outcome)
    policy.ended(outcome)


def step(policy: MadePolicy, result: Result = completed) -> TrialSpec | None:
    """Train the next trial; None when there is none."""
    trial = policy.next_trial()
    if trial is not None:
        end(policy, trial, result(trial))
    return trial


def drain(policy: MadePolicy, result: Result = completed, limit: int = 10_000) -> list[TrialSpec]:
    """Train trials until there is none, or ``limit`` of them."""
    done: list[TrialSpec] = []
    while len(done) < limit and (trial := step(policy, result)) is not None:
        done.append(trial)
    return done


def spec_with_base(tmp_path: Path, **more: Any) -> SweepSpec:
    constraint = {"metric": "mae", "region": "all", "at_most": {"base_plus": 0.5}}
    study = {
        "trials": 5,
        "seeds": [0, 1],
        "space": GAMMA,
        "objectives": [{"metric": "mae", "region": "few"}],
        "constraints": [constraint],
        "base": {"regularizers.ranksim.gamma": 10},
    }
    return make_spec(tmp_path, {"s": study | more})
