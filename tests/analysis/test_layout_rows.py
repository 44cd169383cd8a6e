from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dirsweep.analysis.layout_rows import FilledRow, fill
from dirsweep.errors import StoreError
from dirsweep.run.collect import collect
from dirsweep.run.folder import TrialFolder
from dirsweep.run.provenance import write_provenance
from dirsweep.run.reader import Run, open_run
from tests.layout_run import RANKSIM, layout_run
from tests.made_up_run import write_run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return layout_run(tmp_path)


def rows_of(run: Run, name: str) -> dict[str, FilledRow]:
    return {row.label: row for row in fill(run, name).rows}


def place_of(row: FilledRow) -> tuple[str, int]:
    assert row.point is not None
    return row.point.study, row.point.index


def test_rows_take_the_points_with_their_configuration(run: Run) -> None:
    rows = rows_of(run, "ranksim/2")
    assert len(rows) == 32
    # the protocol of Table 2's VANILLA, quoted from Yang et al., is batch size 256 with lr 1e-3
    assert (place_of(rows["VANILLA"]), rows["VANILLA"].differs) == (("m", 4), ())
    ranksim = rows["VANILLA + RANKSIM"]
    assert ranksim.point is not None
    assert ranksim.point.label == "ranksim.gamma=100, ranksim.lambda=2"
    assert ranksim.differs == ()
    assert [cell.text for cell in ranksim.cells[:4]] == ["7.37", "6.63", "8.84", "11.79"]
    assert ranksim.cells[0].deviation == pytest.approx(0.24 / 2**0.5)
    assert ranksim.trial_ids == ("m-1-0", "m-1-1")
    assert rows["SQINV + LDS"].cells[0].num_seeds == 1
    assert rows["RRT"].point is None
    assert [cell.text for cell in rows["RRT"].cells] == [""] * 8


def test_published_numbers_are_there(run: Run) -> None:
    assert fill(run, "ranksim/2").rows[0].cells[0].published == "7.77"


def test_a_point_with_the_same_techniques_stands_in(run: Run) -> None:
    focal = rows_of(run, "ranksim/2")["FOCAL-R"]
    assert place_of(focal) == ("m", 5)
    assert focal.differs == ("batch_size", "loss.beta", "optimizer.lr")


def test_rows_that_differ_in_the_protocol_alone_take_the_closest(run: Run) -> None:
    rows = rows_of(run, "ranksim/8")
    assert place_of(rows["VANILLA"]) == ("m", 4)
    assert place_of(rows["VANILLA (batch size 64)"]) == ("m", 0)
    assert rows["VANILLA (batch size 64)"].differs == ()


def test_no_point_stands_in_where_a_table_varies_parameters(run: Run) -> None:
    layout = fill(run, "ranksim/10")
    filled = [(row.section, row.label) for row in layout.rows if row.filled]
    # RankSim on top of SQINV at gamma 100 and lambda 2, printed in both halves of the table
    assert filled == [("gamma", "gamma=100, lambda=2"), ("lambda", "gamma=100, lambda=2")]
    assert layout.num_filled == 2


def test_points_of_a_search_that_were_not_chosen_are_left_out(run: Run) -> None:
    row = rows_of(run, "ranksim/2")["SQINV"]
    assert place_of(row) == ("s", 0), "the chosen one of three equal ones"


def test_best_of_section_and_column(run: Run) -> None:
    rows = rows_of(run, "ranksim/2")
    labels = ("VANILLA", "VANILLA + RANKSIM", "FOCAL-R")
    assert [rows[label].cells[0].best_in_section for label in labels] == [False, True, False]
    assert rows["SQINV"].cells[0].best_in_section, "6.25 against 7.05"
    assert rows["SQINV"].cells[0].best_in_column
    assert not rows["VANILLA + RANKSIM"].cells[0].best_in_column


def test_percent_and_higher_is_better(tmp_path: Path) -> None:
    write_run(tmp_path, {"m": [({}, [7.43]), (RANKSIM, [7.0])]}, resolved=True)
    layout = fill(open_run(tmp_path), "ranksim/3")
    place = layout.columns.index(("pearson", "all", "%"))  # type: ignore[arg-type]
    cells = {row.label: row.cells[place] for row in layout.rows}
    assert cells["VANILLA"].text == "61.6", "1 - 7.68 / 20"
    assert cells["VANILLA + RANKSIM"].best_in_column
    # another benchmark's numbers do not belong to these results
    assert cells["VANILLA"].published == ""
    assert (layout.benchmark, layout.published_benchmark) == ("agedb-dir", "sts-b-dir")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ranksim", r"'ranksim': no table number; write one of ranksim/1, "),
        ("ranksim/40", "no published table 40 of ranksim"),
        ("ranksin/2", "no published results of paper 'ranksin'; did you mean 'ranksim'"),
        ("ranksim/x", "'x' is not a table number"),
    ],
)
def test_wrong_names(run: Run, name: str, message: str) -> None:
    with pytest.raises(StoreError, match=message):
        fill(run, name)


def test_nothing_finished(tmp_path: Path) -> None:
    write_run(tmp_path, {"s": [({}, ["failed"])]})
    with pytest.raises(StoreError, match="no complete trial"):
        fill(open_run(tmp_path), "ranksim/2")


def test_a_table_of_ones_own(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "own.csv"
    file.write_text(
        "paper,table,row,benchmark,metric,region,value,config\n"
        'own,1,PLAIN,agedb-dir,mae,few,12.345,"{}"\n',
        encoding="utf-8",
    )
    (row,) = fill(run, "own/1", extra=[file]).rows
    assert (row.cells[0].text, row.cells[0].published) == ("12.400", "12.345")


def timed_run(root: Path, *, forward: bool = False) -> Run:
    """A run whose epochs took known times; the last epoch is of a second stage.

    Forward passes take a quarter of them, or were not measured.
    """
    points: list[tuple[dict[str, Any], list[Any]]] = [({}, [7.4, 7.6]), (RANKSIM, [7.0, "failed"])]
    paths = write_run(root, {"m": points}, resolved=True, num_epochs=4)
    # where two epochs are left of the first stage, both count
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
                **({"forward_time_s": None if s is None else s / 4} if forward else {}),
            }
            for row, s in zip(folder.read_epochs(), seconds, strict=True)
        ]
        folder.write_epochs(rows)
    collect(paths)
    hardware = {"cpu": "a CPU", "gpus": [{"name": "NVIDIA H100"}]}
    write_provenance(paths, {"started_at": "x", "hardware": hardware})
    return open_run(root)


def test_time_of_an_epoch_by_method(tmp_path: Path) -> None:
    layout = fill(timed_run(tmp_path), "conr/5")
    assert layout.columns == (("forward_pass_s", "all", "s"), ("training_time_s", "all", "s"))
    rows = {row.label: row for row in layout.rows}
    assert list(rows) == ["VANILLA", "LDS", "FDS", "RankSim", "Balanced MSE", "ConR"]
    # the mean of the medians 32 and 34, each without the first epoch
    assert [cell.text for cell in rows["VANILLA"].cells] == ["", "33.0"]
    assert rows["VANILLA"].cells[1].deviation == pytest.approx(2**0.5)
    assert (rows["VANILLA"].cells[1].published, rows["VANILLA"].differs) == ("31.5", ("device",))
    assert (rows["RankSim"].cells[1].text, rows["RankSim"].cells[1].num_seeds) == ("41.0", 1)
    assert rows["VANILLA"].cells[1].best_in_column
    assert not rows["ConR"].filled


def test_time_of_the_forward_pass_by_method(tmp_path: Path) -> None:
    rows = {row.label: row for row in fill(timed_run(tmp_path, forward=True), "conr/5").rows}
    assert [cell.text for cell in rows["VANILLA"].cells] == ["8.2", "33.0"]
    assert rows["VANILLA"].cells[0].value == pytest.approx((32 + 34) / 2 / 4)
    assert rows["VANILLA"].cells[0].published == "12.2"
    assert [cell.text for cell in rows["RankSim"].cells] == ["10.2", "41.0"]
    assert rows["RankSim"].cells[0].value == pytest.approx(41 / 4)


def test_another_backbone_is_named(tmp_path: Path) -> None:
    write_run(tmp_path, {"m": [({**RANKSIM, "backbone.name": "small_cnn"}, [7.0])]}, resolved=True)
    row = rows_of(open_run(tmp_path), "ranksim/2")["VANILLA + RANKSIM"]
    assert row.differs == ("backbone.name",)
