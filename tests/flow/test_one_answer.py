"""Driver, ``status``, tables and Optuna export give one answer about the same run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna
import pytest

from dirsweep.analysis.objectives import points_of
from dirsweep.monitor.snapshot import read_snapshot
from dirsweep.policy.study_export import export_studies
from dirsweep.run.folder import RunPaths
from dirsweep.run.reader import open_run
from tests.flow.driving import Listener, run_here, tiny_sweep

SEARCH: dict[str, Any] = {
    "sampler": {"name": "random", "seed": 1},
    "space": {
        "optimizer.lr": {"log_uniform": [1e-3, 1e-1]},
        "batch_size": {"choice": [16, 32, 64]},
    },
    "objectives": [{"metric": "mae", "region": "many"}, {"metric": "mae", "region": "few"}],
}
NOT_WORSE = [{"metric": "mae", "region": "all", "at_most": {"base_plus": 0}}]


@pytest.mark.slow
def test_a_constraint_added_to_a_finished_search_has_one_base(tmp_path: Path) -> None:
    """The base is proposed last, since the search was finished without it."""
    root = tmp_path / "run"
    first = tiny_sweep(tmp_path / "first", {"s": {**SEARCH, "trials": 9}})
    assert run_here(first, root) == 0
    grown = {**SEARCH, "trials": 10, "constraints": NOT_WORSE}
    assert run_here(tiny_sweep(tmp_path / "grown", {"s": grown}), root) == 0

    points = points_of(open_run(root), "s")
    (base,) = [point.index for point in points if point.overrides["optimizer.lr"] == 0.01]
    assert base == 9
    (name,) = points[base].violations
    limit = points[base].mean("val_mae_all")
    assert limit is not None
    for point in points:
        mean = point.mean("val_mae_all")
        assert mean is not None
        assert point.violations[name] == pytest.approx(mean - limit)
    in_tables = [point.index for point in points if point.front]
    assert in_tables == [2, 5]

    (front,) = read_snapshot(RunPaths(root)).fronts
    assert sorted(point.point for point in front.points) == in_tables
    url = f"sqlite:///{tmp_path / 'studies.db'}"
    export_studies(root, url)
    exported = optuna.load_study(study_name="run/s", storage=url)
    assert sorted(trial.user_attrs["point"] for trial in exported.best_trials) == in_tables
    assert [trial.constraints[name] for trial in exported.trials] == [
        pytest.approx(point.violations[name]) for point in points
    ]


class Reader(Listener):
    """Remembers the names of the points."""

    def __init__(self) -> None:
        super().__init__()
        self.names: dict[str, str] = {}

    def trial_started(self, trial_id: str, study: str, label: str, seed: int, epochs: int) -> None:
        super().trial_started(trial_id, study, label, seed, epochs)
        self.names[trial_id] = label


@pytest.mark.slow
def test_a_point_has_one_name(tmp_path: Path) -> None:
    ranksim = {"regularizers.ranksim": {"gamma": 1.0, "lambda": 2.0}}
    lds = {"reweighting": {"name": "lds", "base": "inv"}}
    root, reader = tmp_path / "run", Reader()
    file = tiny_sweep(tmp_path, {"p": {"points": [{}, ranksim, {**lds, **ranksim}]}})
    assert run_here(file, root, reader) == 0
    names = ["base", "ranksim", "lds + ranksim"]
    rows = open_run(root).trials().to_pylist()
    assert [row["label"] for row in rows] == names
    assert [reader.names[row["trial_id"]] for row in rows] == names
    best = read_snapshot(RunPaths(root)).best
    assert best is not None
    assert best.name == f"p: {reader.names[best.trials[0]]}, seed 0"
    url = f"sqlite:///{tmp_path / 'studies.db'}"
    export_studies(root, url)
    exported = optuna.load_study(study_name="run/p", storage=url)
    assert [trial.user_attrs["label"] for trial in exported.trials] == names
