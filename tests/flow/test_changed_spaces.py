"""A finished search goes on with any other space: earlier points count as far as they lie in it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from dirsweep.errors import DirSweepError
from dirsweep.policy.study_export import export_studies
from dirsweep.report.study_tables import study_tables
from dirsweep.run.folder import RunPaths
from dirsweep.run.reader import open_run
from tests.flow.driving import Listener, run_here, tiny_sweep

LR = "optimizer.lr"
SPACE: dict[str, Any] = {
    LR: {"log_uniform": [0.001, 0.1]},
    "batch_size": {"int": [16, 64]},
    "loss.name": {"choice": ["l1", "mse", "huber"]},
    "loss.beta": {"uniform": [0.5, 2.0]},
}
NUM_FIRST, NUM_ALL = 5, 7


SAMPLERS = {
    "tpe": {"name": "tpe", "seed": 3, "n_startup_trials": 2},
    "nsga2": {"name": "nsga2", "seed": 3, "population_size": 3},
    "gp": {"name": "gp", "seed": 3, "n_startup_trials": 2},
    "qmc": {"name": "qmc", "seed": 3},
}


def _sweep(folder: Path, space: dict[str, Any], trials: int, sampler: str = "tpe") -> Path:
    study = {"trials": trials, "sampler": SAMPLERS[sampler], "start": [{}], "space": space}
    base = {"epochs": 1, "batch_size": 32}
    return tiny_sweep(folder, {"s": study}, base=base)


def _changed(**entries: Any) -> dict[str, Any]:
    space = {**SPACE, **{key.replace("__", "."): entry for key, entry in entries.items()}}
    return {key: entry for key, entry in space.items() if entry is not None}


#: change -> the space, and how many of the five points the sampler still knows (None: not asserted)
CHANGES: dict[str, tuple[dict[str, Any], int | None]] = {
    "nothing": (_changed(), 5),
    "log_uniform to uniform": (_changed(optimizer__lr={"uniform": [0.001, 0.1]}), 5),
    "wider": (_changed(optimizer__lr={"log_uniform": [0.0001, 1.0]}), 5),
    "narrower": (_changed(optimizer__lr={"log_uniform": [0.009, 0.011]}), None),
    "real to choice": (_changed(optimizer__lr={"choice": [0.01, 0.02]}), None),
    "int to log_int": (_changed(batch_size={"log_int": [16, 64]}), 5),
    "int to choice": (_changed(batch_size={"choice": [16, 32, 64]}), None),
    "a step": (_changed(batch_size={"int": [16, 64], "step": 16}), None),
    "a dropped choice": (_changed(loss__name={"choice": ["l1", "huber"]}), None),
    "a new choice": (_changed(loss__name={"choice": ["l1", "mse", "huber", "focal_r"]}), None),
    "choices in another order": (_changed(loss__name={"choice": ["huber", "mse", "l1"]}), 5),
    "a key less": (_changed(loss__beta=None), None),
    "a key more": (_changed(optimizer__weight_decay={"uniform": [0.0, 0.1]}), 5),
    "a switch more": (_changed(regularizers__ranksim="optional"), 5),
    "another condition": (
        _changed(batch_size={"int": [16, 64], "when": {"loss.name": "l1"}}),
        None,
    ),
}

#: the changes that the fast lane tries
FAST = ("log_uniform to uniform", "a dropped choice", "a key more")


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("searched")
    assert run_here(_sweep(folder, SPACE, NUM_FIRST), folder / "run", Listener()) == 0
    return folder / "run"


def _copy(run: Path, folder: Path) -> Path:
    return Path(shutil.copytree(run, folder / "run"))


def _goes_on(root: Path, folder: Path, space: dict[str, Any], sampler: str) -> list[str]:
    """Run a search on with another space, then with the first one; return what is said of it."""
    listener = Listener()
    before = {row["trial_id"] for row in open_run(root).trials().to_pylist()}
    assert run_here(_sweep(folder, space, NUM_ALL, sampler), root, listener) == 0
    assert before <= {row["trial_id"] for row in open_run(root).trials().to_pylist()}
    assert len(listener.started) == NUM_ALL - NUM_FIRST
    assert study_tables(open_run(root))[0].to_markdown()
    assert export_studies(root, f"sqlite:///{folder}/studies.db") == ["run/s"]
    back = Listener()
    assert run_here(_sweep(folder / "back", SPACE, NUM_ALL, sampler), root, back) == 0
    assert back.started == []
    return [line for line in listener.messages if "outside the changed space" in line]


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [pytest.param(name, marks=() if name in FAST else pytest.mark.slow) for name in CHANGES],
)
def test_a_search_goes_on_with_another_space(searched: Path, tmp_path: Path, change: str) -> None:
    space, num_known = CHANGES[change]
    notes = _goes_on(_copy(searched, tmp_path), tmp_path, space, "tpe")
    if num_known is not None:
        assert len(notes) == (num_known < NUM_FIRST)


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["nsga2", "gp", "qmc"])
@pytest.mark.parametrize("change", ["log_uniform to uniform", "a dropped choice", "a key more"])
def test_samplers_with_a_memory_of_their_own_go_on_too(
    tmp_path: Path, change: str, sampler: str
) -> None:
    root = tmp_path / "run"
    assert run_here(_sweep(tmp_path, SPACE, NUM_FIRST, sampler), root, Listener()) == 0
    _goes_on(root, tmp_path, CHANGES[change][0], sampler)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "fewer trials": ({"trials": 2}, r"studies\.s\.trials: 5 -> 2"),
    "another design": ({"grid": {LR: [0.1]}}, r"studies\.s: another design"),
    "another base": ({"base": {"epochs": 2}}, r"studies\.s\.base\.epochs: 1 -> 2"),
    "a start point less": ({"start": [{LR: 0.02}]}, r"the point '.*' is removed"),
}


@pytest.mark.parametrize("change", REFUSED)
def test_what_is_refused_is_refused_before_anything_is_written(
    searched: Path, tmp_path: Path, change: str
) -> None:
    changed, message = REFUSED[change]
    root = _copy(searched, tmp_path)
    files = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    study: dict[str, Any] = {"trials": NUM_FIRST, "start": [{}], "space": SPACE} | changed
    if "grid" in changed:
        study = changed
    file = tiny_sweep(tmp_path, {"s": study}, base={"epochs": 1, "batch_size": 32})
    with pytest.raises(DirSweepError, match=message):
        run_here(file, root, Listener())
    written = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    assert {p: b for p, b in written.items() if p.name != RunPaths(root).lock.name} == {
        p: b for p, b in files.items() if p.name != RunPaths(root).lock.name
    }
