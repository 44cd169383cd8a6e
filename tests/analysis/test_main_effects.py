from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dirsweep.analysis.main_effects import main_effects
from dirsweep.run.reader import open_run
from tests.simulated_run import SimulatedPoint, simulate

GAMMA, LAMBDA, CONR = (
    "regularizers.ranksim.gamma",
    "regularizers.ranksim.lambda",
    "regularizers.conr",
)


def write_run(root: Path, shift: float = 0.0) -> None:
    base = {"regularizers": {"ranksim": {"gamma": 10, "lambda": 2}}}
    grid = [
        SimulatedPoint({GAMMA: g, LAMBDA: lam}, {"all": shift if g == 100 else 0.0})
        for g in (1, 10, 100)
        for lam in (1, 2)
    ]
    rng = np.random.default_rng(0)
    search = [
        SimulatedPoint({"optimizer.lr": float(10 ** rng.uniform(-5, -2))}, seeds=(0,))
        for _ in range(20)
    ]
    switch = [
        SimulatedPoint(),
        SimulatedPoint({CONR: True}),
        SimulatedPoint({CONR: False}),
        SimulatedPoint({"loss.name": "mse"}, {"all": 1.0}),
    ]
    simulate(
        root,
        {"grid": grid, "search": search, "switch": switch},
        base=base,
        noise=0.2,
        seed_deviation=0.05,
        specs={"search": {"space": {"optimizer.lr": {"log_uniform": [1e-5, 1e-2]}}}},
    )


def test_main_effects(tmp_path: Path) -> None:
    write_run(tmp_path, 1.0)
    run = open_run(tmp_path)
    found = main_effects(run, "grid")
    assert [(item.key, item.level, item.points) for item in found] == [
        (GAMMA, "1", (0, 1)),
        (GAMMA, "10", (2, 3)),
        (GAMMA, "100", (4, 5)),
        (LAMBDA, "1", (0, 2, 4)),
        (LAMBDA, "2", (1, 3, 5)),
    ]
    table = {row["trial_id"]: row["val_mae_all"] for row in run.trials().to_pylist()}
    assert found[2].interval.mean == pytest.approx(
        np.mean([table[f"grid-{i}-{s}"] for i in (4, 5) for s in range(3)])
    )
    assert found[2].interval.low is not None
    assert found[1].interval.high is not None
    assert found[2].interval.low > found[1].interval.high
    levels = main_effects(run, "search")
    assert [len(item.points) for item in levels] == [4] * 5
    assert levels[0].level.startswith("1.")
    assert max(levels[0].values) < min(levels[1].values)
    assert {item.interval.basis for item in levels} == {"samples"}
    switch = main_effects(run, "switch")
    assert [(item.level, item.points) for item in switch if item.key == CONR] == [
        ("off", (0, 2, 3)),
        ("on", (1,)),
    ]
    assert [(item.level, item.points) for item in switch if item.key == "loss.name"] == [
        ("l1", (0, 1, 2)),
        ("mse", (3,)),
    ]


def test_changes_are_the_same_nested_dotted_or_by_name_alone(tmp_path: Path) -> None:
    levels = []
    written = (
        [{"optimizer": {"lr": 0.1}}, {"loss": "mse"}, {"reweighting": {"name": "lds"}}],
        [{"optimizer.lr": 0.1}, {"loss.name": "mse"}, {"reweighting.name": "lds"}],
    )
    for number, points in enumerate(written):
        root = tmp_path / str(number)
        simulate(root, {"m": [SimulatedPoint(), *map(SimulatedPoint, points)]})
        run = open_run(root)
        levels.append([(item.key, item.level, item.points) for item in main_effects(run, "m")])
    assert levels[0] == levels[1]
    # the points that leave a key alone have the value of the base
    assert [level for key, level, _ in levels[0] if key == "loss.name"] == ["l1", "mse"]
    assert {key for key, _, _ in levels[0]} == {"optimizer.lr", "loss.name", "reweighting.name"}
