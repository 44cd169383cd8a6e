"""Which stored network a path means."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dirsweep.errors import SpecError, StoreError
from dirsweep.inference.model_choice import ModelChoice, find_model
from dirsweep.run.reader import open_run
from dirsweep.training.model_file import read_facts
from tests.flow.driving import run_here, tiny_sweep

STUDIES = {
    "rates": {"points": [{"optimizer.lr": 1e-9}, {"optimizer.lr": 0.02}], "seeds": [0, 1]},
    "batches": {"points": [{"optimizer.lr": 1e-8}]},
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("chosen")
    assert run_here(tiny_sweep(folder, STUDIES), folder / "run") == 0
    return folder / "run"


def chosen(where: Path, **choice: object) -> tuple[float, int]:
    """Learning rate and seed of the network that is found."""
    trial = read_facts(find_model(where, ModelChoice(**choice))).trial  # type: ignore[arg-type]
    return trial.config["optimizer"]["lr"], trial.seed


def test_a_run_means_its_best_point_and_that_points_best_seed(root: Path) -> None:
    rows = [
        row for row in open_run(root).trials().to_pylist() if row["config.optimizer.lr"] == 0.02
    ]
    best = min(rows, key=lambda row: row["val_mae_all"])
    assert chosen(root) == (0.02, best["seed"])


def test_study_point_and_seed_choose_another(root: Path) -> None:
    assert chosen(root, seed=0) == (0.02, 0)
    assert chosen(root, seed=1) == (0.02, 1)
    assert chosen(root, study="batches") == (1e-8, 0)
    assert chosen(root, point="lr=0.02", seed=1) == (0.02, 1)


@pytest.mark.slow
def test_a_technique_names_a_point_too(tmp_path: Path) -> None:
    studies = {
        "methods": {"points": [{}, {"reweighting": "sqinv"}, {"reweighting": "lds"}]},
        "alone": {"points": [{"reweighting": "lds"}]},
        "faster": {"points": [{"reweighting": "sqinv", "optimizer.lr": 0.03}]},
        "slower": {"points": [{"reweighting": "sqinv", "optimizer.lr": 0.001}]},
        "rates": {
            "points": [
                {"reweighting": "inv", "optimizer.lr": 0.011},
                {"reweighting": "inv", "optimizer.lr": 1e-9},
            ]
        },
    }
    root = tmp_path / "run"
    assert run_here(tiny_sweep(tmp_path, studies), root) == 0
    stored = read_facts(find_model(root, ModelChoice(point="lds", study="alone"))).trial
    assert stored.config["reweighting"]["name"] == "lds"
    assert chosen(root, point="INV") == (0.011, 0), "the one of two that is stored"
    with pytest.raises(SpecError, match="--point: no point 'lsd'; did you mean 'lds'"):
        find_model(root, ModelChoice(point="lsd"))
    with pytest.raises(SpecError, match="'SQINV' is several points"):
        find_model(root, ModelChoice(point="SQINV"))


def test_a_trials_folder_and_a_copy_of_it_mean_its_network(root: Path, tmp_path: Path) -> None:
    folder = Path(str(find_model(root, ModelChoice(seed=1)).folder))
    assert chosen(folder) == (0.02, 1)
    shutil.copytree(folder, tmp_path / "copy")
    assert chosen(tmp_path / "copy") == (0.02, 1)
    (tmp_path / "bare").mkdir()
    for name in ("model.json", "model.safetensors"):
        shutil.copy(folder / name, tmp_path / "bare")
    assert chosen(tmp_path / "bare") == (0.02, 1)


def test_what_does_not_exist_is_said_in_one_line(root: Path, tmp_path: Path) -> None:
    for choice, says in (
        (ModelChoice(study="rate"), "--study: no study 'rate'; did you mean 'rates'"),
        (ModelChoice(point="lr=0.2"), "--point: no point 'lr=0.2'; did you mean 'lr=0.02'"),
        (ModelChoice(seed=7), r"--seed: lr=0.02 has no seed 7 \(seeds: 0, 1\)"),
    ):
        with pytest.raises(SpecError, match=says):
            find_model(root, choice)
    with pytest.raises(SpecError, match="this is the folder of one network"):
        find_model(Path(str(find_model(root).folder)), ModelChoice(seed=0))
    with pytest.raises(StoreError, match="nowhere: no such folder; give a run, or the folder of"):
        find_model(tmp_path / "nowhere")
    with pytest.raises(StoreError, match="neither a run nor the folder of a stored network"):
        find_model(tmp_path)


def test_a_network_that_is_not_stored_is_named_beside_those_that_are(root: Path) -> None:
    with pytest.raises(StoreError) as error:
        find_model(root, ModelChoice(point="lr=1e-09"))
    assert str(error.value) == (
        f"{root}: the network of rates: lr=1e-09 is not stored (stored are rates: lr=0.02 "
        "(seed 0); rates: lr=0.02 (seed 1); batches: lr=1e-08 (seed 0))"
    )
    loser = next(
        row["trial_id"]
        for row in open_run(root).trials().to_pylist()
        if row["config.optimizer.lr"] == 1e-9
    )
    with pytest.raises(StoreError, match="this trial's network is not stored: runs keep those of"):
        find_model(root / "trials" / loser)


def test_a_best_point_without_a_network_says_how_to_get_it(tmp_path: Path) -> None:
    root = tmp_path / "run"
    sweep = tiny_sweep(tmp_path, {"p": {"points": [{}]}}, store={"model": "none"})
    assert run_here(sweep, root) == 0
    (trial,) = (root / "trials").iterdir()
    with pytest.raises(StoreError) as error:
        find_model(root)
    assert str(error.value) == (
        f"{root}: the network of p: base is not stored (the run stores none: an earlier build, "
        f"store.model: none, or store.model_limit); delete {trial}/outcome.json, and "
        f"`dirsweep resume {root}` trains and stores it"
    )
    (trial / "outcome.json").unlink()
    assert run_here(tiny_sweep(tmp_path, {"p": {"points": [{}]}}), root) == 0
    assert read_facts(find_model(root)).trial.trial_id == trial.name
