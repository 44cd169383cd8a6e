from __future__ import annotations

from pathlib import Path

from dirsweep.analysis.measurements import points_of
from dirsweep.report.summary_tables import chosen_points_table, failures_table, intervals_on_test
from dirsweep.run.reader import open_run
from tests.made_up_run import write_run
from tests.simulated_run import SimulatedPoint, simulate


def test_the_best_point_of_each_study(tmp_path: Path) -> None:
    studies = {
        "a": [SimulatedPoint(), SimulatedPoint({"epochs": 5}, {"all": -2.0})],
        "b": [SimulatedPoint({"epochs": 6})],
        "c": [SimulatedPoint({"epochs": 7})],
    }
    specs = {"c": {"space": {"epochs": {"int": [1, 9]}}}}
    run = open_run(simulate(tmp_path, studies, specs=specs).root)
    table = chosen_points_table(run)
    assert table is not None
    assert [cell.text for cell in table.column("study")] == ["a", "b"], "no search"
    assert [cell.text for cell in table.column("point")] == ["epochs=5", "epochs=6"]
    means = table.column("test_mae_few")
    assert all(cell.interval is not None and cell.num_seeds == 3 for cell in means)
    assert all(cell.interval is None for cell in table.column("val_mae_all"))


def test_a_single_study_needs_no_summary(tmp_path: Path) -> None:
    assert chosen_points_table(open_run(simulate(tmp_path, {"a": [SimulatedPoint()]}).root)) is None


def intervals_on_test_by_point_and_region(tmp_path: Path) -> None:
    run = open_run(
        simulate(tmp_path, {"a": [SimulatedPoint(), SimulatedPoint({"epochs": 5})]}).root
    )
    found = intervals_on_test(run, "a", "mse", {1})
    assert set(found) == {(1, region) for region in ("all", "many", "median", "few")}
    assert found[1, "few"].metric == "mse"
    assert intervals_on_test(run, "a", "mse", set()) == {}


def test_failed_trials(tmp_path: Path) -> None:
    write_run(tmp_path, {"s": [({}, [7.0, "failed"]), ({"a": 1}, [7.1])]})
    table = failures_table(points_of(open_run(tmp_path), "s"))
    assert table is not None
    assert table.title == "Failed trials (1)"
    (row,) = table.rows
    assert [cell.text for cell in row.cells] == ["base", "1", "loss is NaN at epoch 1", "s-0-1"]
    assert failures_table([]) is None
