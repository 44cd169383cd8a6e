from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dirsweep.analysis.main_effects import main_effects
from dirsweep.analysis.plateau import plateau
from dirsweep.report.claims import claims
from dirsweep.run.reader import open_run
from tests.simulated_run import SimulatedPoint, simulate

GAMMA, LAMBDA, CONR = (
    "regularizers.ranksim.gamma",
    "regularizers.ranksim.lambda",
    "regularizers.conr",
)


def made(root: Path, shift: float = 0.0) -> None:
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
    made(tmp_path, 1.0)
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


def test_the_default_on_the_plateau(tmp_path: Path) -> None:
    made(tmp_path / "flat")
    flat = plateau(open_run(tmp_path / "flat"), "grid")
    assert flat is not None
    assert (flat.default.point, flat.overlap) == (3, True)
    assert flat.is_best or flat.on_plateau is not None

    made(tmp_path / "steep", -2.0)
    steep = plateau(open_run(tmp_path / "steep"), "grid")
    assert steep is not None
    assert not steep.is_best
    assert (steep.overlap, steep.on_plateau) == (False, False)
    assert steep.difference is not None
    assert steep.difference.difference < -1.5
    assert steep.difference.num_comparisons == 5
    assert steep.difference.p_corrected == pytest.approx(5 * (steep.difference.p or 0))
    assert steep.difference.separable
    assert plateau(open_run(tmp_path / "steep"), "search") is None


def test_the_place_of_the_default_is_judged_by_what_the_search_is_after(tmp_path: Path) -> None:
    """Few-shot errors fall where the errors of all rise: by the sweep's own metric the default
    would be the best.
    """
    few = {"metric": "mae", "region": "few"}
    points = [
        SimulatedPoint({"epochs": 90}),
        SimulatedPoint({"epochs": 50}, {"many": 2.0, "median": 2.0, "few": -2.5}),
        SimulatedPoint({"epochs": 10}, {"all": 1.0}),
    ]
    space = {"space": {"epochs": {"int": [1, 99]}}, "objectives": [few]}
    bound = {**space, "constraints": [{**few, "at_most": 4.0}]}
    simulate(
        tmp_path,
        {"s": points, "bound": points},
        specs={"s": space, "bound": bound},
        seed_deviation=0.05,
        noise=0.2,
        names=["mae"],
    )
    run = open_run(tmp_path)
    found = plateau(run, "s")
    assert found is not None
    assert (found.default.point, found.best.point, found.best.region) == (0, 1, "few")
    assert (found.on_plateau, found.breaks) == (False, ())
    assert {item.interval.region for item in main_effects(run, "s")} == {"few"}
    (said,) = [claim.text for claim in claims(run, ["s"]) if claim.kind == "default"]
    assert said.startswith(
        "s: by validation few-shot MAE the default (epochs=90) is worse than the best ("
    )
    broken = plateau(run, "bound")
    assert broken is not None
    assert (broken.on_plateau, broken.difference, broken.breaks) == (
        None,
        None,
        ("mae/few at_most 4",),
    )
    (claim,) = [claim for claim in claims(run, ["bound"]) if claim.kind == "default"]
    assert claim.text == "bound: the default (epochs=90) violates a constraint (mae/few at_most 4)."
    assert not claim.claimed
