from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dirsweep.analysis.differences import Difference, contrast, difference_of, differences
from dirsweep.analysis.effects import effects, effects_of_run
from dirsweep.analysis.intervals import interval_of_mean
from dirsweep.analysis.measurements import Resampling, measure
from dirsweep.analysis.multiple_testing import holm
from dirsweep.domain import REGIONS, MetricColumn
from dirsweep.run.reader import open_run
from tests.simulated_run import SimulatedPoint, simulate

RANKSIM, LDS, GAMMA = "regularizers.ranksim", "reweighting.name", "regularizers.ranksim.gamma"


def test_differences_are_paired_and_corrected(tmp_path: Path) -> None:
    points = [
        SimulatedPoint(),
        SimulatedPoint({RANKSIM: True}, {"few": -1.5}),
        SimulatedPoint({"epochs": 30}),
        SimulatedPoint({"epochs": 60}),
    ]
    simulate(tmp_path, {"s": points}, num_samples=300, seed_deviation=0.05)
    run = open_run(tmp_path)
    found = differences(run, "s")
    assert len(found) == 12
    assert all(item.baseline == 0 and item.num_comparisons == 12 and item.paired for item in found)
    assert [item.p_corrected for item in found] == pytest.approx(
        holm([item.p or 0.0 for item in found])
    )
    by_place = {(item.point, item.region): item for item in found}
    few = by_place[1, "few"]
    assert few.separable
    assert few.better
    assert few.low is not None
    assert few.high is not None
    assert few.low < -1.5 < few.high < 0
    assert not by_place[1, "many"].separable
    assert not any(by_place[index, region].separable for index in (2, 3) for region in REGIONS[:4])
    table = {row["trial_id"]: row for row in run.trials().to_pylist()}
    per_seed = [
        table[f"s-1-{seed}"]["test_mae_few"] - table[f"s-0-{seed}"]["test_mae_few"]
        for seed in range(3)
    ]
    assert few.difference == pytest.approx(np.mean(per_seed))
    assert few.trial_ids == ("s-1-0", "s-1-1", "s-1-2")
    assert few.baseline_trial_ids == ("s-0-0", "s-0-1", "s-0-2")
    # of two points alone there is nothing to be moderated by, and fewer comparisons
    (alone,) = differences(run, "s", 2, points=[1], columns=[MetricColumn("test", "mae", "few")])
    assert (alone.baseline, alone.num_comparisons, alone.p_corrected) == (2, 1, alone.p)


def test_a_correlation_is_better_when_higher(tmp_path: Path) -> None:
    simulate(tmp_path, {"s": [SimulatedPoint(), SimulatedPoint({"epochs": 30}, {"all": 3.0})]})
    (found,) = differences(
        open_run(tmp_path), "s", columns=[MetricColumn("test", "pearson", "all")]
    )
    assert found.difference < 0
    assert not found.better


def test_points_without_common_seeds_are_two_groups(tmp_path: Path) -> None:
    simulate(
        tmp_path,
        {
            "s": [
                SimulatedPoint(),
                SimulatedPoint({"epochs": 30}, {"all": 1.0}, seeds=(5, 6)),
                SimulatedPoint({"epochs": 9}, seeds=(2,)),
            ]
        },
    )
    run = open_run(tmp_path)
    measured = measure(run, "s", MetricColumn("test", "mae", "all"))
    apart = difference_of(measured, 1, 0)
    assert (apart.paired, apart.num_seeds, apart.basis) == (False, 2, "seeds and samples")
    assert apart.difference == pytest.approx(
        np.mean(list(measured.values[1].values())) - np.mean(list(measured.values[0].values()))
    )
    assert apart.p is not None
    assert difference_of(measured, 2, 0).paired
    with pytest.raises(ValueError, match="a seed that all of them have"):
        contrast(measured, {1: 1.0}, {0: 1.0})
    with pytest.raises(ValueError, match="points on both sides"):
        contrast(measured, {}, {0: 1.0})
    assert interval_of_mean(measured, [0, 1]) is None
    assert interval_of_mean(measured, []) is None


def test_the_same_trials_differ_by_nothing(tmp_path: Path) -> None:
    simulate(
        tmp_path,
        {"s": [SimulatedPoint(), SimulatedPoint({"epochs": 30}), SimulatedPoint({"epochs": 40})]},
    )
    measured = measure(open_run(tmp_path), "s", MetricColumn("test", "mae", "all"))
    found = contrast(measured, {0: 1.0}, {0: 1.0})
    assert (found.difference, found.low, found.high, found.p) == (0, 0, 0, 1)


def test_noise_alone_is_seldom_called_a_difference(tmp_path: Path) -> None:
    called = 0
    for draw in range(20):
        simulate(
            tmp_path / str(draw),
            {"s": [SimulatedPoint() for _ in range(5)]},
            num_samples=60,
            draw=draw,
            names=("mae",),
        )
        called += any(
            item.separable
            for item in differences(
                open_run(tmp_path / str(draw)), "s", 0, resampling=Resampling(200)
            )
        )
    assert called <= 4  # 5 % of 20 families, and some luck


@pytest.mark.parametrize("seed_deviation", [0.05, 0.5])
def test_a_pair_has_one_interval_and_one_p_value_wherever_it_is_printed(
    tmp_path: Path, seed_deviation: float
) -> None:
    """Within its study, over all studies, of few points or many, and as the opposite."""
    wild = {"loss.name": "mse"}
    studies = {
        "lr": [SimulatedPoint(), SimulatedPoint({RANKSIM: True}, {"median": 0.5})],
        "other": [
            SimulatedPoint({"epochs": 7}),
            SimulatedPoint(wild, {"all": 300.0}),
            SimulatedPoint({"epochs": 9}),
            SimulatedPoint({"epochs": 11}),
        ],
    }
    simulate(tmp_path, studies, num_samples=150, seed_deviation=seed_deviation, names=["mae"])
    run = open_run(tmp_path)

    def figures(item: Difference) -> tuple[float | None, ...]:
        return item.difference, item.low, item.high, item.p

    in_study = {item.region: item for item in differences(run, "lr")}
    column = MetricColumn("test", "mae", "median")
    (alone,) = differences(run, "lr", 0, points=[1], columns=[column])
    (opposite,) = differences(run, "lr", 1, points=[0], columns=[column])
    effect = next(
        item.difference for item in effects(run, "lr") if item.difference.region == "median"
    )
    over_all = next(
        item
        for item in effects_of_run(run)
        if item.difference.region == "median" and item.value is True
    )
    for other in (alone, effect, over_all.difference):
        assert figures(other) == pytest.approx(figures(in_study["median"]), rel=1e-6)
    assert over_all.within == "lr", "so that it is reported once"
    assert effect.p_corrected == in_study["median"].p_corrected, "table and claims agree"
    assert alone.low is not None
    assert alone.high is not None
    assert (opposite.difference, opposite.low, opposite.high, opposite.p) == pytest.approx(
        (-alone.difference, -alone.high, -alone.low, alone.p), rel=1e-6
    )
    families = [item.family for item in (in_study["median"], alone, effect, over_all.difference)]
    assert families == [
        "points of lr against base, 4 regions",
        "points of lr against base, region median",
        "points of lr against base, 4 regions",
        "techniques over all studies, 4 regions",
    ]
    assert alone.num_comparisons == 1
    assert alone.p_corrected == alone.p
