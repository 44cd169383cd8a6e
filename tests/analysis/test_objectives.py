"""Objectives, constraints and the front, as the report reads them from a run's sweep and tables."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from dirsweep.analysis.differences import differences
from dirsweep.analysis.measurements import configs_of
from dirsweep.analysis.objectives import default_point, points_of
from dirsweep.analysis.selection import best_of_studies, points_with_test_figures, selection
from dirsweep.domain import Constraint, Objective
from dirsweep.report.formats import Report, print_report, report_text
from dirsweep.report.html.page import report_page
from dirsweep.report.plots import pareto
from dirsweep.report.study_records import study_records
from dirsweep.report.study_tables import study_table
from dirsweep.run.collect import collect
from dirsweep.run.events import Retried
from dirsweep.run.ledger import Ledger
from dirsweep.run.reader import Run, open_run
from tests.figure_texts import texts
from tests.made_up_run import FACTORS, write_run
from tests.simulated_run import SimulatedPoint, simulate

GAMMA = "regularizers.ranksim.gamma"
MANY, FEW = {"metric": "mae", "region": "many"}, {"metric": "mae", "region": "few"}
PEARSON = {"metric": "pearson", "region": "all"}


def made(root: Path, errors: list[Any], *, retry: bool = False, **study: Any) -> Run:
    """A search whose points have these validation errors; the base first."""
    points = [({} if place == 0 else {"a": place}, [error]) for place, error in enumerate(errors)]
    paths = write_run(root, {"s": points}, searches=["s"])
    spec = yaml.safe_load(paths.spec.text())
    spec["studies"]["s"] |= study
    paths.spec.write(yaml.safe_dump(spec, sort_keys=False).encode())
    if retry:
        with Ledger(paths.ledger) as ledger:
            ledger.append(Retried("s-1-0", "out of memory on a shared GPU, again with 0.5 of it"))
        collect(paths)
    return open_run(root)


@pytest.mark.parametrize("limit", [7.0, {"base_plus": 0.25}])
@pytest.mark.parametrize("bound", ["at_most", "at_least"])
def test_constraints_are_judged_as_the_search_judges_them(
    tmp_path: Path, bound: str, limit: Any
) -> None:
    errors = [7.0, 6.0, 7.25, 7.5, "pruned"]
    run = made(tmp_path, errors, constraints=[{"metric": "mae", "region": "few", bound: limit}])
    of_base = isinstance(limit, dict)
    theirs = Constraint(
        Objective(metric="mae", region="few"),
        bound,
        limit["base_plus"] if of_base else limit,
        of_base,
    )  # type: ignore[arg-type]
    few = [error * FACTORS["few"] for error in errors[:4]]
    points = points_of(run, "s")
    for point, value in zip(points[:4], few, strict=True):
        assert point.violations == {theirs.name: pytest.approx(theirs.violation(value, few[0]))}
        assert point.feasible == (theirs.violation(value, few[0]) <= 0)
    assert points[4].violations == {}


def test_without_the_base_what_counts_from_it_is_passed_over(tmp_path: Path) -> None:
    run = made(
        tmp_path,
        ["failed", 6.0, 9.0],
        constraints=[{"metric": "mae", "at_most": {"base_plus": 0.1}}],
    )
    assert all(point.violations == {} for point in points_of(run, "s"))


def test_the_base_of_a_search_spells_out_what_it_has(tmp_path: Path) -> None:
    points: list[Any] = [({"a": 3}, [7.0]), ({"a": 1}, [6.0]), ({"a": 2}, [7.2])]
    write_run(tmp_path, {"s": points}, searches=["s"])
    run = open_run(tmp_path)
    run.spec["studies"]["s"]["constraints"] = [{"metric": "mae", "at_most": {"base_plus": 0.1}}]
    assert [point.feasible for point in points_of(run, "s")] == [True, True, True], (
        "no point is the base"
    )
    run.memo.clear()
    run.spec["base"] = {"a": 3}
    assert [point.feasible for point in points_of(run, "s")] == [True, True, False]


def test_what_breaks_a_constraint_is_not_chosen(tmp_path: Path) -> None:
    # pearson is 1 - mae / 20: at most 0.66 leaves errors of 6.8 and more
    run = made(tmp_path, [7.0, 6.0, 6.9, 7.5], constraints=[{**PEARSON, "at_most": 0.66}])
    table = study_table(run, "s")
    assert [cell.text for cell in table.column("val_mae_all")] == ["6.90", "7.00", "7.50", "6.00"]
    assert table.rows[0].chosen
    assert [cell.text for cell in table.column("constraints")] == [
        "feasible",
        "feasible",
        "feasible",
        "pearson/all at_most 0.66: violated by 0.040",
    ]
    assert (
        "constraints on validation: pearson/all at_most 0.66; feasible: 3 of 4 complete points"
        in [note.text for note in table.notes]
    )
    chosen = selection(run, "s")
    assert chosen is not None
    assert chosen.chosen.index == 2
    assert points_with_test_figures(run, "s") == [0, 2]
    assert [point.index for point in best_of_studies(run, 2)["s"]] == [2, 0]
    rows = list(csv.DictReader(io.StringIO(study_records(run).to_csv())))
    assert [row["feasible"] for row in rows] == ["true", "false", "true", "true"]
    assert json.loads(rows[1]["violations"]) == {"pearson/all at_most 0.66": pytest.approx(0.04)}
    assert [row["best_by_validation"] for row in rows] == ["false", "false", "true", "false"]
    assert [row["on_front"] for row in rows] == [""] * 4


def test_when_none_keeps_to_them_the_best_is_the_best_of_all(tmp_path: Path) -> None:
    run = made(tmp_path, [7.0, 6.0], constraints=[{"metric": "mae", "at_most": 5.0}])
    table = study_table(run, "s")
    assert table.column("val_mae_all")[0].text == "6.00"
    assert table.rows[0].chosen
    assert "no point is feasible: the best point is chosen among all points" in [
        note.text for note in table.notes
    ]


def test_front_members_are_marked_and_shown(tmp_path: Path) -> None:
    run = made(
        tmp_path,
        [7.0, 6.0, 8.0, "pruned"],
        objectives=[{"metric": "mae"}, {"metric": "mse", "region": "few"}],
    )
    assert [point.front for point in points_of(run, "s")] == [False, True, False, False]
    table = study_table(run, "s")
    assert [cell.text for cell in table.column("on_front")] == ["front", "", "", ""]
    assert table.column("val_mse_few")[0].text == f"{1.6 * (6 * 1.6) ** 2:.1f}"
    assert "Pareto front: 1 point not dominated in val mae/all and val mse/few" in [
        note.text for note in table.notes
    ]
    rows = list(csv.DictReader(io.StringIO(study_records(run).to_csv())))
    assert [row["on_front"] for row in rows] == ["false", "true", "false", "false"]


def test_every_point_of_the_front_may_show_its_test_figures(tmp_path: Path) -> None:
    run = made(tmp_path, [7.0, 6.0, 8.0, 7.5])
    # what is few for one is many for the other: errors of the table that pull apart
    trials = run.trials()
    few = trials.schema.get_field_index("val_mae_few")
    swapped = trials.set_column(few, "val_mae_few", [[12.0, 11.0, 9.0, 10.0]])
    run.__dict__["_trials"] = swapped
    run.spec["objectives"] = [{"metric": "mae"}, FEW]
    assert [point.front for point in points_of(run, "s")] == [False, True, True, True]
    assert points_with_test_figures(run, "s") == [0, 1, 2, 3]
    found = pareto.numbers(run, "s")
    assert [goal.name for goal in found.goals] == ["val_mae_all", "val_mae_few"]
    assert found.front.tolist() == [False, True, True, True]
    assert found.axis_labels == ("validation MAE", "validation few-shot MAE")
    run.memo.clear()
    run.spec["constraints"] = [{**FEW, "at_most": 10.5}]
    found = pareto.numbers(run, "s")
    assert (found.feasible.tolist(), found.front.tolist()) == (
        [False, False, True, True],
        [False, False, True, True],
    )
    assert "infeasible" in texts(pareto.draw(found))


def test_the_front_of_three_objectives_is_not_that_of_two(tmp_path: Path) -> None:
    """The third point is dominated in what is drawn and best in what is not."""
    run = made(tmp_path, [7.0, 6.0, 8.0, 7.5])
    trials = run.trials()
    third = trials.schema.get_field_index("val_mae_few")
    run.__dict__["_trials"] = trials.set_column(third, "val_mae_few", [[12.0, 11.0, 9.0, 11.0]])
    run.spec["objectives"] = [{"metric": "mae"}, {"metric": "mse"}, FEW]
    found = pareto.numbers(run, "s")
    assert [goal.name for goal in found.goals] == ["val_mae_all", "val_mse_all"]
    assert found.front.tolist() == [False, True, True, False]
    assert found.front.tolist() == [point.front for point in points_of(run, "s")]
    figure = pareto.draw(found)
    assert "The front is over all 3 objectives, of which two are drawn." in pareto.caption(found)
    assert not [line for line in figure.axes[0].get_lines() if "steps" in line.get_drawstyle()]
    run.memo.clear()
    run.spec["objectives"] = run.spec["objectives"][:2]
    found = pareto.numbers(run, "s")
    assert found.front.tolist() == [False, True, False, False]
    figure = pareto.draw(found)
    assert "of which two" not in pareto.caption(found)
    assert [line for line in figure.axes[0].get_lines() if "steps" in line.get_drawstyle()]


def test_why_a_trial_was_tried_again(tmp_path: Path) -> None:
    note = "out of memory on a shared GPU, again with 0.5 of it"
    run = made(tmp_path, [7.0, 6.0], retry=True)
    table = study_table(run, "s")
    assert [cell.text for cell in table.column("note")] == [note, ""]
    other = study_table(made(tmp_path / "b", [7.0]), "s")
    assert not any(column.name == "note" for column in other.columns)
    console = Console(width=200, file=io.StringIO(), color_system=None)
    print_report(console, Report(run))
    assert "again with 0.5 of it" in console.file.getvalue()  # type: ignore[attr-defined]
    assert f"| {note} |" in report_text(Report(run), "md")
    rows = list(csv.DictReader(io.StringIO(study_records(run).to_csv())))
    assert [row["note"] for row in rows] == ["", note]


def test_the_page_has_them_too(tmp_path: Path) -> None:
    run = made(
        tmp_path,
        [7.0, 6.0, 8.0],
        retry=True,
        objectives=[{"metric": "mae"}, FEW],
        constraints=[{"metric": "mae", "at_most": 7.5}],
    )
    page = report_page(run, figures=False)
    for text in (
        "Pareto front: 1 point not dominated in val mae/all and val mae/few"
        " among the feasible points",
        "constraints on validation: mae/all at_most 7.5; feasible: 2 of 3 complete points",
        "mae/all at_most 7.5: violated by 0.500",
        "again with 0.5 of it",
        ">front<",
    ):
        assert text in page, text


def test_the_default_point(tmp_path: Path) -> None:
    base = {"regularizers": {"ranksim": {"gamma": 100, "lambda": 2}}}
    simulate(
        tmp_path,
        {
            "grid": [SimulatedPoint({GAMMA: 1}), SimulatedPoint({GAMMA: 100})],
            "none": [SimulatedPoint({GAMMA: 7})],
            "own": [SimulatedPoint({GAMMA: 5})],
            "plain": [SimulatedPoint({GAMMA: 100}), SimulatedPoint()],
        },
        base=base,
        specs={"own": {"base": {GAMMA: 5}}},
    )
    run = open_run(tmp_path)
    found = {study: default_point(run, study) for study in run.studies}
    assert {study: None if point is None else point.index for study, point in found.items()} == {
        "grid": 1,
        "none": None,
        "own": 0,
        "plain": 0,
    }
    assert differences(run, "none") == []
    assert configs_of(run, "own")[0][GAMMA] == 5
