from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from made_up_run import write_run
from rich.console import Console

from dirsweep.errors import StoreError
from dirsweep.report.html import html
from dirsweep.report.layouts import PREVIEW, comma_separated, fill, markdown, rendered
from dirsweep.run.collect import collect
from dirsweep.run.folder import TrialFolder
from dirsweep.run.provenance import write_provenance
from dirsweep.run.reader import Run, open_run

RANKSIM = {"regularizers.ranksim.gamma": 100.0, "regularizers.ranksim.lambda": 2.0}
LDS = {
    "reweighting.name": "lds",
    "reweighting.base": "sqinv",
    "reweighting.kernel": "gaussian",
    "reweighting.kernel_size": 5,
    "reweighting.sigma": 2.0,
}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    points: list[tuple[dict[str, Any], list[Any]]] = [
        ({}, [7.4, 7.6]),
        (RANKSIM, [7.0, 7.24]),
        ({"reweighting.name": "sqinv", **RANKSIM}, [6.9, 6.7]),
        (LDS, [7.3, "failed"]),
        ({"batch_size": 256, "optimizer.lr": 1e-3}, [7.8]),
        ({"loss.name": "focal_r", "loss.beta": 0.5}, [7.1]),
    ]
    write_run(
        tmp_path,
        {"m": points, "s": [({"reweighting.name": "sqinv"}, [6.0])] * 3},
        searches=["s"],
        resolved=True,
    )
    return open_run(tmp_path)


def found(run: Run, name: str) -> dict[str, Any]:
    return {row.label: row for row in fill(run, name).rows}


def test_rows_take_the_points_with_their_configuration(run: Run) -> None:
    rows = found(run, "ranksim/2")
    assert len(rows) == 32
    vanilla = rows["VANILLA"]
    # the protocol of Table 2's VANILLA, quoted from Yang et al., is batch size 256 with lr 1e-3
    assert (vanilla.study, vanilla.point, vanilla.differs) == ("m", 4, ())
    assert rows["VANILLA + RANKSIM"].point_label == "gamma=100, lambda=2"
    assert rows["VANILLA + RANKSIM"].differs == ()
    assert [cell.text for cell in rows["VANILLA + RANKSIM"].cells[:4]] == [
        "7.37",
        "6.63",
        "8.84",
        "11.79",
    ]
    assert rows["VANILLA + RANKSIM"].cells[0].deviation == pytest.approx(0.24 / 2**0.5)
    assert rows["VANILLA + RANKSIM"].trial_ids == ("m-1-0", "m-1-1")
    assert rows["SQINV + LDS"].cells[0].num_seeds == 1
    assert rows["RRT"].point is None
    assert [cell.text for cell in rows["RRT"].cells] == [""] * 8


def test_the_same_techniques_stand_in_and_say_so(run: Run) -> None:
    focal = found(run, "ranksim/2")["FOCAL-R"]
    assert (focal.point, focal.differs) == (5, ("loss.beta", "batch_size", "optimizer.lr"))
    layout = fill(run, "ranksim/2")
    mark = layout.marks()[focal.differs]
    assert (
        f"{mark}: differs from what the paper states in loss.beta, batch_size, optimizer.lr"
        in layout.notes
    )


def test_rows_that_differ_in_the_protocol_alone_take_the_closest(run: Run) -> None:
    rows = found(run, "ranksim/8")
    assert rows["VANILLA"].point == 4
    assert rows["VANILLA (batch size 64)"].point == 0
    assert rows["VANILLA (batch size 64)"].differs == ()


def test_where_a_table_varies_parameters_nothing_stands_in(run: Run) -> None:
    layout = fill(run, "ranksim/10")
    filled = [(row.section, row.label) for row in layout.rows if row.filled]
    # RankSim on top of SQINV at gamma 100 and lambda 2, printed in both halves of the table
    assert filled == [("gamma", "gamma=100, lambda=2"), ("lambda", "gamma=100, lambda=2")]
    assert layout.num_filled == 2


def test_points_of_a_search_that_were_not_chosen_are_left_out(run: Run) -> None:
    assert found(run, "ranksim/2")["SQINV"].point == 0, "the chosen one of three equal ones"
    assert found(run, "ranksim/2")["SQINV"].study == "s"


def test_best_of_section_and_column(run: Run) -> None:
    rows = found(run, "ranksim/2")
    assert [
        rows[label].cells[0].best_in_section
        for label in ("VANILLA", "VANILLA + RANKSIM", "FOCAL-R")
    ] == [
        False,
        True,
        False,
    ]
    assert rows["SQINV"].cells[0].best_in_section, "6.25 against 7.05"
    assert rows["SQINV"].cells[0].best_in_column
    assert not rows["VANILLA + RANKSIM"].cells[0].best_in_column


def test_published_beside_measured(run: Run) -> None:
    layout = fill(run, "ranksim/2")
    assert layout.rows[0].cells[0].published == "7.77"
    lines = markdown(layout, beside=True, deviation=False).splitlines()
    assert (
        lines[0]
        == "### ranksim/2 · RankSim beside four base methods, with LDS and FDS, on AgeDB-DIR · made-up"
    )
    assert lines[2].startswith("|  | MAE ↓ all | MAE ↓ many |")
    assert lines[4].startswith("| *VANILLA* |  |")
    assert lines[5].startswith("| VANILLA | 8.05 (7.77) |")
    assert lines[6].startswith("| VANILLA + RANKSIM | **7.37** (7.13) |")
    assert len({line.count("|") for line in lines[2:40]}) == 1


def test_markdown_escapes_pipes(run: Run) -> None:
    from dataclasses import replace

    layout = fill(run, "ranksim/2")
    row = replace(layout.rows[0], label="a | b")
    text = markdown(replace(layout, rows=(row,)), deviation=False)
    assert "| a \\| b | 8.05 |" in text


def test_percent_and_higher_is_better(tmp_path: Path) -> None:
    write_run(tmp_path, {"m": [({}, [7.43]), (RANKSIM, [7.0])]}, resolved=True)
    layout = fill(open_run(tmp_path), "ranksim/3")
    at = layout.columns.index(("pearson", "all", "%"))
    cells = {row.label: row.cells[at] for row in layout.rows}
    assert cells["VANILLA"].text == "61.6", "1 - 7.68 / 20"
    assert cells["VANILLA + RANKSIM"].best_in_column
    # another benchmark's numbers are not put beside these
    assert cells["VANILLA"].published == ""
    assert (
        "the paper's is of sts-b-dir, this run of agedb-dir, which has the same layout only"
        in layout.notes
    )


def test_synthetic_stands_in_for_its_benchmark(tmp_path: Path) -> None:
    paths = write_run(tmp_path, {"m": [({}, [7.4])]}, resolved=True, synthetic=True)
    paths.spec.write(paths.spec.text().replace("agedb-dir", "synthetic-agedb").encode())
    layout = fill(open_run(tmp_path), "ranksim/2")
    assert layout.synthetic
    assert any(
        "this run of synthetic-agedb, which stands in for it" in note for note in layout.notes
    )
    assert "(SYNTHETIC DATA)" in markdown(layout)


def test_long_form(run: Run) -> None:
    rows = list(
        csv.DictReader(
            io.StringIO(comma_separated([fill(run, "ranksim/2"), fill(run, "ranksim/10")]))
        )
    )
    assert len(rows) == 32 * 8 + 21 * 12
    first = rows[0]
    assert (first["layout"], first["row"], first["metric"], first["region"]) == (
        "ranksim/2",
        "VANILLA",
        "mae",
        "all",
    )
    assert float(first["measured"]) == pytest.approx(8.05)
    assert (first["published"], first["num_seeds"], first["trial_ids"]) == ("7.77", "1", "m-4-0")
    assert rows[8 * 20]["measured"] == ""


@pytest.mark.parametrize("width", [80, 100, 160])
def test_console(run: Run, width: int) -> None:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(rendered(fill(run, "ranksim/2"), width))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "VANILLA + RANKSIM" in text
    assert "7.37" in text
    assert all(len(line.rstrip()) <= width for line in text.splitlines())
    assert "…" not in text


def test_a_table_of_which_nothing_was_run(run: Run, tmp_path: Path) -> None:
    layout = fill(run, "ranksim/4")
    assert layout.num_filled == 0
    assert (
        layout.notes[0]
        == "not one row of this table was run: no point has the configuration of a row"
    )
    file = tmp_path / "own.csv"
    text = 'paper,table,row,benchmark,metric,region,value,config\nown,1,PLAIN,agedb-dir,delta1,all,0.9,"{}"\n'
    file.write_text(text, encoding="utf-8")
    assert (
        fill(run, "own/1", extra=[file]).notes[0]
        == "the run has rows of this table, but none of its metrics"
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ranksim", r"'ranksim': which table\? \(known: ranksim/1, "),
        ("ranksim/40", "no published table 40 of ranksim"),
        ("ranksin/2", "no published results of paper 'ranksin'; did you mean 'ranksim'"),
        ("ranksim/x", "no table number"),
    ],
)
def test_wrong_names(run: Run, name: str, message: str) -> None:
    with pytest.raises(StoreError, match=message):
        fill(run, name)


def test_nothing_finished(tmp_path: Path) -> None:
    write_run(tmp_path, {"s": [({}, ["failed"])]})
    with pytest.raises(StoreError, match="no finished trial"):
        fill(open_run(tmp_path), "ranksim/2")


def test_a_table_of_ones_own(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "own.csv"
    file.write_text(
        'paper,table,row,benchmark,metric,region,value,config\nown,1,PLAIN,agedb-dir,mae,few,12.345,"{}"\n',
        encoding="utf-8",
    )
    (row,) = fill(run, "own/1", extra=[file]).rows
    assert (row.cells[0].text, row.cells[0].published) == ("12.400", "12.345")


def test_time_of_an_epoch_by_method(tmp_path: Path) -> None:
    points: list[tuple[dict[str, Any], list[Any]]] = [({}, [7.4, 7.6]), (RANKSIM, [7.0, "failed"])]
    paths = write_run(tmp_path, {"m": points}, resolved=True, num_epochs=4)
    # the last epoch is of a second stage; where two are left of the first, both count
    times: dict[str, list[float | None]] = {
        "m-0-0": [90, 30, 34, 5],
        "m-0-1": [80, 34, 34, 5],
        "m-1-0": [None, 40, 42, 5],
    }
    for trial, seconds in times.items():
        folder = TrialFolder(paths.trial(trial))
        rows = [
            {
                **row,
                "epoch_time_s": None if s is None else float(s),
                "stage": int(row["epoch"] == 3),
            }
            for row, s in zip(folder.read_epochs(), seconds, strict=True)
        ]
        folder.write_epochs(rows)
    collect(paths)
    write_provenance(
        paths, {"started_at": "x", "hardware": {"cpu": "a CPU", "gpus": [{"name": "NVIDIA H100"}]}}
    )
    run = open_run(tmp_path)
    layout = fill(run, "conr/5")
    assert layout.columns == (("forward_pass_s", "all", "s"), ("training_time_s", "all", "s"))
    rows = {row.label: row for row in layout.rows}
    assert list(rows) == ["VANILLA", "LDS", "FDS", "RankSim", "Balanced MSE", "ConR"]
    assert [cell.text for cell in rows["VANILLA"].cells] == [
        "",
        "33.0",
    ]  # the mean of the medians 32 and 34, each without the first epoch
    assert rows["VANILLA"].cells[1].deviation == pytest.approx(2**0.5)
    assert (rows["VANILLA"].cells[1].published, rows["VANILLA"].differs) == ("31.5", ("device",))
    assert (rows["RankSim"].cells[1].text, rows["RankSim"].cells[1].num_seeds) == ("41.0", 1)
    assert rows["VANILLA"].cells[1].best_in_column
    assert not rows["ConR"].filled
    assert layout.notes == (
        "2 of 6 rows were run; bold: best of its section, ★: best of its column; time of an epoch, validation "
        "included, median over a trial's epochs, the first of three or more and later stages left out, "
        "mean over 1 to 2 seeds",
        "differs from what the paper states in device",
        "the paper does not say per what; read here as one epoch",
        "times do not compare across devices: the paper's are of four NVIDIA GeForce GTX 1080 Ti, "
        "these of one trial on NVIDIA H100",
        "the forward pass alone is not measured",
    )
    assert "| VANILLA |  | **33.0 ± 1.4** ★ (31.5) |".replace("|  |", "| (12.2) |") in markdown(
        layout, beside=True
    )
    paths.provenance.delete()
    assert "a device that was not recorded" in fill(open_run(tmp_path), "conr/5").notes[3]


def test_what_is_best_on_test_says_so(run: Run) -> None:
    note = (
        "best by these very figures, as the paper marks it: what is more than noise, the claims say"
    )
    assert note in fill(run, "ranksim/2").notes
    assert note not in fill(run, "ranksim/4").notes, "nothing is marked where nothing was run"


def test_another_backbone_is_named(tmp_path: Path) -> None:
    write_run(tmp_path, {"m": [({**RANKSIM, "backbone.name": "small_cnn"}, [7.0])]}, resolved=True)
    layout = fill(open_run(tmp_path), "ranksim/2")
    row = next(row for row in layout.rows if row.label == "VANILLA + RANKSIM")
    assert row.differs == ("backbone.name",)
    assert "differs from what the paper states in backbone.name" in layout.notes


def test_a_preview_says_so(tmp_path: Path) -> None:
    write_run(tmp_path, {"m": [({}, [7.0])]}, resolved=True)
    run = open_run(tmp_path)
    assert PREVIEW not in fill(run, "ranksim/2").notes
    assert PREVIEW not in html(run, figures=False)
    run.spec["preview"] = True
    assert fill(run, "ranksim/2").notes[0] == PREVIEW
    assert PREVIEW in html(run, figures=False)
