"""The evidence behind the claims, before it is put into words."""

from __future__ import annotations

from pathlib import Path

from dirsweep.analysis.claims import RunEvidence, outcomes_of, run_evidence, study_evidence
from dirsweep.analysis.differences import differences
from dirsweep.analysis.effects import effects
from dirsweep.analysis.seed_null import seed_null
from dirsweep.run.reader import open_run
from tests.simulated_run import SimulatedPoint, simulate

RANKSIM, BATCH = "regularizers.ranksim", {"batch_size": 16, "epochs": 10}


def test_points_that_an_effect_covers_are_not_compared_again(tmp_path: Path) -> None:
    points = [
        SimulatedPoint(),
        SimulatedPoint({RANKSIM: True}, {"few": -2.0}),
        SimulatedPoint(BATCH),
    ]
    simulate(tmp_path, {"s": points}, num_samples=100, seed_deviation=0.05, names=["mae"])
    run = open_run(tmp_path)
    found = study_evidence(run, "s")
    assert (found.num_points, found.max_seeds) == (3, 3)
    assert found.trial_ids == tuple(f"s-{point}-{seed}" for point in range(3) for seed in range(3))
    (group,) = found.effects
    assert list(group) == effects(run, "s")
    ((few, *others),) = (
        sorted(group, key=lambda item: item.region != "few") for group in found.differences
    )
    assert {item.point for item in (few, *others)} == {2}
    assert few in differences(run, "s")
    assert found.seed_null == seed_null(run, "s")
    assert found.baseline is not None
    assert found.baseline.index == 0
    assert found.selection is not None


def test_one_seed_has_no_tests(tmp_path: Path) -> None:
    points = [SimulatedPoint(seeds=(0,)), SimulatedPoint({RANKSIM: True}, seeds=(0,))]
    simulate(tmp_path, {"s": points, "t": points}, num_samples=60, names=["mae"])
    run = open_run(tmp_path)
    found = study_evidence(run, "s")
    assert (found.max_seeds, found.effects, found.differences, found.seed_null) == (1, (), (), None)
    assert found.selection is not None
    assert run_evidence(run) == RunEvidence()


def test_no_complete_point(tmp_path: Path) -> None:
    failed = SimulatedPoint(statuses={0: "failed", 1: "failed", 2: "failed"})
    simulate(tmp_path, {"s": [SimulatedPoint()], "t": [failed]}, num_samples=40, names=["mae"])
    found = study_evidence(open_run(tmp_path), "t")
    assert (found.num_points, found.max_seeds, found.trial_ids, found.selection) == (1, 0, (), None)


def test_differences_are_sorted_by_their_tests(tmp_path: Path) -> None:
    points = [
        SimulatedPoint(),
        SimulatedPoint({"epochs": 30}, {"all": 3.0}),
        SimulatedPoint({"epochs": 40}),
        SimulatedPoint({"epochs": 50}, seeds=(0,)),
    ]
    simulate(tmp_path, {"s": points}, num_samples=100, seed_deviation=0.05, names=["mae"])
    found = outcomes_of(differences(open_run(tmp_path), "s"))
    assert {item.point for item in found.separable} == {1}
    assert {item.point for item in found.not_separable} == {2}
    assert {item.point for item in found.untested} == {3}
