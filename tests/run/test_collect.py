from __future__ import annotations

import datetime
import json
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from dirsweep.domain import MetricColumn, metric_columns
from dirsweep.errors import StoreError
from dirsweep.run.collect import collect
from dirsweep.run.events import Proposed
from dirsweep.run.folder import RunPaths
from dirsweep.run.ledger import Ledger
from dirsweep.run.reader import open_run
from tests.made_up_run import write_run, write_spec, write_trial

GAMMA, LAMBDA = "regularizers.ranksim.gamma", "regularizers.ranksim.lambda"


@pytest.fixture
def run_paths(tmp_path: Path) -> RunPaths:
    return write_run(
        tmp_path / "run",
        {
            "gamma": [
                ({}, [7.0, 7.5]),
                ({GAMMA: 100}, [6.5, "failed"]),
                ({GAMMA: 200}, ["pruned", None]),
            ]
        },
    )


def test_rows_and_values(run_paths: RunPaths) -> None:
    rows = open_run(run_paths.root).trials().to_pylist()
    assert [(row["point"], row["seed"], row["status"]) for row in rows] == [
        (0, 0, "complete"),
        (0, 1, "complete"),
        (1, 0, "complete"),
        (1, 1, "failed"),
        (2, 0, "pruned"),
        (2, 1, "unfinished"),
    ]
    first, failed, pruned, unfinished = rows[0], rows[3], rows[4], rows[5]
    assert first["trial_id"] == "gamma-0-0"
    assert first["label"] == "base"
    assert first["val_mae_all"] == 7.0
    assert first["test_mae_few"] == pytest.approx(7.25 * 1.6)
    assert first["started_at"] == datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
    assert first["wall_time_s"] == 12.5
    assert first["training_time_s"] == 6.0, "of an early build: the sum of its epochs"
    assert first["forward_time_s"] is None, "it was not measured"
    assert json.loads(first["config"]) == {"loss": {"name": "l1"}, "epochs": 4}
    assert first["config.loss.name"] == "l1"
    assert first["config.epochs"] == 4
    assert rows[2]["label"] == "ranksim.gamma=100"
    assert json.loads(rows[2]["overrides"]) == {GAMMA: 100}
    assert failed["error"] == "loss is NaN at epoch 1"
    assert failed["val_mae_all"] is None
    assert pruned["val_mae_all"] == 9.0
    assert pruned["test_mae_all"] is None
    assert unfinished["attempts"] == 1
    assert unfinished["num_epochs"] is None


def test_epochs(run_paths: RunPaths) -> None:
    table = open_run(run_paths.root).epochs()
    assert table.num_rows == 6 * 4
    first = table.slice(1, 1).to_pylist()[0]
    assert first["trial_id"] == "gamma-0-0"
    assert first["epoch"] == 1
    assert first["train_loss"] == 8.0
    assert dict(first["loss_terms"]) == {"loss": 7.0, "ranksim": 0.1}
    assert first["val_mae_few"] > first["val_mae_all"]


def test_predictions(run_paths: RunPaths) -> None:
    frame = open_run(run_paths.root).predictions().to_pandas()
    assert len(frame) == 3 * 12
    one = frame[(frame.trial_id == "gamma-1-0") & (frame.split == "val")]
    assert list(one.sample_id) == [f"face{number}.jpg" for number in range(6)]
    np.testing.assert_array_equal(one.prediction - one.label, np.ones(6))


def test_every_reader_reads_every_table(run_paths: RunPaths) -> None:
    for file in (run_paths.trials_table, run_paths.epochs_table, run_paths.predictions_table):
        rows = pa.ipc.open_file(str(file)).read_all()
        assert rows.schema.metadata[b"dirsweep_schema"] == b"1"
        assert rows.schema.metadata[b"synthetic"] == b"false"
        assert pl.read_ipc(str(file)).shape == rows.shape
        assert pd.read_feather(str(file)).shape == rows.shape
        assert duckdb.sql("select count(*) from rows").fetchall() == [(rows.num_rows,)]
        rows.validate(full=True)


def test_collecting_again_gives_the_same_bytes(run_paths: RunPaths) -> None:
    files = (run_paths.trials_table, run_paths.epochs_table, run_paths.predictions_table)
    before = [file.read() for file in files]
    for file in files:
        file.delete()
    collect(run_paths)
    assert [file.read() for file in files] == before
    assert not list(Path(run_paths.root).glob(".*.tmp"))


def test_a_shared_trial_is_in_each_study_once_in_the_rest(tmp_path: Path) -> None:
    paths = RunPaths(tmp_path)
    write_spec(paths, ["b", "a"])
    write_trial(paths, "one", seed=0, mae=5.0)
    with Ledger(paths.ledger) as ledger:
        ledger.append(Proposed("a", 0, {}, (0,), ("one",)))
        ledger.append(Proposed("b", 3, {"epochs": 4}, (0,), ("one",)))
    collect(paths)
    run = open_run(tmp_path)
    assert [(row["study"], row["point"], row["label"]) for row in run.trials().to_pylist()] == [
        ("a", 0, "base"),
        ("b", 3, "epochs=4"),
    ]
    assert run.epochs().num_rows == 4
    assert run.predictions().num_rows == 12
    assert run.studies == ["b", "a"]


def test_nothing_begun(tmp_path: Path) -> None:
    paths = RunPaths(tmp_path)
    write_spec(paths, ["s"])
    collect(paths)
    run = open_run(tmp_path)
    assert (run.trials().num_rows, run.epochs().num_rows, run.predictions().num_rows) == (0, 0, 0)
    with pytest.raises(StoreError, match=r"no complete trial to report on \(none proposed\)"):
        run.require_finished()
    with Ledger(paths.ledger) as ledger:
        ledger.append(Proposed("s", 0, {}, (0,), ("one",), config={"epochs": 3}))
    collect(paths)
    row = open_run(tmp_path).trials().to_pylist()[0]
    assert (row["status"], row["attempts"], row["config.epochs"]) == ("unfinished", 0, 3)


def test_a_trial_that_wrote_garbage(tmp_path: Path) -> None:
    paths = write_run(tmp_path, {"s": [({}, [5.0, 6.0])]})
    paths.trial("s-0-0").outcome.write(b"\x00garbage")
    paths.trial("s-0-0").predictions.write(b"ARROW1 no")
    paths.trial("s-0-0").epochs.write(
        b'{"epoch":0,"lr":"fast","train_loss":2,"loss_terms":7,"val_mae_all":[]}\n'
    )
    paths.trial("s-0-1").spec.write(b"{")
    collect(paths)
    run = open_run(tmp_path)
    assert run.trials()["status"].to_pylist() == ["unfinished", "complete"]
    assert run.trials()["config"].to_pylist()[1] is None
    odd = run.epochs().to_pylist()[0]
    assert (odd["lr"], odd["train_loss"], odd["loss_terms"], odd["val_mae_all"]) == (
        None,
        2.0,
        None,
        None,
    )
    assert set(run.predictions()["trial_id"].to_pylist()) == {"s-0-1"}


def test_column_types_follow_the_content(tmp_path: Path) -> None:
    paths = RunPaths(tmp_path)
    write_spec(paths, ["s"])
    configs = [
        {"a": 1, "b": 1, "c": True, "d": "x", "e": 1, "f": [60, 80]},
        {"a": 2, "b": 0.5, "c": None, "d": None, "e": "auto", "f": []},
    ]
    with Ledger(paths.ledger) as ledger:
        for index, config in enumerate(configs):
            write_trial(paths, f"t{index}", seed=0, mae=1.0, config=config)
            ledger.append(Proposed("s", index, {}, (0,), (f"t{index}",)))
    collect(paths)
    table = open_run(tmp_path).trials()
    kinds = {name: str(table[f"config.{name}"].type) for name in "abcdef"}
    assert kinds == {
        "a": "int64",
        "b": "double",
        "c": "bool",
        "d": "string",
        "e": "string",
        "f": "string",
    }
    assert table["config.e"].to_pylist() == ["1", "auto"]
    assert table["config.f"].to_pylist() == ["[60, 80]", "[]"]


def test_synthetic_is_marked(tmp_path: Path) -> None:
    paths = write_run(tmp_path, {"s": [({}, [5.0])]}, synthetic=True)
    assert open_run(tmp_path).synthetic
    for file in (paths.trials_table, paths.epochs_table, paths.predictions_table):
        assert pa.ipc.open_file(str(file)).schema.metadata[b"synthetic"] == b"true"
    assert open_run(tmp_path).trials()["synthetic"].to_pylist() == [True]


def test_metric_columns_sort_as_the_papers_print_them() -> None:
    names = [
        "test_mae_few",
        "wall_time_s",
        "training_time_s",
        "val_angular_error_all",
        "val_mse_all",
        "val_mae_few",
        "val_mae_all",
    ]
    assert [column.name for column in metric_columns(names)] == [
        "val_mae_all",
        "val_mae_few",
        "val_mse_all",
        "val_angular_error_all",
        "test_mae_few",
    ]
    assert MetricColumn.parse("val_angular_error_all") == ("val", "angular_error", "all")
    assert MetricColumn.parse("train_mae_all") is None
    assert not MetricColumn("val", "mae", "all").higher_is_better
    assert MetricColumn("val", "pearson", "all").higher_is_better
