from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from dirsweep.analysis.layout_rows import fill
from dirsweep.report.html.page import report_page
from dirsweep.report.layout_tables import PREVIEW, layout_records, layout_table
from dirsweep.report.table import Table
from dirsweep.run.reader import Run, open_run
from tests.analysis.test_layout_rows import timed_run
from tests.layout_run import RANKSIM, layout_run
from tests.made_up_run import write_run
from tests.simulated_run import SimulatedPoint, simulate


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return layout_run(tmp_path)


def notes(table: Table) -> list[str]:
    return [note.text for note in table.notes]


def test_the_published_number_follows_the_measured_one(run: Run) -> None:
    lines = layout_table(run, "ranksim/2", published=True).to_markdown().splitlines()
    assert lines[0] == (
        "### ranksim/2 · RankSim on top of four base methods, with LDS and FDS, on AgeDB-DIR"
        " · made-up"
    )
    assert lines[2].startswith("|  | MAE ↓ all | MAE ↓ many |")
    assert lines[4].startswith("| *VANILLA* |  |")
    assert lines[5].startswith("| VANILLA | 8.05 (7.77) |")
    assert lines[6].startswith("| VANILLA + RANKSIM | **7.37 ± 0.17** (7.13) |")
    assert len({line.count("|") for line in lines[2:40]}) == 1
    assert "in parentheses: published" in lines[-1]
    assert "(7.77)" not in layout_table(run, "ranksim/2").to_markdown()


def test_rows_that_differ_have_a_footnote(run: Run) -> None:
    table = layout_table(run, "ranksim/2")
    (focal,) = (row for row in table.rows if row.cells[0].text == "FOCAL-R")
    (note,) = (note for note in table.notes if note.footnote == focal.footnote)
    assert note.text == (
        "not comparable: differs from the row's protocol in batch_size, loss.beta, optimizer.lr"
    )


def test_all_rows_that_differ_alike_need_no_footnote(tmp_path: Path) -> None:
    write_run(tmp_path, {"m": [({**RANKSIM, "backbone.name": "small_cnn"}, [7.0])]}, resolved=True)
    table = layout_table(open_run(tmp_path), "ranksim/2")
    assert "not comparable: differs from the row's protocol in backbone.name" in notes(table)
    assert not any(row.footnote for row in table.rows)


def test_another_benchmark_is_named(tmp_path: Path) -> None:
    write_run(tmp_path, {"m": [({}, [7.43])]}, resolved=True)
    table = layout_table(open_run(tmp_path), "ranksim/3")
    assert "the paper used sts-b-dir, this run agedb-dir: only the layout is the same" in notes(
        table
    )


def test_a_synthetic_benchmark_replaces_its_original(tmp_path: Path) -> None:
    paths = write_run(tmp_path, {"m": [({}, [7.4])]}, resolved=True, synthetic=True)
    spec = (paths.spec.text() or "").replace("agedb-dir", "synthetic-agedb")
    paths.spec.write(spec.encode())
    table = layout_table(open_run(tmp_path), "ranksim/2")
    assert table.synthetic
    replaced = "the paper used agedb-dir, this run synthetic-agedb, its synthetic replacement"
    assert replaced in notes(table)
    assert "(SYNTHETIC DATA)" in table.to_markdown()


def test_long_form(run: Run) -> None:
    records = layout_records([fill(run, "ranksim/2"), fill(run, "ranksim/10")])
    rows = list(csv.DictReader(io.StringIO(records.to_csv())))
    assert len(rows) == (32 + 2) * 8 + 21 * 12
    first = rows[0]
    names = ("layout", "row", "metric", "region")
    assert [first[name] for name in names] == ["ranksim/2", "VANILLA", "mae", "all"]
    assert float(first["measured"]) == pytest.approx(8.05)
    assert (first["published"], first["num_seeds"], first["trial_ids"]) == ("7.77", "1", "m-4-0")
    assert rows[8 * 20]["measured"] == ""


@pytest.mark.parametrize("width", [80, 100, 160])
def test_console(run: Run, width: int) -> None:
    text = layout_table(run, "ranksim/2").to_text(width)
    assert "VANILLA + RANKSIM" in text
    assert "7.37" in text
    assert all(len(line) <= width for line in text.splitlines())
    assert "…" not in text


def test_a_table_without_results(run: Run, tmp_path: Path) -> None:
    empty = notes(layout_table(run, "conr/6"))
    assert empty[0] == "no row has results: no point of the run has the configuration of a row"
    file = tmp_path / "own.csv"
    file.write_text(
        "paper,table,row,benchmark,metric,region,value,config\n"
        'own,1,PLAIN,agedb-dir,delta1,all,0.9,"{}"\n',
        encoding="utf-8",
    )
    other = notes(layout_table(run, "own/1", extra=[file]))
    assert other[0] == "no row has results: the run measured none of the table's metrics"


def test_times_are_explained(tmp_path: Path) -> None:
    run = timed_run(tmp_path)
    table = layout_table(run, "conr/5", published=True)
    assert notes(table) == [
        "2 of 6 rows have results: time per epoch, validation included, median over the epochs of a"
        " trial (without the first of three or more, and later stages), mean over 1 to 2 seeds",
        "best of its section",
        "best of its column",
        "not comparable: differs from the row's protocol in device",
        "the paper does not state per what; RankSim's authors print the same times for one epoch",
        "times on different devices are not comparable: the paper measured on"
        " four NVIDIA GeForce GTX 1080 Ti, this run one trial on NVIDIA H100",
        "the time of the forward pass was not measured: the run is of an earlier build",
        "in parentheses: published",
    ]
    assert "| VANILLA | (12.2) | **33.0 ± 1.4** ◆ (31.5) |" in table.to_markdown()
    run.paths.provenance.delete()
    again = layout_table(open_run(tmp_path), "conr/5")
    assert "a device that was not recorded" in notes(again)[5]


def test_the_forward_pass_stands_beside_the_training_time(tmp_path: Path) -> None:
    table = layout_table(timed_run(tmp_path, forward=True), "conr/5", published=True)
    assert (
        "forward pass: an epoch's steps from the batch to the loss, with regularizers and the pass"
        " that FDS may need; without loading, the backward pass and validation"
    ) in notes(table)
    assert "| VANILLA | **8.2 ± 0.4** ◆ (12.2) | **33.0 ± 1.4** ◆ (31.5) |" in table.to_markdown()


def test_marks_are_explained(run: Run) -> None:
    caution = "best by the mean on the test split, as in the paper"
    assert caution in notes(layout_table(run, "ranksim/2"))
    assert caution not in notes(layout_table(run, "conr/6")), "nothing is marked"


def test_a_preview_says_so(tmp_path: Path) -> None:
    write_run(tmp_path, {"m": [({}, [7.0])]}, resolved=True)
    run = open_run(tmp_path)
    assert PREVIEW not in notes(layout_table(run, "ranksim/2"))
    assert PREVIEW not in report_page(run, figures=False)
    run.paths.spec.write(f"{run.paths.spec.text()}preview: true\n".encode())
    preview = open_run(tmp_path)
    assert notes(layout_table(preview, "ranksim/2"))[0] == PREVIEW
    assert PREVIEW in report_page(preview, figures=False)


def test_the_rows_that_sum_up_a_table(run: Run) -> None:
    table = layout_table(run, "ranksim/2", published=True)
    vanilla, yang = table.rows[-2:]
    assert [row.cells[0].text for row in (vanilla, yang)] == [
        "OURS vs. VANILLA",
        "OURS vs. Yang et al.",
    ]
    rows = {row.cells[0].text: row for row in table.rows}
    ours = min(
        float(row.cells[1].text)
        for name, row in rows.items()
        if name.endswith("+ RANKSIM") and row.cells[1].text
    )
    cell = vanilla.cells[1]
    value = rows["VANILLA"].cells[1].value
    assert isinstance(value, float)
    assert isinstance(cell.value, float)
    assert cell.value == pytest.approx(value - ours, abs=0.006)
    assert (cell.text[0] in "+-", cell.published) == (True, "+0.86")
    assert any(note.startswith("last rows: the best row without RankSim") for note in notes(table))
    assert len(layout_table(run, "ranksim/4").rows) == 5


def test_rows_of_two_test_sets_are_named(tmp_path: Path) -> None:
    simulate(tmp_path, {"s": [SimulatedPoint()]}, benchmark="sts-b-dir", metric="mse")
    text = (
        "the paper's rows are not from one test set: those quoted from Yang et al. 2021 have "
        "benchmark.split: yang, its own have benchmark.split: ranksim; this run has yang"
    )
    assert text in notes(layout_table(open_run(tmp_path), "ranksim/3"))
