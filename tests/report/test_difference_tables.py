from __future__ import annotations

from pathlib import Path

from dirsweep.analysis.effects import effects_of_run
from dirsweep.report.difference_tables import baseline_table, effects_table, study_effects_table
from dirsweep.report.table import Mark
from dirsweep.run.reader import open_run
from tests.simulated_run import SimulatedPoint, simulate

RANKSIM = "regularizers.ranksim"


def test_effects_and_differences(tmp_path: Path) -> None:
    points = [
        SimulatedPoint(),
        SimulatedPoint({RANKSIM: True}, {"few": -3.0}),
        SimulatedPoint({"loss.name": "mse"}, {"all": 2.0}),
    ]
    run = open_run(simulate(tmp_path, {"s": points}, num_samples=200, seed_deviation=0.05).root)
    table = study_effects_table(run, "s")
    assert table is not None
    cells = dict(
        zip(
            (cell.text for cell in table.column("technique")),
            table.column("test_mae_few"),
            strict=True,
        )
    )
    helped, harmed = cells["RankSim (1 pair)"], cells["MSE (1 pair)"]
    assert helped.marks == {Mark.BETTER}
    assert harmed.marks == {Mark.WORSE}
    assert isinstance(helped.value, float)
    assert -3.3 < helped.value < -2.7
    assert helped.interval is not None
    assert helped.interval[0] < helped.value < helped.interval[1]
    tested = "p < 0.001 (corrected: 0.002)"  # three points inform no pool
    assert helped.detail == f"{helped.interval_text} {tested}"
    assert helped.interval_text.startswith("[-3.")
    assert [(note.text, note.mark) for note in table.notes[1:]] == [
        ("better (corrected p < 0.05)", Mark.BETTER),
        ("worse (corrected p < 0.05)", Mark.WORSE),
        (
            "p-values of one comparison; in brackets: corrected (Holm) for 8 comparisons "
            "(points of s against base, 4 regions)",
            None,
        ),
        ("test samples: all 200, many 77, median 42, few 81", None),
    ]
    place = [cell.text for cell in table.column("technique")].index("RankSim (1 pair)")
    assert table.column("test_mae_many")[place].marks == frozenset()

    against = baseline_table(run, "s")
    assert against is not None
    assert against.title == "Differences to base"
    labels = [cell.text for cell in against.column("point")]
    assert labels == ["ranksim", "loss=mse"]
    assert not against.collapsed


def test_one_seed_has_no_p_values(tmp_path: Path) -> None:
    points = [SimulatedPoint(seeds=(0,)), SimulatedPoint({RANKSIM: True}, seeds=(0,))]
    run = open_run(simulate(tmp_path, {"s": points}).root)
    table = study_effects_table(run, "s")
    assert table is not None
    assert [note.text for note in table.notes[1:]] == [
        "no p-values from one seed",
        "test samples: all 200, many 77, median 42, few 81",
    ]
    assert "no p-value" in table.column("test_mae_all")[0].remark


def test_nothing_to_compare(tmp_path: Path) -> None:
    run = open_run(simulate(tmp_path, {"s": [SimulatedPoint({"epochs": 5})]}).root)
    assert study_effects_table(run, "s") is None
    assert baseline_table(run, "s") is None
    assert effects_table(effects_of_run(run)) is None
