from __future__ import annotations

import sys
from pathlib import Path

import pytest
import yaml

from dirsweep.analysis.selection import best_of_studies
from dirsweep.cli import main
from dirsweep.config.expand import planned_points, validate
from dirsweep.policy.confirmation import confirmation_folder, confirmation_sweep
from dirsweep.run.reader import open_run
from tests.flow.driving import run_here, tiny_sweep

STUDIES = {
    "search": {
        "space": {
            "batch_size": {"choice": [16, 32, 64]},
            "optimizer.lr": {"log_uniform": [1e-3, 1e-1]},
        },
        "trials": 4,
        "sampler": {"name": "random", "seed": 0},
        "scheduler": {"name": "asha", "grace_epochs": 1},
    },
    "plan": {"base": {"epochs": 2}, "points": [{}, {"reweighting": "sqinv"}]},
}


def test_the_best_again_with_fresh_seeds(tmp_path: Path) -> None:
    assert run_here(tiny_sweep(tmp_path, STUDIES, seeds=[3, 8]), tmp_path / "run") == 0
    run = open_run(tmp_path / "run")
    chosen = best_of_studies(run, 2)
    assert list(chosen) == ["search"]
    overrides = {name: [point.overrides for point in points] for name, points in chosen.items()}
    spec = confirmation_sweep(run, overrides, num_seeds=3)
    validate(spec)
    assert spec.name == "tiny-confirm"
    assert spec.seeds == (9, 10, 11)  # above every seed that had a part in the choice
    assert spec.seeds_of("search") == (9, 10, 11)
    assert spec.scheduler_of("search") is None
    assert [point.overrides for point in planned_points(spec, "search")] == overrides["search"]
    assert yaml.safe_load(run.paths.confirm.text())["studies"] == {
        "search": {"points": overrides["search"]}
    }
    assert confirmation_folder(run) == tmp_path / "run-confirm"

    own = confirmation_sweep(run, {"plan": [{"reweighting": "sqinv"}]})
    (point,) = planned_points(own, "plan")
    assert (point.config.epochs, type(point.config.reweighting).registered_name) == (2, "sqinv")
    assert len(own.seeds) == 5


def test_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    studies = {"plan": {"points": [{}, {"reweighting": "sqinv"}, {"batch_size": 16}]}}
    assert run_here(tiny_sweep(tmp_path, studies, seeds=[0, 1]), tmp_path / "run") == 0
    monkeypatch.setattr(
        sys,
        "argv",
        ["dirsweep", "confirm", str(tmp_path / "run"), "--top", "1", "--seeds", "2", "--inline"],
    )
    monkeypatch.setattr("dirsweep.report.plots.write_plots", lambda run, out=None, **more: [])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 0
    shown = capfd.readouterr().out
    assert "val MAE: A =" in shown
    assert "2/2 seeds in A/B" in shown
    assert "no seed in common" in shown
    confirmed = open_run(tmp_path / "run-confirm")
    assert confirmed.trials()["seed"].to_pylist() == [2, 3]
    assert set(confirmed.trials()["status"].to_pylist()) == {"complete"}
