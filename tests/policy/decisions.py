"""Decisions of every sampler and scheduler, printed as JSON: ``python decisions.py FOLDER``."""

from __future__ import annotations

import json
import math
import sys
from functools import partial
from pathlib import Path
from typing import Any, get_args

from dirsweep.config.sampler import SAMPLERS
from dirsweep.config.scheduler import SchedulerSpec
from dirsweep.config.trial import TrialSpec
from dirsweep.run.tables import Outcome
from tests.policy.made_policy import GAMMA, SPACE, MadePolicy, drain, loss_of, make_spec, step

EPOCHS = 9
NUM_POINTS = 14
NUMERIC = {**GAMMA, "optimizer.lr": {"log_uniform": [1e-4, 1e-1]}}
SCHEDULERS: tuple[str, ...] = get_args(SchedulerSpec.model_fields["name"].annotation)
#: arguments that let a sampler model something within ``NUM_POINTS`` points
EARLY: dict[str, dict[str, Any]] = {
    "tpe": {"n_startup_trials": 4},
    "gp": {"n_startup_trials": 4},
    "nsga2": {"population_size": 4},
    "nsga3": {"population_size": 4},
}


def result(trial: TrialSpec) -> Outcome:
    """Some trials fail, by their own fault or the machine's."""
    loss = loss_of(trial)
    if loss > 3:
        fault: Any = "point" if trial.config["batch_size"] == 32 else "machine"
        return Outcome(trial.trial_id, "failed", error="failed", fault=fault)
    metrics = {"val_mae_all": loss, "val_mae_many": loss + 1, "val_mae_few": 9 - loss}
    return Outcome(trial.trial_id, "complete", metrics=metrics, num_epochs=1)


def proposals(folder: Path, sampler: str, *, cut: int | None = None) -> list[dict[str, Any]]:
    """What a sampler proposes; with ``cut``, resumed after so many trials."""
    study = {
        "trials": NUM_POINTS,
        "space": NUMERIC if sampler == "cmaes" else SPACE,
        "sampler": {"name": sampler, "seed": 5, **EARLY.get(sampler, {})},
    }
    folder.mkdir(parents=True)
    policy = MadePolicy(make_spec(folder, {"s": study}), folder / "run")
    if cut is not None:
        drain(policy, result, limit=cut)
        policy.close()
        policy = MadePolicy(make_spec(folder, {"s": study}), folder / "run")
    drain(policy, result)
    return policy.overrides("s")


def lengths(folder: Path, scheduler: str, *, cut: int | None = None) -> list[int]:
    """After how many epochs a scheduler ends each trial; with ``cut``, resumed in between."""
    points = [{"optimizer.lr": 0.001 * (index + 1)} for index in range(NUM_POINTS)]
    folder.mkdir(parents=True)

    settings = {"name": scheduler, **({"patience": 3} if scheduler == "patience" else {})}

    def opened() -> MadePolicy:
        spec = make_spec(folder, {"s": {"points": points}}, scheduler=settings)
        return MadePolicy(spec, folder / "run")

    policy, found = opened(), []
    for number in range(NUM_POINTS):
        if number == cut:
            policy.close()
            policy = opened()
        step(policy, partial(_train, policy, found=found))
    return found


def _train(policy: MadePolicy, trial: TrialSpec, *, found: list[int]) -> Outcome:
    number = round(trial.config["optimizer"]["lr"] * 1000)
    rows: list[dict[str, Any]] = []
    status: Any = "complete"
    for epoch in range(EPOCHS):
        gain = max(0.0, math.cos(1.7 * number))
        value = 5 + 2 * math.sin(2.3 * number) - gain * epoch
        rows.append({"epoch": epoch, "best_value": value, "best_epoch": epoch})
        if policy.observe(trial.trial_id, rows[-1]):
            status = "pruned"
            break
    folder = policy.folder(trial.trial_id)
    folder.begin(trial.to_dict())
    folder.write_epochs(rows)
    found.append(len(rows))
    return Outcome(trial.trial_id, status, num_epochs=len(rows))


def decisions(folder: Path) -> dict[str, Any]:
    """Everything that is decided, whole and resumed."""
    found: dict[str, Any] = {}
    for sampler in SAMPLERS:
        for cut in (None, 3, 9):
            key = f"{sampler} {cut}"
            found[key] = proposals(folder / key, sampler, cut=cut)
    for scheduler in SCHEDULERS:
        for cut in (None, 3, 9):
            key = f"{scheduler} {cut}"
            found[key] = lengths(folder / key, scheduler, cut=cut)
    return found


if __name__ == "__main__":
    print(json.dumps(decisions(Path(sys.argv[1]))))
