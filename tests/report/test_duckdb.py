"""The tables answer SQL as they are: what the README shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.made_up_run import write_run

duckdb = pytest.importorskip("duckdb")


def test_tables_in_sql(tmp_path: Path) -> None:
    import pyarrow.dataset as ds

    gamma = "regularizers.ranksim.gamma"
    paths = write_run(
        tmp_path,
        {"s": [({gamma: 1.0}, [7.0, 7.5]), ({gamma: 10.0}, [6.0, "failed"])]},
        resolved=True,
    )
    # found by duckdb by their names
    trials = ds.dataset(paths.trials_table, format="ipc")
    predictions = ds.dataset(paths.predictions_table, format="ipc")
    assert trials.count_rows() == 4
    rows = duckdb.sql(
        """
        SELECT "config.regularizers.ranksim.gamma" AS gamma, avg(test_mae_few) AS few,
               count(*) AS seeds
        FROM trials WHERE status = 'complete' GROUP BY gamma ORDER BY few
        """
    ).fetchall()
    assert [(row[0], row[2]) for row in rows] == [(10.0, 1), (1.0, 2)]
    assert rows[0][1] == pytest.approx(6.25 * 1.6)
    (errors,) = duckdb.sql(
        """
        SELECT t.label, avg(abs(p.prediction - p.label)) AS mae
        FROM predictions p JOIN trials t USING (trial_id)
        WHERE p.split = 'test' AND t.point = 1 GROUP BY t.label
        """
    ).fetchall()
    frame = predictions.to_table().to_pandas()
    frame = frame[(frame.split == "test") & (frame.trial_id == "s-1-0")]
    assert errors == (
        "ranksim.gamma=10",
        pytest.approx(float((frame.prediction - frame.label).abs().mean())),
    )
