from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from dirsweep.analysis.importance import importance_basis, importances, rebuilt_study
from dirsweep.analysis.interactions import interactions
from dirsweep.analysis.parameters import measured_points, parameters_of
from dirsweep.run.reader import Run, open_run
from tests.simulated_run import SimulatedPoint, simulate

LR, SIZE, CONR, BETA = "optimizer.lr", "batch_size", "regularizers.conr", "regularizers.conr.beta"
SPACE = {
    "space": {
        LR: {"log_uniform": [1e-5, 1e-2]},
        SIZE: {"choice": [16, 64]},
        CONR: {"choice": [False, True]},
        BETA: {"uniform": [0.0, 4.0]},
        "epochs": {"int": [1, 9]},
    }
}


def drawn(num: int) -> list[SimulatedPoint]:
    """The error follows the learning rate; batch size matters with small rates only; beta matters
    where conr is on.
    """
    rng = np.random.default_rng(0)
    points = []
    for _ in range(num):
        lr, size, on = (
            float(10 ** rng.uniform(-5, -2)),
            int(rng.choice([16, 64])),
            bool(rng.random() < 0.6),
        )
        overrides = {LR: lr, SIZE: size, CONR: on, "epochs": int(rng.integers(1, 10))}
        shift = abs(np.log10(lr) + 3) + (1.5 if size == 64 and lr < 1e-4 else 0.0)
        if on:
            overrides[BETA] = float(rng.uniform(0, 4))
            shift += overrides[BETA] / 2
        points.append(SimulatedPoint(overrides, {"all": shift}, seeds=(0,)))
    return points


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("importance")
    gamma, lambda_ = "regularizers.ranksim.gamma", "regularizers.ranksim.lambda"
    grid = [
        SimulatedPoint({gamma: g, lambda_: lam}, {"all": 0.5 * i + (1.0 if g == lam == 100 else 0)})
        for i, g in enumerate((1, 10, 100))
        for lam in (1, 100)
    ]
    simulate(
        folder,
        {
            "search": drawn(50),
            "grid": grid,
            "one": [SimulatedPoint(), *(SimulatedPoint({gamma: g}) for g in (1, 10))],
            "flat": [SimulatedPoint({"epochs": 1})] * 4,
        },
        num_samples=40,
        noise=0.05,
        seed_deviation=0.02,
        specs={"search": SPACE},
        names=("mae",),
    )
    return folder


def test_the_study_is_rebuilt_as_it_was(root: Path) -> None:
    run = open_run(root)
    points = measured_points(run, "search")
    found = parameters_of(run, "search").distributions()
    assert found[LR] == FloatDistribution(1e-5, 1e-2, log=True)
    assert found[SIZE].choices in ((16, 64), (64, 16))  # type: ignore[attr-defined]
    assert isinstance(found[CONR], CategoricalDistribution)
    assert found[BETA] == FloatDistribution(0.0, 4.0)
    assert found["epochs"] == IntDistribution(1, 9)
    trials = rebuilt_study(run, "search").trials
    assert len(trials) == 50
    for trial, point in zip(trials, points, strict=True):
        assert trial.value == point.mean("val_mae_all")
        assert trial.params == point.overrides


def test_what_matters_is_found(root: Path) -> None:
    run = open_run(root)
    found = importances(run, "search")
    by_key = {item.key: item for item in found}
    assert set(by_key) == {LR, SIZE, CONR, BETA, "epochs"}
    assert {found[0].key, found[1].key} == {LR, BETA}
    assert (by_key[LR].fanova or 0) > 5 * (by_key["epochs"].fanova or 0)
    assert (by_key[LR].ped_anova or 0) > (by_key["epochs"].ped_anova or 0)
    assert all(0 <= (item.ped_anova or 0) <= 1 and 0 <= (item.fanova or 0) <= 1 for item in found)
    # beta exists where conr is on
    assert by_key[BETA].num_points == sum(
        point.overrides[CONR] for point in measured_points(run, "search")
    )
    assert by_key[LR].num_points == 50
    assert importances(open_run(root), "search") == found
    # what matters is beyond chance, what does not is not; conr brings beta, so it matters
    assert {item.key for item in found if item.matters} == {LR, CONR, BETA}
    assert [item.matters for item in found] == sorted((i.matters for i in found), reverse=True)
    basis = importance_basis(run, "search")
    assert (basis.num_points, basis.num_trials, basis.num_proposed) == (50, 50, 50)
    assert basis.left_out == {}


def inert(root: Path, num_points: int, num_studies: int) -> Run:
    """Studies in which the learning rate matters and three parameters do not."""
    studies = {}
    for number in range(num_studies):
        rng = np.random.default_rng(number)
        points = []
        for _ in range(num_points):
            lr = float(10 ** rng.uniform(-5, -2))
            others = {
                SIZE: int(rng.choice([16, 64])),
                "epochs": int(rng.integers(1, 10)),
                BETA: float(rng.uniform(0, 4)),
            }
            shift = abs(np.log10(lr) + 3)
            points.append(SimulatedPoint({LR: lr, **others}, {"all": shift}, seeds=(0,)))
        studies[f"s{number}"] = points
    space = {key: SPACE["space"][key] for key in (LR, SIZE, "epochs", BETA)}
    specs = {study: {"space": space, "seeds": [0]} for study in studies}
    own = {"num_samples": 20, "noise": 0.3, "seed_deviation": 0.1, "names": ("mae",)}
    simulate(root, studies, specs=specs, **own)  # type: ignore[arg-type]
    return open_run(root)


@pytest.mark.slow
@pytest.mark.parametrize(("num_points", "first", "found"), [(5, 2, 0), (24, 0, 10)])
def test_an_inert_parameter_is_not_called_important(
    tmp_path: Path, num_points: int, first: int, found: int
) -> None:
    """With 5 points PED-ANOVA puts some first; beyond chance is none, and with 24 the cause.

    Of 12 studies one in twenty may name an inert parameter, so a single one may.
    """
    run = inert(tmp_path, num_points, 12)
    named, ranked_first, causes = 0, 0, 0
    for study in run.studies:
        by_key = {item.key: item for item in importances(run, study)}
        named += any(item.matters for key, item in by_key.items() if key != LR)
        causes += by_key[LR].matters
        ranked_first += max(by_key.values(), key=lambda item: item.ped_anova or 0.0).key != LR
    assert named <= 1
    assert ranked_first >= first
    assert causes >= found


def test_a_logarithmic_range_counts_by_its_logarithm(tmp_path: Path) -> None:
    """Half of the draws lie below 1e-3, which is a thousandth of the linear range."""
    rng = np.random.default_rng(0)
    points = []
    for _ in range(40):
        lr, beta = float(10 ** rng.uniform(-6, 0)), float(rng.uniform(0, 4))
        shift = 4.0 * (lr < 1e-3) + beta / 4
        points.append(SimulatedPoint({LR: lr, BETA: beta}, {"all": shift}, seeds=(0,)))
    spec = {"space": {LR: {"log_uniform": [1e-6, 1.0]}, BETA: {"uniform": [0.0, 4.0]}}}
    simulate(tmp_path, {"s": points}, specs={"s": spec}, noise=0.05, num_samples=20, names=("mae",))
    first, second = importances(open_run(tmp_path), "s")
    assert (first.key, second.key) == (LR, BETA)
    assert (first.fanova or 0) > 0.85
    assert first.matters


def test_too_little_to_say(root: Path) -> None:
    run = open_run(root)
    assert importances(run, "one") == []
    assert importances(run, "flat") == []
    assert interactions(run, "one") == []
    assert interactions(run, "flat") == []


def test_interactions_on_a_grid_are_exact(root: Path) -> None:
    run = open_run(root)
    (found,) = interactions(run, "grid")
    cells = np.array([point.mean("val_mae_all") for point in measured_points(run, "grid")]).reshape(
        3, 2
    )
    rest = (
        cells - cells.mean(axis=1, keepdims=True) - cells.mean(axis=0, keepdims=True) + cells.mean()
    )
    assert found.share == pytest.approx((rest**2).mean() / cells.var())
    assert (found.basis, found.num_points) == ("grid", 6)
    assert importances(run, "grid")[0].num_points == 6


def test_interactions_of_a_search(root: Path) -> None:
    found = interactions(open_run(root), "search")
    assert found[0].basis == "forest"
    assert set(found[0].keys) == {LR, SIZE}
    assert found[0].share > 0.01
    assert all(BETA not in item.keys for item in found)
