from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from dirsweep.analysis.importance import importances
from dirsweep.analysis.main_effects import main_effects
from dirsweep.report.importance_tables import (
    importance_table,
    interactions_table,
    main_effects_table,
)
from dirsweep.run.reader import Run, open_run
from tests.simulated_run import SimulatedPoint, simulate

KEYS = ("batch_size", "epochs")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A grid of two by two in which one corner stands out."""
    grid = [
        SimulatedPoint(dict(zip(KEYS, pair, strict=True)), {"all": float(pair == (64, 90))})
        for pair in product((32, 64), (80, 90))
    ]
    return open_run(simulate(tmp_path, {"grid": grid}, seed_deviation=0.01, noise=0.01).root)


def test_main_effects(run: Run) -> None:
    table = main_effects_table(run, "grid")
    assert table is not None
    assert table.collapsed
    levels = zip(table.column("key"), table.column("value"), strict=True)
    assert [(key.text, value.text) for key, value in levels] == [
        (item.key, item.level) for item in main_effects(run, "grid")
    ]
    means = table.column("val_mae_all")
    assert [cell.value for cell in means] == [i.interval.mean for i in main_effects(run, "grid")]
    assert all(cell.interval is not None for cell in means)
    assert [cell.value for cell in table.column("num_points")] == [2, 2, 2, 2]


def test_interactions(run: Run) -> None:
    table = interactions_table(run, "grid")
    assert table is not None
    assert [cell.text for cell in table.column("keys")] == ["batch_size × epochs"]
    (share,) = table.column("share")
    assert share.value == pytest.approx(1 / 3, abs=0.05)
    assert share.text == f"{share.value:.0%}"
    assert "over all combinations; 4 points" in table.notes[0].text


def test_importance(tmp_path: Path) -> None:
    points = [
        SimulatedPoint({"epochs": e, "batch_size": b}, {"all": e / 10})
        for e in (10, 20, 30, 40)
        for b in (16, 32, 64)
    ]
    run = open_run(simulate(tmp_path, {"s": points}).root)
    table = importance_table(run, "s")
    assert table is not None
    assert table.column("key")[0].text == "epochs"
    share = table.column("fanova")[0]
    assert isinstance(share.value, float)
    assert share.value > 0.8
    assert share.text.endswith("%")
    assert [cell.value for cell in table.column("p")] == [item.p for item in importances(run, "s")]
    assert [cell.text for cell in table.column("p")] == ["< 0.001", "1.00"]
    assert [cell.text for cell in table.column("matters")] == ["yes", "no"]
    assert [cell.value for cell in table.column("num_points")] == [12, 12]
    assert [note.text for note in table.notes] == [
        "fANOVA: share of the objective's variance; PED-ANOVA: share of what decides whether a"
        " point is among the best",
        "from 12 points, with 36 trials",
        "p: chance of an effect as strong where no parameter has one, by ranks, from 1,999"
        " shuffles of the points; below 0.05 the effect is beyond chance",
        "each parameter is tested by itself: of those that are set together, the test cannot tell"
        " which acts",
    ]


def test_importance_says_what_is_left_out(tmp_path: Path) -> None:
    """Of 8 points one failed, and a parameter exists in three: too few to judge it."""
    beta = "regularizers.conr.beta"
    points = [SimulatedPoint({"epochs": e}, {"all": float(e % 3)}, seeds=(0,)) for e in range(1, 6)]
    points += [SimulatedPoint({"epochs": 9, beta: b}, seeds=(0,)) for b in (1.0, 2.0, 3.0)]
    space = {"epochs": {"int": [1, 9]}, beta: {"uniform": [0.0, 4.0]}}
    spec = {"space": space, "seeds": [0]}
    run = open_run(simulate(tmp_path, {"s": points}, specs={"s": spec}).root)
    table = importance_table(run, "s")
    assert table is not None
    assert [cell.text for cell in table.column("key")] == ["epochs", beta]
    assert [cell.text for cell in table.column("fanova")][1] == "–"
    assert [cell.text for cell in table.column("matters")] == ["no", "–"]
    notes = [note.text for note in table.notes]
    assert notes[1] == "from 8 points, with 8 trials"
    assert "a parameter that some points lack is judged among the others alone" in notes
    assert "no parameter has an effect beyond chance" in notes
    assert notes[-1] == f"{beta} is left out: in 3 of 8 points, 4 are needed"


def test_too_few_points(tmp_path: Path) -> None:
    run = open_run(simulate(tmp_path, {"s": [SimulatedPoint()]}).root)
    assert importance_table(run, "s") is None
    assert main_effects_table(run, "s") is None
    assert interactions_table(run, "s") is None
