from __future__ import annotations

import csv
from pathlib import Path

import pyarrow.parquet as pa_parquet
import pytest

from dirsweep.errors import StoreError
from dirsweep.run.export import export_run
from dirsweep.run.reader import open_run
from tests.made_up_run import write_run


def test_parquet_holds_the_tables_as_they_are(tmp_path: Path) -> None:
    write_run(tmp_path / "run", {"s": [({}, [5.0, "failed"])]})
    run = open_run(tmp_path / "run")
    files = export_run(run, tmp_path / "out")
    assert [file.name for file in files] == [
        "trials.parquet",
        "epochs.parquet",
        "predictions.parquet",
        "bins.parquet",
    ]
    for file, table in zip(files, (run.trials(), run.epochs(), run.predictions()), strict=False):
        assert pa_parquet.read_table(file).to_pylist() == table.to_pylist()


def test_csv(tmp_path: Path) -> None:
    paths = write_run(tmp_path / "run", {"s": [({}, [5.0, "failed"])]})
    paths.bins_table.delete()
    run = open_run(tmp_path / "run")
    trials, epochs, predictions = export_run(run, tmp_path / "out", "csv")
    rows = list(csv.DictReader(trials.open()))
    assert [row["status"] for row in rows] == ["complete", "failed"]
    assert float(rows[0]["test_mae_all"]) == run.trials()["test_mae_all"][0].as_py()
    assert rows[1]["test_mae_all"] == ""
    assert next(csv.DictReader(epochs.open()))["loss_terms"] == '{"loss": 5.0, "ranksim": 0.1}'
    assert len(list(csv.DictReader(predictions.open()))) == run.predictions().num_rows


def test_what_cannot_be_written(tmp_path: Path) -> None:
    write_run(tmp_path / "run", {"s": [({}, [5.0])]})
    run = open_run(tmp_path / "run")
    with pytest.raises(StoreError, match="unknown format 'xlsx'"):
        export_run(run, tmp_path / "out", "xlsx")
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot write"):
        export_run(run, tmp_path / "file" / "out")
