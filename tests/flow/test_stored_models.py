"""``store.model`` through a sweep: the networks of each study's best point are kept."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from dirsweep.data.base import SplitName
from dirsweep.inference.model_choice import find_model
from dirsweep.inference.predict import predict_data
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


def predicted_as_stored(trial: Path, split: SplitName) -> bool:
    """Whether a stored network gives a trial's predictions of a split to the bit."""
    table = RunPaths(trial.parents[1]).trial(trial.name).predictions.read_table()
    assert table is not None
    wanted = table.filter(pc.equal(table["split"].cast(pa.string()), split))
    found = predict_data(find_model(trial), None, split=split).to_arrow()
    return all(
        wanted[name].to_pylist() == found[name].to_pylist()
        for name in ("sample_id", "label", "prediction")
    )


@pytest.mark.parametrize(
    "base",
    [
        {},
        {"precision": "bfloat16"},
        {"regularizers": {"ranksim": {}, "conr": {}}, "smoothing": "fds"},
        {"schedule": {"name": "rrt"}},
        {"regressor_init": "label_mean", "loss": "focal_r"},
    ],
)
def test_a_stored_network_gives_the_stored_predictions_to_the_bit(
    tmp_path: Path, base: dict[str, Any]
) -> None:
    sweep = tiny_sweep(tmp_path, {"p": {"points": [{}]}}, base=base)
    assert run_here(sweep, tmp_path / "run") == 0
    (trial,) = (tmp_path / "run" / "trials").iterdir()
    assert predicted_as_stored(trial, "test")
    assert predicted_as_stored(trial, "val")


@pytest.mark.slow
def test_a_stored_winner_of_the_quickstart_gives_its_predictions_to_the_bit(
    tmp_path: Path,
) -> None:
    root = tmp_path / "quickstart"
    arguments = ["run", "sweeps/quickstart.yaml", "--inline", "--preview", "--out", str(root)]
    done = subprocess.run([sys.executable, "-m", "dirsweep", *arguments], check=False)
    assert done.returncode == 0
    winner = Path(str(find_model(root).folder))
    out = tmp_path / "predictions.arrow"
    arguments = ["predict", str(root), "--out", str(out)]
    subprocess.run([sys.executable, "-m", "dirsweep", *arguments], check=True)
    table = RunPaths(root).trial(winner.name).predictions.read_table()
    assert table is not None
    wanted = table.filter(pc.equal(table["split"].cast(pa.string()), "test"))
    with pa.ipc.open_file(out) as file:
        found = file.read_all()
    assert found.schema.metadata[b"synthetic"] == b"true"
    for name in ("sample_id", "label", "prediction"):
        assert found[name].to_pylist() == wanted[name].to_pylist()
