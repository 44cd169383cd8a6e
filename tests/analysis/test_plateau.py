from __future__ import annotations

from pathlib import Path

import pytest

from dirsweep.analysis.main_effects import main_effects
from dirsweep.analysis.plateau import plateau
from dirsweep.report.claims import claims
from dirsweep.run.reader import open_run
from tests.simulated_run import SimulatedPoint, simulate

GAMMA, LAMBDA = "regularizers.ranksim.gamma", "regularizers.ranksim.lambda"


def grid_run(root: Path, shift: float = 0.0) -> None:
    """A grid around the base; ``shift`` is added to the errors of the largest gamma."""
    grid = [
        SimulatedPoint({GAMMA: g, LAMBDA: lam}, {"all": shift if g == 100 else 0.0})
        for g in (1, 10, 100)
        for lam in (1, 2)
    ]
    base = {"regularizers": {"ranksim": {"gamma": 10, "lambda": 2}}}
    simulate(
        root,
        {"grid": grid, "without": [SimulatedPoint({GAMMA: 3})]},
        base=base,
        noise=0.2,
        seed_deviation=0.05,
    )


def test_the_default_on_the_plateau(tmp_path: Path) -> None:
    grid_run(tmp_path / "flat")
    flat = plateau(open_run(tmp_path / "flat"), "grid")
    assert flat is not None
    assert (flat.default.point, flat.overlap) == (3, True)
    assert flat.is_best or flat.on_plateau is not None

    grid_run(tmp_path / "steep", -2.0)
    steep = plateau(open_run(tmp_path / "steep"), "grid")
    assert steep is not None
    assert not steep.is_best
    assert (steep.overlap, steep.on_plateau) == (False, False)
    assert steep.difference is not None
    assert steep.difference.difference < -1.5
    assert steep.difference.num_comparisons == 5
    assert steep.difference.p_corrected == pytest.approx(5 * (steep.difference.p or 0))
    assert steep.difference.separable
    assert plateau(open_run(tmp_path / "steep"), "without") is None


def test_the_default_is_judged_by_the_studys_own_objective(tmp_path: Path) -> None:
    """By the sweep's own objective the default would be the best."""
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
        "s: by validation few-shot MAE, the base (epochs=90) does not lie on the plateau: it is "
        "worse than the best ("
    )
    broken = plateau(run, "bound")
    assert broken is not None
    assert (broken.on_plateau, broken.difference, broken.breaks) == (
        None,
        None,
        ("mae/few at_most 4",),
    )
    (claim,) = [claim for claim in claims(run, ["bound"]) if claim.kind == "default"]
    assert claim.text == "bound: the base (epochs=90) violates a constraint (mae/few at_most 4)."
    assert not claim.claimed
