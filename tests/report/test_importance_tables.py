from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

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
    assert table.notes[0].text == "share of the objective's variance over 12 points"


def test_too_few_points(tmp_path: Path) -> None:
    run = open_run(simulate(tmp_path, {"s": [SimulatedPoint()]}).root)
    assert importance_table(run, "s") is None
    assert main_effects_table(run, "s") is None
    assert interactions_table(run, "s") is None
