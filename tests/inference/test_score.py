"""Metrics of predictions made elsewhere, and their row in a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from dirsweep.errors import DataError, StoreError
from dirsweep.inference.score import read_predictions, score_file, score_into
from dirsweep.report.formats import Report, report_text
from dirsweep.run.collect import collect
from dirsweep.run.external import EXTERNAL
from dirsweep.run.folder import RunPaths
from dirsweep.run.reader import open_run
from dirsweep.run.tables import predictions_table
from tests.flow.driving import run_here, tiny_sweep
from tests.tiny import TinyConfig

BENCHMARK = TinyConfig().open(Path())
TEST = BENCHMARK.split("test")
ROWS = {name: float(label) + 0.5 for name, label in zip(TEST.ids, TEST.labels, strict=True)}


def written(file: Path, rows: Mapping[str, object], header: str = "id,prediction") -> Path:
    lines = [header, *(f"{name},{value}" for name, value in rows.items())]
    file.write_text("\n".join(lines) + "\n")
    return file


def test_every_metric_of_every_region_by_hand(tmp_path: Path) -> None:
    shuffled = dict(reversed(ROWS.items()))
    scores = score_file(written(tmp_path / "p.csv", shuffled), "tiny").metrics
    assert scores["test_mae_all"] == pytest.approx(0.5)
    assert scores["test_mse_few"] == pytest.approx(0.25)
    assert scores["test_pearson_all"] == pytest.approx(1.0)
    assert set(scores) == {
        f"test_{metric}_{region}"
        for metric in TinyConfig.metrics
        for region in ("all", "many", "median", "few")
    }


def test_the_published_regions_of_sts_b_dir(data_dir: Path, tmp_path: Path) -> None:
    ids = [f"test-{row}" for row in range(1000)]
    file = written(tmp_path / "p.csv", dict.fromkeys(ids, 2.5))
    sets = [f"benchmark.root={data_dir / 'sts-b-dir'}"]
    counted = score_file(file, "sts-b-dir", sets=sets)
    released = score_file(file, "sts-b-dir", sets=[*sets, "benchmark.shots=released"])
    assert [cell.text for cell in counted.table().rows[0].cells[1:]] == [
        "1,000",
        "756",
        "207",
        "37",
    ]
    assert [cell.text for cell in released.table().rows[0].cells[1:]] == [
        "1,000",
        "756",
        "170",
        "74",
    ]
    assert counted.metrics["test_mse_all"] == released.metrics["test_mse_all"]
    assert counted.metrics["test_mse_few"] != released.metrics["test_mse_few"]
    assert counted.metrics["test_pearson_all"] is None, "constant predictions have none"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda rows: rows | {"test-3": "nan"}, r"p\.csv:5: prediction 'nan'; expected a finite"),
        (lambda rows: rows | {"test-3": ""}, r"p\.csv:5: prediction ''; expected a finite number"),
        (lambda rows: rows | {"test-3": "inf"}, r"p\.csv:5: prediction 'inf'"),
        (
            lambda rows: {k: v for k, v in rows.items() if k not in ("test-0", "test-9")},
            r"no prediction for 2 of 60 samples of test \(first: test-0, test-9\)$",
        ),
        (
            lambda rows: rows | {"row-1": 3.0},
            r"1 id not in the test split of tiny \(first: row-1\); expected the ids of predictions",
        ),
        (
            lambda rows: {name.replace("test", "val"): value for name, value in rows.items()},
            r"60 ids not in the test split .*; they are of the val split \(--split val\)$",
        ),
    ],
)
def test_wrong_predictions_are_refused_in_one_line(
    tmp_path: Path, change: object, says: str
) -> None:
    file = written(tmp_path / "p.csv", change(ROWS))  # type: ignore[operator]
    with pytest.raises(DataError, match=says):
        score_file(file, "tiny")


def test_wrong_files_are_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.csv: cannot be read \(No such file"):
        score_file(tmp_path / "none.csv", "tiny")
    file = written(tmp_path / "p.csv", ROWS, header="name,value")
    with pytest.raises(DataError, match="1: expected a header with the columns id, prediction, f"):
        score_file(file, "tiny")
    file.write_text("id,prediction\ntest-0,1\ntest-1,2\ntest-0,3\n")
    with pytest.raises(DataError, match=r"p\.csv:4: id 'test-0' is already in line 2"):
        score_file(file, "tiny")
    file.write_text("id,prediction\ntest-0\n")
    with pytest.raises(DataError, match=r"p\.csv:2: 1 column; expected 2"):
        score_file(file, "tiny")
    file.write_text("id,prediction\n")
    with pytest.raises(DataError, match="no prediction for 60 of 60 samples"):
        score_file(file, "tiny")


def test_arrow_files_of_predict_and_of_trials(tmp_path: Path) -> None:
    values = np.array(list(ROWS.values()))
    table = predictions_table(
        {"val": (["val-0"], [1.0], [2.0]), "test": (TEST.ids, TEST.labels, values)}
    )
    file = tmp_path / "p.arrow"
    with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    assert read_predictions(file, BENCHMARK, "test").tolist() == values.tolist()
    file.write_bytes(b"nothing")
    with pytest.raises(DataError, match="not an Arrow file"):
        read_predictions(file, BENCHMARK, "test")


def test_a_study_may_be_called_external(tmp_path: Path) -> None:
    root = tmp_path / "run"
    assert run_here(tiny_sweep(tmp_path, {"external": {"points": [{}]}}), root) == 0
    score_into(written(tmp_path / "p.csv", ROWS), root, "their code")
    run = open_run(root)
    assert run.studies == ["external"]
    assert run.own_trials().num_rows == 1
    assert run.trials().num_rows == 2


def test_a_row_of_a_runs_tables_and_report(tmp_path: Path) -> None:
    root = tmp_path / "run"
    assert run_here(tiny_sweep(tmp_path, {"p": {"points": [{}]}}), root) == 0
    file = written(tmp_path / "p.csv", ROWS)
    scores = score_into(file, root, "their code")
    run = open_run(root)
    assert run.studies == ["p"]
    (row,) = (row for row in run.trials().to_pylist() if row["study"] == EXTERNAL)
    assert (row["label"], row["status"], row["note"]) == (
        "their code",
        "complete",
        "predictions of p.csv",
    )
    assert row["test_mae_all"] == scores.metrics["test_mae_all"] == pytest.approx(0.5)
    assert row["val_mae_all"] is None
    assert row["synthetic"] is True
    predictions = run.predictions()
    own = predictions.filter(
        pa.compute.equal(predictions["trial_id"].cast(pa.string()), row["trial_id"])
    )
    assert own["prediction"].to_pylist() == list(ROWS.values())
    text = report_text(Report(run), "console")
    assert "External results" in text
    assert "their code" in text
    assert "their code" in report_text(Report(run), "csv")
    assert "their code" in report_text(Report(run, figures=False), "html")
    assert "their code" in report_text(Report(run), "md")

    assert run.own_trials().num_rows == 1
    assert "finished: its trial is complete" in report_text(Report(run, figures=False), "html")

    score_into(written(tmp_path / "q.csv", {k: v + 1 for k, v in ROWS.items()}), root, "their code")
    score_into(file, root, "another")
    collect(RunPaths(root))
    found = [row for row in open_run(root).trials().to_pylist() if row["study"] == EXTERNAL]
    assert [(row["label"], row["test_mae_all"]) for row in found] == [
        ("another", pytest.approx(0.5)),
        ("their code", pytest.approx(1.5)),
    ]
    assert run_here(tiny_sweep(tmp_path, {"p": {"points": [{}, {"batch_size": 16}]}}), root) == 0
    assert len([r for r in open_run(root).trials().to_pylist() if r["study"] == EXTERNAL]) == 2


def test_two_splits_of_one_name_are_one_row(tmp_path: Path) -> None:
    root = tmp_path / "run"
    assert run_here(tiny_sweep(tmp_path, {"p": {"points": [{}]}}), root) == 0
    score_into(written(tmp_path / "p.csv", ROWS), root, "x")
    val = BENCHMARK.split("val")
    rows = {name: float(label) + 2 for name, label in zip(val.ids, val.labels, strict=True)}
    for _ in range(2):
        score_into(written(tmp_path / "v.csv", rows), root, "x", split="val")
    (row,) = (r for r in open_run(root).trials().to_pylist() if r["study"] == EXTERNAL)
    assert (row["test_mae_all"], row["val_mae_all"]) == (pytest.approx(0.5), pytest.approx(2))
    table = RunPaths(root).external(row["trial_id"]).predictions.read_table()
    assert table is not None
    assert table["sample_id"].to_pylist() == [*TEST.ids, *val.ids]


def test_a_run_takes_results_of_its_own_benchmark_only(tmp_path: Path) -> None:
    root = tmp_path / "run"
    assert run_here(tiny_sweep(tmp_path, {"p": {"points": [{}]}}), root) == 0
    file = written(tmp_path / "p.csv", ROWS)
    with pytest.raises(StoreError, match="is of tiny with other settings"):
        score_into(file, root, "x", sets=["benchmark.noise=3"])
    with pytest.raises(StoreError, match="is of tiny with other settings"):
        score_into(file, root, "x", benchmark_name="sts-b-dir")
    with pytest.raises(StoreError, match="no such folder"):
        score_into(file, tmp_path / "nowhere", "x")
    assert not (root / "external").exists()
