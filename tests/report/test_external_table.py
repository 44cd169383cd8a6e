"""The table of results of other code, beside the points that validation chose."""

from __future__ import annotations

from pathlib import Path

import pytest

from dirsweep.report.choice import Choice
from dirsweep.report.external_table import external_table
from dirsweep.report.table import Mark
from dirsweep.run.collect import collect
from dirsweep.run.external import ExternalResult, read_external, write_external
from dirsweep.run.folder import RunPaths
from dirsweep.run.reader import Run, open_run
from dirsweep.run.tables import predictions_table
from tests.flow.driving import run_here, tiny_sweep
from tests.tiny import TinyConfig


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("external")
    sweep = tiny_sweep(folder, {"p": {"points": [{}, {"optimizer.lr": 1e-9}]}}, seeds=[0, 1])
    assert run_here(sweep, folder / "run") == 0
    paths = RunPaths(folder / "run")
    for name, value in (("theirs", 1.25), ("a < b", 2.0)):
        result = ExternalResult(
            name=name,
            source=f"/there/{name}.csv",
            split="test",
            benchmark=TinyConfig().to_dict(),
            synthetic=True,
            metrics={"test_mae_all": value, "test_mae_few": 3.0, "test_pearson_all": None},
        )
        write_external(paths, result, predictions_table({"test": (["test-0"], [1.0], [2.0])}))
    collect(paths)
    return open_run(folder / "run")


def test_rows_of_other_code_come_first_and_chosen_points_below(run: Run) -> None:
    table = external_table(run)
    assert table is not None
    assert [cell.text for cell in table.column("point")] == ["a < b", "theirs", "base"]
    assert [cell.value for cell in table.column("test_mae_all")][:2] == [2.0, 1.25]
    assert table.column("test_mae_all")[2].num_seeds == 2
    assert [cell.text for cell in table.column("note")] == [
        "predictions of a < b.csv",
        "predictions of theirs.csv",
        "",
    ]
    assert [Mark.CHOSEN in row.marks for row in table.rows] == [False, False, True]
    assert table.synthetic


def test_metrics_and_regions_are_chosen(run: Run) -> None:
    table = external_table(run, Choice(regions=("few",)))
    assert table is not None
    assert [column.name for column in table.columns[2:-1]] == ["test_mae_few"]


def test_a_damaged_result_is_left_out_and_none_gives_no_table(tmp_path: Path, run: Run) -> None:
    root = tmp_path / "run"
    assert run_here(tiny_sweep(tmp_path, {"p": {"points": [{}]}}), root) == 0
    assert external_table(open_run(root)) is None
    RunPaths(root).external("0123").spec.write(b"{}")
    assert list(read_external(RunPaths(root))) == []
    collect(RunPaths(root))
    assert external_table(open_run(root)) is None
