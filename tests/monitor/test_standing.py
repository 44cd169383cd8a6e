"""Numbers shown while a run goes on are those of its tables."""

from __future__ import annotations

import io
import re
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from dirsweep.analysis.objectives import points_of
from dirsweep.analysis.summaries import best_point
from dirsweep.domain import Objective
from dirsweep.monitor.console import SweepConsole
from dirsweep.monitor.snapshot import read_snapshot
from dirsweep.monitor.standing import PointMeans, Standing
from dirsweep.run.collect import collect
from dirsweep.run.folder import RunPaths, TrialFolder
from dirsweep.run.ledger import read_state
from dirsweep.run.manifest import read_manifest
from dirsweep.run.reader import Run, open_run
from dirsweep.run.results import StudyGoals, base_from_manifest
from dirsweep.terminal import PlainConsole
from tests.flow.driving import run_here, tiny_sweep
from tests.made_up_run import write_run

SEARCH = {
    "trials": 4,
    "sampler": {"name": "random", "seed": 0},
    "space": {"optimizer.lr": {"choice": [0.01, 0.02, 0.05]}},
    "start": [{"optimizer.lr": 0.01}],
}


def test_ended_and_total() -> None:
    standing = Standing({"complete": 2, "pruned": 1, "failed": 0, "running": 1, "waiting": 3})
    assert standing.ended == {"complete": 2, "pruned": 1}
    assert (standing.num_ended, standing.total) == (3, 7)


@pytest.mark.parametrize(
    ("errors", "label"),
    [
        ([[7.0, 7.2], [6.0, 8.5]], "base"),  # the mean, not the best seed
        ([[7.0, 7.2], [6.0, "failed"], [5.0, "pruned"]], "a=2"),
        ([["failed"], ["pruned"], [9.0]], "a=2"),
        ([["failed"], ["pruned"]], None),
        ([[7.0], [7.0]], "base"),  # of equal ones the first
    ],
)
def test_the_best_point_is_the_tables(
    errors: list[list[Any]], label: str | None, tmp_path: Path
) -> None:
    paths = write_run(
        tmp_path,
        {"s": [({} if at == 0 else {"a": at}, seeds) for at, seeds in enumerate(errors)]},
    )
    best = read_snapshot(paths).best
    assert (best.label if best else None) == label
    run = open_run(tmp_path)
    chosen = best_point(points_of(run, "s"), run.manifest.study("s").objective.metric_column)
    if best is None or chosen is None:
        assert best is chosen is None
        return
    assert (best.point, best.value) == (chosen.index, chosen.mean("val_mae_all"))
    for region, value in best.regions.items():
        assert value == chosen.mean(f"val_mae_{region}")
    assert list(best.trials) == list(chosen.metrics["val_mae_all"].by_seed)


def test_feasible_points_go_before_others(tmp_path: Path) -> None:
    points: list[Any] = [({"a": 1}, [5.0]), ({"a": 2}, [6.0]), ({}, [7.0])]
    paths = write_run(tmp_path, {"s": points}, searches=["s"])
    spec = yaml.safe_load(paths.spec.text() or "")
    spec["studies"]["s"] |= {
        "objectives": [{"metric": "mae"}],
        "constraints": [{"metric": "mae", "region": "few", "at_least": 9.0}],
    }
    paths.spec.write(yaml.safe_dump(spec).encode())
    best = read_snapshot(paths).best
    assert best is not None
    assert best.label == "a=2"  # 6.0 * 1.6 = 9.6


def test_a_trial_that_ends_again_counts_anew(tmp_path: Path) -> None:
    paths = write_run(tmp_path, {"s": [({}, [7.0]), ({"a": 1}, [6.0])]})
    manifest, state = read_manifest(paths), read_state(paths.ledger)
    goals = {"s": StudyGoals((Objective(),))}
    means = PointMeans(state, goals, partial(base_from_manifest, manifest))
    found = [TrialFolder(paths.trial(trial_id)).outcome() for trial_id in state.trials]
    outcomes = {outcome.trial_id: outcome for outcome in found if outcome is not None}
    means.add(outcomes.values())
    best = means.best(Objective())
    assert best is not None
    assert best.label == "a=1"
    outcomes["s-1-0"].metrics["val_mae_all"] = 8.0
    means.add([outcomes["s-1-0"]])
    best = means.best(Objective())
    assert best is not None
    assert best.label == "base"


def shown_by(file: Path, root: Path, **options: Any) -> list[str]:
    """The console's lines of a run."""
    out = io.StringIO()
    console = SweepConsole(console=PlainConsole(file=out, width=200))
    console.start("tiny", synthetic=True)
    code = run_here(file, root, console, **options)  # type: ignore[arg-type]
    console.stop()
    assert code == 0
    return out.getvalue().splitlines()


def check_against_tables(lines: list[str], root: Path) -> Run:
    """Every number of the console is one of the tables."""
    run = open_run(root)
    rows = {row["trial_id"]: row for row in run.trials().to_pylist()}
    counts = Counter(row["status"] for row in rows.values())
    listed = ", ".join(f"{num} {status}" for status, num in counts.items())
    assert lines[-1].startswith(f"{len(rows)} of {len(rows)} trials ended ({listed}); ")
    names = {
        f"{row['study']}: {row['label']}, seed {row['seed']}": row
        for row in run.trials().to_pylist()
    }
    trials = [line for line in lines if re.match("(complete|reused|pruned) ", line)]
    for line in trials:
        _, name, value = re.fullmatch(
            r"(\w+) +(.*?)  val MAE ([\d.]+) \(synthetic\)(?:  from .*)?", line
        ).groups()  # type: ignore[union-attr]
        assert value == f"{names[name]['val_mae_all']:.3f}"
    best = [
        point
        for study in run.studies
        if (point := best_point(points_of(run, study), run.manifest.objective.metric_column))
    ]
    chosen = min(best, key=lambda point: point.mean("val_mae_all") or 0.0)
    assert (
        f"best val MAE {chosen.mean('val_mae_all'):.3f} (synthetic), {chosen.study}: " in lines[-1]
    )
    assert f": {chosen.label}, " in lines[-1]
    snapshot = read_snapshot(RunPaths(root))
    assert snapshot.counts == dict(counts)
    assert snapshot.best is not None
    assert snapshot.best.value == chosen.mean("val_mae_all")
    return run


def test_rrt_a_search_and_trials_of_another_run(tmp_path: Path) -> None:
    studies = {
        "methods": {"points": [{}, {"schedule": "rrt"}], "seeds": [0, 1]},
        "search": SEARCH,
    }
    other = tiny_sweep(tmp_path / "other", {"all": {"grid": {"optimizer.lr": [0.02, 0.05]}}})
    run_here(other, tmp_path / "runs" / "other")
    file = tiny_sweep(tmp_path, studies)
    lines = shown_by(file, tmp_path / "runs" / "tiny", reuse=True)
    run = check_against_tables(lines, tmp_path / "runs" / "tiny")
    reused = set(run.trials()["reused_from"].to_pylist()) - {None}
    assert reused == {"other"}
    taken = {row["trial_id"] for row in run.trials().to_pylist() if row["reused_from"]}
    assert sum(line.startswith("reused ") for line in lines) == len(taken) > 0


def test_a_resumed_run_knows_the_best_of_earlier_drivers(tmp_path: Path) -> None:
    root = tmp_path / "run"
    first = tiny_sweep(tmp_path, {"s": {"points": [{}]}}, base={"epochs": 6})
    run_here(first, root)
    second = tiny_sweep(
        tmp_path, {"s": {"points": [{}, {"optimizer.lr": 1e-9}]}}, base={"epochs": 6}
    )
    lines = shown_by(second, root)
    assert "2 trials; ended before: 1 complete" in lines
    check_against_tables(lines, root)
    assert lines[-1].endswith("s: base, seed 0")


def test_nothing_to_train_is_shown_from_the_tables(tmp_path: Path) -> None:
    file = tiny_sweep(tmp_path)
    run_here(file, tmp_path / "run")
    collect(RunPaths(tmp_path / "run"))
    lines = shown_by(file, tmp_path / "run")
    assert lines[1] == "3 trials; ended before: 3 complete"
