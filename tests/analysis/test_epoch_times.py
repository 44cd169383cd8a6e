"""Times per epoch, also of runs whose tables an earlier build wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from dirsweep.analysis.epoch_times import epoch_seconds
from dirsweep.analysis.layout_rows import fill
from dirsweep.report.study_records import study_records
from dirsweep.report.study_tables import study_table
from dirsweep.run.reader import open_run
from tests.made_up_run import change_epochs, write_run


def test_medians_without_the_first_epoch(tmp_path: Path) -> None:
    paths = write_run(tmp_path, {"s": [({}, [7.0])]})
    change_epochs(paths, lambda row: {**row, "forward_time_s": 10.0 - row["epoch"]})
    run = open_run(tmp_path)
    assert epoch_seconds(run) == {"s-0-0": 1.5}
    assert epoch_seconds(run, "forward_time_s") == {"s-0-0": pytest.approx(8.0)}


def test_tables_without_the_column_still_report(tmp_path: Path) -> None:
    """Tables of earlier builds lack the time of the forward pass."""
    paths = write_run(tmp_path, {"s": [({}, [7.0])]}, resolved=True)
    for file in (paths.trials_table, paths.epochs_table):
        table = file.read_table()
        assert table is not None
        file.write_table(table.drop_columns(["forward_time_s"]))
    run = open_run(tmp_path)
    assert epoch_seconds(run, "forward_time_s") == {}
    assert epoch_seconds(run) == {"s-0-0": 1.5}
    assert [cell.text for cell in fill(run, "conr/5").rows[0].cells] == ["", "1.5"]
    names = [column.name for column in study_table(run, "s").columns]
    assert "training_time_s" in names
    assert "forward_time_s" not in names
    assert study_records(run).column("forward_time_s")[0].value is None


def test_a_measured_forward_pass_stands_beside_the_training_time(tmp_path: Path) -> None:
    paths = write_run(tmp_path, {"s": [({}, [7.0])]})
    table = paths.trials_table.read_table()
    assert table is not None
    place = table.schema.get_field_index("forward_time_s")
    measured = table.set_column(place, table.schema.field(place), [[2.5]])
    paths.trials_table.write_table(measured)
    shown = study_table(open_run(tmp_path), "s")
    assert shown.column("forward_time_s")[0].text == "2.5 s"
    names = [column.name for column in shown.columns]
    assert names.index("forward_time_s") == names.index("training_time_s") + 1
