"""What ``status`` reads from a run's folder: every objective's best, the fronts, the freshest
epochs.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from dirsweep.monitor.snapshot import read_snapshot
from dirsweep.monitor.status import status_json, status_text
from dirsweep.run.folder import RunPaths, TrialFolder
from dirsweep.training import trial as trial_module
from dirsweep.training.trial import train
from tests.made_up_run import write_run, write_trial
from tests.tiny import tiny_trial

FEW, PEARSON = {"metric": "mae", "region": "few"}, {"metric": "pearson", "region": "all"}


def made(root: Path, errors: list[list[Any]], **study: Any) -> RunPaths:
    paths = write_run(
        root,
        {"s": [({} if at == 0 else {"a": at}, seeds) for at, seeds in enumerate(errors)]},
        searches=["s"],
    )
    spec = yaml.safe_load(paths.spec.text())
    spec["studies"]["s"] |= study
    paths.spec.write(yaml.safe_dump(spec, sort_keys=False).encode())
    return paths


def change(paths: RunPaths, trial_id: str, **metrics: float) -> None:
    file = paths.trial(trial_id).outcome
    outcome = file.read_json()
    outcome["metrics"] |= metrics
    file.write_json(outcome)


def shown(paths: RunPaths) -> str:
    console = Console(width=160, file=io.StringIO(), color_system=None)
    console.print(status_text(read_snapshot(paths)))
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_one_objective_has_neither_goals_nor_fronts(tmp_path: Path) -> None:
    seen = read_snapshot(made(tmp_path, [[7.0], [6.0]]))
    assert (seen.goals, seen.fronts) == ((), ())
    assert seen.best is not None
    assert dict(seen.best.trials) == {0: "s-1-0"}
    assert seen.best.value == 6.0


def test_text_names_metric_regions_and_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    paths = made(tmp_path / "a b", [[7.0, "unfinished"]])
    spec = yaml.safe_load(paths.spec.text())
    spec["objective"] = {"metric": "mse", "region": "few"}
    paths.spec.write(yaml.safe_dump(spec, sort_keys=False).encode())
    change(paths, "s-0-0", val_mse_all=0.56789, val_mse_many=12.0, val_mse_few=0.3862)
    text = shown(RunPaths("a b"))
    assert "\n  val MSE: all 0.568  many 12.000" in text
    assert "  few 0.386 (objective)" in text
    assert "no driver is running; `dirsweep resume 'a b'` continues the run" in text


def test_the_best_by_each_objective_and_the_front(tmp_path: Path) -> None:
    paths = made(
        tmp_path,
        [[7.0, 7.2], [6.0, 6.2], [9.0, "failed"], [8.0, 8.0], ["pruned", 5.0]],
        objectives=[{"metric": "mae", "region": "all"}, FEW, PEARSON],
    )
    for seed in (0, 1):
        change(paths, f"s-3-{seed}", val_mae_few=1.0 + seed, val_pearson_all=0.1)
        change(paths, f"s-0-{seed}", val_pearson_all=0.2)
    seen = read_snapshot(paths)
    assert seen.objective == ("mae", "all")
    assert seen.best is not None
    # of a point with a pruned seed, the complete ones count
    assert (seen.best.label, dict(seen.best.trials), seen.best.value) == ("a=4", {1: "s-4-1"}, 5.0)
    assert [(goal.objective, goal.best and goal.best.label) for goal in seen.goals] == [
        ("mae/few", "a=3"),
        ("pearson/all", "a=4"),
    ]
    (front,) = seen.fronts
    assert front.objectives == ("mae/all", "mae/few", "pearson/all")
    assert front.num_complete == 3
    assert [point.label for point in front.points] == ["a=1", "a=3"]
    assert front.points[1].values == pytest.approx((8.0, 1.5, 0.1))
    text = shown(paths)
    assert (
        "s: Pareto front of 3 complete points, val mae/all against mae/few against pearson/all"
        in text
    )
    assert "best by mae/few: s: a=3, mean of 2 seeds [s-3-0 s-3-1]: val 1.5" in text
    assert json.loads(status_json(seen))["fronts"][0]["points"][0]["label"] == "a=1"


@pytest.mark.parametrize(
    ("limit", "labels"), [(7.5, ["base", "a=3"]), ({"base_plus": -0.5}, ["a=3"])]
)
def test_who_breaks_a_constraint_is_not_on_the_front(
    tmp_path: Path, limit: Any, labels: list[str]
) -> None:
    constraint = {"metric": "mae", "region": "median", "at_most": limit}
    paths = made(
        tmp_path,
        [[6.2], [6.5], [5.0], [6.6]],
        objectives=[{"metric": "mae"}, FEW],
        constraints=[constraint],
    )
    change(paths, "s-0-0", val_mae_median=7.4)
    change(paths, "s-2-0", val_mae_median=7.6)
    change(paths, "s-3-0", val_mae_few=1.0, val_mae_median=6.9)
    (front,) = read_snapshot(paths).fronts
    assert [point.label for point in front.points] == labels
    assert "subject to mae/median at_most" in shown(paths)


def test_a_trial_that_nobody_proposed_is_not_counted(tmp_path: Path) -> None:
    paths = made(tmp_path, [[7.0]], objectives=[{"metric": "mae"}, FEW])
    write_trial(paths, "other", seed=3, mae=1.0, status=None)
    assert read_snapshot(paths).total == 1


def test_epochs_are_on_disk_before_the_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial_module, "WRITE_EPOCHS_EVERY_S", 0.0)
    trial = tiny_trial(epochs=3)
    folder = TrialFolder(RunPaths(tmp_path).trial(trial.trial_id))
    seen: list[tuple[int, bool]] = []
    train(
        trial,
        lambda row: seen.append((len(folder.read_epochs()), folder.paths.checkpoint.exists())),
        folder=folder,
        checkpoint_every_s=1e9,
    )
    assert seen == [(1, False), (2, False), (3, False)]


def test_epochs_are_not_written_all_the_time(tmp_path: Path) -> None:
    trial = tiny_trial(epochs=3)
    folder = TrialFolder(RunPaths(tmp_path).trial(trial.trial_id))
    seen: list[int] = []
    train(
        trial,
        lambda row: seen.append(len(folder.read_epochs())),
        folder=folder,
        checkpoint_every_s=1e9,
    )
    assert seen == [0, 0, 0]
    assert len(folder.read_epochs()) == 3


@pytest.mark.parametrize("width", [24, 40, 80])
def test_a_narrow_terminal_cuts_nothing(tmp_path: Path, width: int) -> None:
    paths = made(tmp_path, [[7.0], [6.0], [None]], objectives=[{"metric": "mae"}, FEW])
    write_trial(paths, "s-2-0", seed=0, mae=6.5, status=None)
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(status_text(read_snapshot(paths)), soft_wrap=True)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "…" not in text
    assert text == shown(paths)
