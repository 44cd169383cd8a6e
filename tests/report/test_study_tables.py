from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from rich.console import Console

from dirsweep.errors import StoreError
from dirsweep.report.formats import Report, print_report, report_text
from dirsweep.report.study_records import study_records
from dirsweep.report.study_tables import study_table, study_tables
from dirsweep.report.table import Table
from dirsweep.run.collect import collect
from dirsweep.run.events import Proposed
from dirsweep.run.ledger import Ledger
from dirsweep.run.reader import Run, open_run
from tests.made_up_run import write_run

GAMMA = "regularizers.ranksim.gamma"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    studies = {
        "gamma": [
            ({GAMMA: g}, [e, e + 0.2, e - 0.2]) for g, e in ((1, 7.52), (10, 7.02), (100, 7.28))
        ],
        "mixed": [
            ({}, [7.0, "failed"]),
            ({"loss.name": "mse"}, ["pruned", "pruned"]),
            ({"epochs": 9}, [None, None]),
        ],
    }
    write_run(tmp_path, studies)
    return open_run(tmp_path)


def printed(run: Run, width: int) -> str:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    print_report(console, Report(run))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    return "\n".join(line.rstrip() for line in text.splitlines())


def shown(table: Table) -> dict[str, list[str]]:
    """Heading -> cells with their deviations."""
    return {
        column.heading: [
            f"{cell.text} ± {cell.deviation_text}" if cell.deviation_text else cell.text
            for cell in table.column(column.name)
        ]
        for column in table.columns
    }


def records(run: Run) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(study_records(run).to_csv())))


def notes(table: Table) -> list[str]:
    return [note.text for note in table.notes]


def chosen(table: Table) -> list[int]:
    return [number for number, row in enumerate(table.rows) if row.chosen]


def test_console_at_80(run: Run) -> None:
    assert printed(run, 80).split("\n\n")[0].lstrip("\n").splitlines() == [
        "gamma · made-up",
        "                        val MAE   test MAE",
        "   point                    all        all       many     median         few",
        "────────────────────────────────────────────────────────────────────────────",
        "   ranksim.gamma=1    7.52±0.20  7.77±0.20  6.99±0.18  9.32±0.24  12.43±0.32",
        "★  ranksim.gamma=10   7.02±0.20  7.27±0.20  6.54±0.18  8.72±0.24  11.63±0.32",
        "   ranksim.gamma=100  7.28±0.20  7.53±0.20  6.78±0.18  9.04±0.24  12.05±0.32",
        "★ chosen by validation: lowest val MAE (all)",
        "no test result is separable from ranksim.gamma=1 (p < 0.05, corrected for 6",
        "comparisons)",
        "mean ± sample standard deviation over 3 seeds",
        "test samples: all 1,021, many 848, median 126, few 47",
        "5 columns hidden (terminal too narrow)",
    ]


def test_console_at_200_has_everything(run: Run) -> None:
    text = printed(run, 200)
    assert "hidden" not in text
    assert "7.02 ± 0.20" in text
    assert " ± 0.010" in text, "Pearson with three decimals"
    assert "6.0 s" in text


def test_rows_that_did_not_finish(run: Run) -> None:
    table = study_table(run, "mixed")
    columns = shown(table)
    assert chosen(table) == [0]
    assert columns["seeds"] == ["1", "2", "0"]
    assert columns["val MAE all"] == ["7.00", "9.00 ± 0.00", "–"]
    assert columns["test MAE all"] == ["7.25", "–", "–"]
    assert columns["incomplete trials"] == ["1 failed", "2 pruned", "2 unfinished"]
    assert "failed: base, seed 1: loss is NaN at epoch 1" in notes(table)
    assert [note.text for note in table.notes if note.error] == [
        "failed: base, seed 1: loss is NaN at epoch 1"
    ]
    assert any("every seed was pruned or stopped early" in line for line in notes(table))


def test_one_seed_says_so(tmp_path: Path) -> None:
    write_run(tmp_path, {"s": [({}, [7.0])]})
    table = study_table(open_run(tmp_path), "s")
    assert all(cell.deviation is None for row in table.rows for cell in row.cells)
    assert any("one seed per point" in line for line in notes(table))


def test_higher_is_better(tmp_path: Path) -> None:
    write_run(tmp_path, {"s": [({}, [7.0]), ({"a": 1}, [5.0])]}, metric="pearson")
    table = study_table(open_run(tmp_path), "s")
    assert chosen(table) == [1]
    assert notes(table)[0] == "chosen by validation: highest val pearson (all)"
    assert shown(table)["val pearson all"] == ["0.650", "0.750"]


def test_a_search_shows_its_best_points_first(tmp_path: Path) -> None:
    write_run(tmp_path, {"s": [({"a": i}, [9 - i / 10]) for i in range(30)]}, searches=["s"])
    run = open_run(tmp_path)
    table = study_table(run, "s", max_rows=24)
    assert shown(table)["point"] == [f"a={number}" for number in range(29, 5, -1)]
    assert chosen(table) == [0]
    assert "the best 24 of 30 points (--format csv lists all)" in notes(table)
    assert len(study_table(run, "s").rows) == 30


def test_of_a_search_only_the_chosen_point_has_test_figures(tmp_path: Path) -> None:
    points = [
        ({"a": 0}, [8.0]),
        ({"a": 1}, [6.0]),
        ({}, [7.0]),
        ({"a": 2}, [9.0]),
        ({"a": 3}, ["pruned"]),
    ]
    write_run(tmp_path, {"search": points, "plan": points}, searches=["search"])
    run = open_run(tmp_path)
    columns = shown(study_table(run, "search"))
    assert columns["point"] == ["a=1", "base", "a=0", "a=2", "a=3"]
    assert columns["val MAE all"] == ["6.00", "7.00", "8.00", "9.00", "9.00"]
    assert columns["test MAE all"] == ["6.25", "7.25", "–", "–", "–"]
    assert columns["test MAE few"] == ["10.00", "11.60", "–", "–", "–"]
    planned = shown(study_table(run, "plan"))["test MAE all"]
    assert planned == ["8.25", "6.25", "7.25", "9.25", "–"]
    counted = (
        "5 configurations evaluated; test results only of the point chosen on validation and of the"
        " base (`dirsweep export` writes all)"
    )
    assert counted in notes(study_table(run, "search"))
    assert not any("evaluated" in line for line in notes(study_table(run, "plan")))
    text = printed(run, 120).split("plan · made-up")
    assert ("8.25" in text[0], "8.25" in text[1]) == (False, True)
    (table,) = study_tables(run, ["search"])
    assert "8.25" not in table.to_markdown() + table.to_latex() + table.to_csv() + table.to_html()
    rows = records(run)
    assert [row["test_mae_all_mean"] for row in rows[:5]] == ["", "6.25", "7.25", "", ""]
    assert [row["test_mae_all_n"] for row in rows[:5]] == ["0", "1", "1", "0", "0"]
    assert [row["val_mae_all_mean"] for row in rows[:5]] == ["8.0", "6.0", "7.0", "9.0", "9.0"]
    assert rows[0]["num_looked_at"] == "5"
    assert [row["test_mae_all_mean"] for row in rows[5:9]] == ["8.25", "6.25", "7.25", "9.25"]


def test_a_point_that_a_search_proposed_again_is_shown_once(tmp_path: Path) -> None:
    paths = write_run(tmp_path, {"s": [({"a": 0}, [8.0]), ({}, [6.0])]}, searches=["s"])
    with Ledger(paths.ledger) as ledger:
        ledger.append(Proposed("s", 2, {"a": None}, (0,), ("s-1-0",)))
    collect(paths)
    run = open_run(tmp_path)
    columns = shown(study_table(run, "s"))
    assert columns["val MAE all"] == ["6.00", "8.00"]
    assert columns["test MAE all"] == ["6.25", "–"]
    assert any(
        line.startswith("2 configurations evaluated") for line in notes(study_table(run, "s"))
    )
    # in full, both points have the result of their trial
    assert [row["test_mae_all_mean"] for row in records(run)] == ["", "6.25", "6.25"]


def test_synthetic_is_in_every_format(tmp_path: Path) -> None:
    write_run(tmp_path, {"s": [({}, [7.0])]}, synthetic=True)
    run = open_run(tmp_path)
    assert "SYNTHETIC DATA" in printed(run, 80)
    assert "### s · made-up (SYNTHETIC DATA)" in report_text(Report(run), "md")
    assert r"\textbf{SYNTHETIC DATA.}" in report_text(Report(run), "latex")
    assert "SYNTHETIC DATA" in study_table(run, "s").to_html()
    assert records(run)[0]["synthetic"] == "true"


def test_markdown(run: Run) -> None:
    lines = study_table(run, "gamma").to_markdown().splitlines()
    assert lines[0] == "### gamma · made-up"
    assert lines[2].startswith(
        "| point | val MAE all | test MAE all | test MAE many | test MAE median | test MAE few |"
    )
    assert lines[5].startswith("| ranksim.gamma=10 ★ | **7.02 ± 0.20** | **7.27 ± 0.20** |")
    assert len({line.count("|") for line in lines[2:7]}) == 1


def test_csv_has_full_precision(run: Run) -> None:
    rows = records(run)
    assert [row["label"] for row in rows] == [
        "ranksim.gamma=1",
        "ranksim.gamma=10",
        "ranksim.gamma=100",
        "base",
        "loss=mse",
        "epochs=9",
    ]
    assert [row["best_by_validation"] for row in rows] == [
        "false",
        "true",
        "false",
        "true",
        "false",
        "false",
    ]
    assert float(rows[1]["val_mae_all_mean"]) == pytest.approx(7.02, rel=1e-15)
    assert float(rows[1]["val_mae_all_sd"]) == pytest.approx(0.2, rel=1e-12)
    assert rows[1]["val_mae_all_n"] == "3"
    assert (rows[3]["val_mae_all_sd"], rows[3]["failed"], rows[3]["num_seeds"]) == ("", "1", "1")
    assert (rows[5]["test_mae_all_mean"], rows[5]["test_mae_all_n"], rows[5]["unfinished"]) == (
        "",
        "0",
        "2",
    )


def test_no_finished_trial(tmp_path: Path) -> None:
    write_run(tmp_path, {"s": [({}, ["failed"])]})
    run = open_run(tmp_path)
    for build in (study_tables, study_records):
        with pytest.raises(StoreError, match="no complete trial"):
            build(run)
    with pytest.raises(StoreError, match="no complete trial"):
        print_report(Console(file=io.StringIO()), Report(run))
