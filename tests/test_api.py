"""dirsweep: the public Python API, by the examples of its own documentation."""

from __future__ import annotations

import doctest
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas
import polars
import pyarrow as pa
import pytest
import yaml

import dirsweep
from dirsweep import api, execute
from dirsweep.errors import DirSweepError, SpecError, StoreError
from tests import tiny  # noqa: F401 - registers its benchmark and backbone

SWEEP = {
    "name": "example",
    "benchmark": "tiny",
    "base": {"backbone": "tiny", "epochs": 2, "batch_size": 32, "optimizer": {"lr": 0.01}},
    "seeds": [0, 1],
    "studies": {"methods": {"points": [{}, {"reweighting": "sqinv"}]}},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``sweep.yaml`` and its finished run ``runs/example``."""
    folder = tmp_path_factory.mktemp("api")
    (folder / "sweep.yaml").write_text(yaml.safe_dump(SWEEP))
    dirsweep.run_sweep(folder / "sweep.yaml", folder / "runs" / "example", inline=True)
    return folder


def examples() -> list[doctest.DocTest]:
    return [test for test in doctest.DocTestFinder().find(api, "api") if test.examples]


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.name)
def test_examples_of_the_docstrings(
    example: doctest.DocTest, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    found = doctest.DocTestRunner().run(example)
    assert (found.failed, found.attempted) == (0, len(example.examples))


def test_every_public_function_has_an_example() -> None:
    documented = {test.name for test in examples()}
    assert {"api.load_sweep", "api.run_sweep", "api.open_run"} <= documented


OWN_PLACE = """
from dirsweep.execute.inline import open_executor
"""


def test_a_place_of_ones_own_is_named(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_place.py").write_text(OWN_PLACE)
    monkeypatch.setattr(execute, "__path__", [*execute.__path__, str(tmp_path)])
    file, root = folder / "sweep.yaml", tmp_path / "runs" / "own"
    run = dirsweep.run_sweep(file, root, executor="own_place")
    assert run.counts() == {"complete": 4}
    same = dirsweep.run_sweep(file, root, inline=True, executor="inline")
    assert same.counts() == {"complete": 4}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"inline": True, "executor": "ray"},
            "executor: inline=True and executor='ray' exclude each other; leave one out",
        ),
        ({"executor": "inlne"}, "no place to run 'inlne'; did you mean 'inline'"),
        (
            {"inline": True, "address": "auto"},
            "address: an address is that of a Ray cluster, but executor is 'inline'; leave one out",
        ),
    ],
)
def test_a_wrong_place_is_refused_before_anything_is_written(
    arguments: dict[str, Any], message: str, folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(DirSweepError) as caught:
        dirsweep.run_sweep(folder / "sweep.yaml", tmp_path / "run", **arguments)
    assert str(caught.value).startswith(message)
    assert not (tmp_path / "run").exists()


def test_tables_as_arrow_pandas_and_polars(folder: Path) -> None:
    run = dirsweep.open_run(folder / "runs" / "example")
    for read in (run.trials, run.epochs, run.predictions, run.points):
        arrow, frame, lazy = read(), read(as_="pandas"), read(as_="polars")
        assert isinstance(arrow, pa.Table)
        assert isinstance(frame, pandas.DataFrame)
        assert isinstance(lazy, polars.DataFrame)
        assert len(arrow) == len(frame) == len(lazy) > 0
    assert (len(run.trials()), len(run.epochs()), len(run.points())) == (4, 8, 2)
    with pytest.raises(ValueError, match="as_ must be 'arrow', 'pandas' or 'polars', got 'csv'"):
        run.trials("csv")  # type: ignore[arg-type]


def test_points_have_the_means_of_their_trials(folder: Path) -> None:
    run = dirsweep.open_run(folder / "runs" / "example")
    means = run.trials("pandas").groupby("point")["val_mae_all"].mean()
    assert run.points()["val_mae_all_mean"].to_pylist() == pytest.approx(list(means))


def test_what_a_run_says_of_itself(folder: Path) -> None:
    run = dirsweep.open_run(folder / "runs" / "example")
    assert (run.name, run.studies, run.counts()) == ("example", ["methods"], {"complete": 4})
    assert repr(run).endswith("trials 4 complete, SYNTHETIC DATA>")
    html = run._repr_html_()
    assert "<table" in html
    assert "sqinv" in html
    assert "SYNTHETIC" in html
    assert "sqinv" in run.table().to_latex()


def test_errors_are_one_line(folder: Path, tmp_path: Path) -> None:
    run = dirsweep.open_run(folder / "runs" / "example")
    with pytest.raises(StoreError, match="no study 'method'; did you mean 'methods'"):
        run.points("method")
    with pytest.raises(StoreError):
        run.table("ranksim/99")
    with pytest.raises(StoreError):
        dirsweep.open_run(tmp_path)
    with pytest.raises(SpecError, match="epoch: unknown key; did you mean 'epochs'"):
        dirsweep.load_sweep(folder / "sweep.yaml", ["base.epoch=3"])


def test_a_run_that_was_trained_already_is_only_opened(folder: Path) -> None:
    before = dirsweep.open_run(folder / "runs" / "example").trials()["ended_at"].to_pylist()
    run = dirsweep.run_sweep(folder / "sweep.yaml", folder / "runs" / "example", inline=True)
    assert run.trials()["ended_at"].to_pylist() == before


def test_import_loads_nothing_heavy() -> None:
    code = (
        "import sys, dirsweep\n"
        "heavy = ('torch', 'ray', 'optuna', 'pyarrow', 'pandas', 'numpy', 'pydantic', 'rich')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
