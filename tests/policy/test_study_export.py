"""A run in an Optuna storage: read back with Optuna alone."""

from __future__ import annotations

import math
from datetime import datetime
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from dirsweep.config.trial import TrialSpec
from dirsweep.errors import StoreError
from dirsweep.policy.study_export import export_studies
from dirsweep.run.folder import RunPaths
from dirsweep.run.tables import Outcome
from tests.policy.made_policy import GAMMA, MANY_FEW, SPACE, MadePolicy, make_spec

STUDIES: dict[str, Any] = {
    "grid": {"grid": {"batch_size": [16, 32], "reweighting": ["none", "sqinv"]}},
    "one": {
        "one_at_a_time": {
            "regularizers.ranksim.gamma": [1, 10.5],
            "optimizer.milestones": [[3], [3, 5]],
        }
    },
    "search": {"trials": 5, "seeds": [0, 1], "space": SPACE},
    "front": {
        "trials": 3,
        "space": GAMMA,
        "objectives": MANY_FEW,
        "constraints": [{"region": "all", "at_most": {"base_plus": 0.5}}],
        "base": {"regularizers.ranksim.gamma": 10},
    },
}


def _outcome(trial: TrialSpec, number: int) -> Outcome:
    gamma = math.log10(trial.config["regularizers"].get("ranksim", {"gamma": 1.0})["gamma"])
    metrics = {
        "val_mae_all": 5 + gamma + trial.seed,
        "val_mae_many": 4 + gamma,
        "val_mae_few": 9 - gamma,
    }
    times = {
        "started_at": f"2026-01-01T00:{number:02}:00+00:00",
        "ended_at": f"2026-01-01T00:{number:02}:30+00:00",
    }
    return Outcome(trial.trial_id, "complete", metrics=metrics, best_epoch=1, num_epochs=2, **times)


def _run(tmp_path: Path, statuses: dict[int, str], limit: int = 1000) -> Path:
    spec, root = make_spec(tmp_path, STUDIES), tmp_path / "run"
    RunPaths(root).spec.write(spec.to_yaml().encode())
    policy = MadePolicy(spec, root)
    number = 0
    while number < limit and (trial := policy.next_trial()) is not None:
        outcome = _outcome(trial, number)
        folder = policy.folder(trial.trial_id)
        folder.begin(trial.to_dict())
        rows = [
            {"epoch": e, "best_value": outcome.metrics["val_mae_all"] + 1 - e} for e in range(2)
        ]
        folder.write_epochs(rows)
        for row in rows:
            policy.observe(trial.trial_id, row)
        if number in statuses:
            outcome = Outcome(**{**outcome.to_dict(), "status": statuses[number]})
        folder.finish(outcome)
        policy.ended(outcome)
        number += 1
    policy.close()
    return root


@pytest.mark.slow
def test_read_back_with_optuna(tmp_path: Path) -> None:
    root, url = _run(tmp_path, {}), f"sqlite:///{tmp_path / 'x.db'}"
    names = ["run/grid", "run/one", "run/search", "run/front"]
    assert export_studies(root, url) == names
    assert sorted(optuna.get_all_study_names(url)) == sorted(names)
    search = optuna.load_study(study_name="run/search", storage=url)
    assert [t.state for t in search.trials] == [TrialState.COMPLETE] * 5
    for trial in search.trials:
        gamma = math.log10(trial.params["regularizers.ranksim.gamma"])
        assert trial.value == pytest.approx(5 + gamma + 0.5)
        assert trial.user_attrs["val_mae_all_by_seed"] == pytest.approx([5 + gamma, 6 + gamma])
        assert trial.user_attrs["seeds"] == [0, 1]
        assert trial.intermediate_values == pytest.approx({1: trial.value + 1, 2: trial.value})
        assert trial.distributions["regularizers.ranksim.gamma"].log
        assert (trial.datetime_complete - trial.datetime_start).total_seconds() in (90, 30)
    assert search.metric_names == ["mae/all"]
    grid = optuna.load_study(study_name="run/grid", storage=url)
    assert [t.params for t in grid.trials] == [
        {"batch_size": size, "reweighting": name} for size in (16, 32) for name in ("none", "sqinv")
    ]
    one = optuna.load_study(study_name="run/one", storage=url)
    assert [t.params.get("regularizers.ranksim.gamma") for t in one.trials] == [
        None,
        1.0,
        10.5,
        None,
        None,
    ]
    assert [t.params["optimizer.milestones"] for t in one.trials] == [
        "[]",
        "[]",
        "[]",
        "[3]",
        "[3,5]",
    ]
    front = optuna.load_study(study_name="run/front", storage=url)
    assert [d.name for d in front.directions] == ["MINIMIZE", "MINIMIZE"]
    assert front.trials[0].values == pytest.approx([5, 8])
    assert front.trials[0].constraints == pytest.approx({"mae/all at_most base +0.5": -0.5})
    start = front.trials[0].datetime_start
    assert isinstance(start, datetime)
    assert start.tzinfo is None


@pytest.mark.slow
def test_states_and_a_second_export(tmp_path: Path) -> None:
    # the first three trials are the grid's
    root, url = (
        _run(tmp_path, {0: "failed", 1: "pruned"}, limit=3),
        f"sqlite:///{tmp_path / 'x.db'}",
    )
    for _ in range(2):
        export_studies(root, url)
        grid = optuna.load_study(study_name="run/grid", storage=url)
        states = [TrialState.FAIL, TrialState.PRUNED, TrialState.COMPLETE, TrialState.WAITING]
        assert [t.state for t in grid.trials] == states
        assert grid.trials[1].intermediate_values == pytest.approx({1: 6, 2: 5})
        assert grid.trials[3].system_attrs["fixed_params"] == {
            "batch_size": 32,
            "reweighting": "sqinv",
        }


def test_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"not the folder of a run: it has no ledger"):
        export_studies(tmp_path, "sqlite:///x.db")
    root = _run(tmp_path, {}, limit=1)
    for url in ("nothing", "sqlite:////no/such/folder/x.db", "mysql://nobody@nowhere/x"):
        with pytest.raises(StoreError, match="cannot be opened") as caught:
            export_studies(root, url)
        assert "\n" not in str(caught.value)
    url = f"sqlite:///{tmp_path / 'own.db'}"
    optuna.create_study(study_name="run/search", storage=url)
    with pytest.raises(StoreError, match="has a study 'run/search' that no export wrote"):
        export_studies(root, url)
