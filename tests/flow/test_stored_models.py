"""``store.model`` through a sweep: the networks of each study's best point are kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from dirsweep.run.folder import RunPaths
from dirsweep.run.reader import open_run
from dirsweep.training.model_file import read_facts
from tests.flow.driving import Listener, run_here, small_sweep, tiny_sweep

TWO = {"p": {"points": [{}, {"optimizer.lr": 1e-9}]}}  # the second one learns nothing


def stored(root: Path) -> list[tuple[int, int]]:
    """Point and seed of the trials with a network."""
    paths = RunPaths(root)
    rows = open_run(root).trials().select(["trial_id", "point", "seed"]).to_pylist()
    return sorted(
        (row["point"], row["seed"]) for row in rows if paths.trial(row["trial_id"]).model.exists()
    )


def test_the_best_point_keeps_the_networks_of_its_seeds(tmp_path: Path) -> None:
    root, listener = tmp_path / "run", Listener()
    assert run_here(tiny_sweep(tmp_path, TWO, seeds=[0, 1]), root, listener) == 0
    assert stored(root) == [(0, 0), (0, 1)]
    assert listener.messages == []
    for row in open_run(root).trials().to_pylist():
        if row["point"] == 0:
            facts = read_facts(RunPaths(root).trial(row["trial_id"]).model)
            assert (facts.trial.trial_id, facts.trial.seed) == (row["trial_id"], row["seed"])
            assert (facts.best_epoch, facts.label_unit) == (row["best_epoch"], "points")
            assert (facts.label_range, facts.target_scale) == ((0.0, 10.0), 10.0)


def test_none_keeps_none_and_changes_no_trial(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    assert run_here(tiny_sweep(tmp_path / "a", TWO), runs / "a") == 0
    without = tiny_sweep(tmp_path / "b", TWO, store={"model": "none"})
    assert run_here(without, runs / "b") == 0
    assert (stored(runs / "a"), stored(runs / "b")) == ([(0, 0)], [])
    one, other = (open_run(runs / name).trials().to_pylist() for name in "ab")
    assert [row["trial_id"] for row in one] == [row["trial_id"] for row in other]
    assert [row["test_mae_all"] for row in one] == [row["test_mae_all"] for row in other]


def test_a_network_above_the_limit_is_left_out_and_named(tmp_path: Path) -> None:
    root, listener = tmp_path / "run", Listener()
    limited = tiny_sweep(tmp_path, TWO, store={"model_limit": 1e-4})
    assert run_here(limited, root, listener) == 0
    assert stored(root) == []
    assert listener.messages == [
        "p: base, seed 0: its network is not stored "
        "(193 parameters exceed store.model_limit, 0.0001 MiB)"
    ]


def test_runs_beside_bring_them(tmp_path: Path) -> None:
    runs, listener = tmp_path / "runs", Listener()
    assert run_here(tiny_sweep(tmp_path / "a", TWO), runs / "a") == 0
    assert run_here(tiny_sweep(tmp_path / "b", TWO), runs / "b", listener, reuse=True) == 0
    assert listener.started == []
    assert stored(runs / "b") == [(0, 0)]
    without = tiny_sweep(tmp_path / "c", TWO, store={"model": "none"})
    assert run_here(without, runs / "c", reuse=True) == 0
    assert stored(runs / "c") == []


@pytest.mark.ray
def test_under_ray(tmp_path: Path) -> None:
    assert run_here(small_sweep(tmp_path), tmp_path / "run", executor="ray", num_cpus=2) == 0
    assert len(stored(tmp_path / "run")) == 1
