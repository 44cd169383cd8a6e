from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from simulated_run import Made, simulate

from dirsweep.analysis import resampling
from dirsweep.analysis.effects import effects
from dirsweep.analysis.measurements import configs_of, measure
from dirsweep.analysis.statistics import (
    contrast,
    default_point,
    difference_of,
    differences,
    intervals,
    mean_of,
    seed_null,
)
from dirsweep.run.reader import open_run
from dirsweep.run.tables import REGION_ORDER

RANKSIM, LDS, GAMMA = "regularizers.ranksim", "reweighting.name", "regularizers.ranksim.gamma"


def test_intervals_of_every_metric_and_region(tmp_path: Path) -> None:
    simulate(tmp_path, {"s": [Made(), Made({"epochs": 30}, {"few": 2.0})]}, num_samples=80)
    run = open_run(tmp_path)
    table = {row["trial_id"]: row for row in run.trials().to_pylist()}
    predicted = run.predicted("test")
    for metric in resampling.METRICS:
        for region in REGION_ORDER[:4]:
            found = intervals(run, "s", metric, region, num_resamples=100)
            assert [item.point for item in found] == [0, 1]
            for item in found:
                assert (item.num_seeds, item.basis, item.note) == (3, "seeds and samples", "")
                assert item.low is not None
                assert item.high is not None
                assert item.low < item.mean < item.high
                assert item.num_samples == len(
                    predicted.labels
                    if region == "all"
                    else predicted.labels[predicted.inside(region)]
                )
                if not metric.startswith("macro"):
                    values = [table[trial][f"test_{metric}_{region}"] for trial in item.trial_ids]
                    assert item.mean == pytest.approx(np.mean(values))
                    assert item.deviation == pytest.approx(np.std(values, ddof=1))
                    assert list(item.by_seed.values()) == pytest.approx(values)
    val = intervals(run, "s", split="val")[0]
    assert val.mean == pytest.approx(
        np.mean([table[trial]["val_mae_all"] for trial in val.trial_ids])
    )


def test_equal_seeds_give_equal_figures(tmp_path: Path) -> None:
    simulate(tmp_path, {"s": [Made(), Made({"epochs": 30})]}, num_samples=60)
    first = intervals(open_run(tmp_path), "s", num_resamples=200)
    assert first == intervals(open_run(tmp_path), "s", num_resamples=200)
    assert first != intervals(open_run(tmp_path), "s", num_resamples=200, seed=1)
    # what one point gets does not depend on which others get draws
    assert intervals(open_run(tmp_path), "s", points=[1], num_resamples=200) == first[1:]
    assert differences(open_run(tmp_path), "s", num_resamples=200) == differences(
        open_run(tmp_path), "s", num_resamples=200
    )


def test_one_seed_is_said_to_be_one(tmp_path: Path) -> None:
    simulate(tmp_path, {"s": [Made(seeds=(0,)), Made({"epochs": 30}, seeds=(0,))]}, num_samples=60)
    run = open_run(tmp_path)
    base, _ = intervals(run, "s")
    assert (base.basis, base.deviation, base.num_seeds) == ("samples", None, 1)
    assert "one seed" in base.note
    assert base.low is not None
    found = differences(run, "s")
    assert all(item.p is None and item.p_corrected is None and not item.separable for item in found)
    assert all(item.basis == "samples" and item.low is not None for item in found)
    null = seed_null(run, "s")
    assert (null.differences, null.deviation, null.largest_by_chance, null.best_by_chance) == (
        (),
        None,
        None,
        None,
    )


def test_without_predictions_or_bins_the_seeds_are_left(tmp_path: Path) -> None:
    paths = simulate(tmp_path / "a", {"s": [Made(), Made(seeds=(0,))]}, predictions=False)
    several, one = intervals(open_run(paths.root), "s")
    assert (several.basis, several.num_samples) == ("seeds", 0)
    half = stats.t.ppf(0.975, 2) * (several.deviation or 0) / np.sqrt(3)
    assert several.high == pytest.approx(several.mean + half, rel=0.02)
    assert (one.basis, one.low, one.high) == ("none", None, None)
    assert intervals(open_run(paths.root), "s", "macro_mae") == []

    paths = simulate(tmp_path / "b", {"s": [Made()]})
    paths.bins_table.unlink()
    run = open_run(paths.root)
    assert intervals(run, "s", region="all")[0].basis == "seeds and samples"
    assert intervals(run, "s", region="few")[0].basis == "seeds"
    assert intervals(run, "s", "spearman", "few")[0].basis == "seeds"
    assert intervals(run, "s", "macro_mae") == []


def test_only_complete_trials_count(tmp_path: Path) -> None:
    simulate(
        tmp_path,
        {
            "s": [
                Made(statuses={1: "failed"}),
                Made(statuses={0: "pruned", 1: "pruned", 2: "pruned"}),
            ]
        },
    )
    found = intervals(open_run(tmp_path), "s")
    assert [item.point for item in found] == [0]
    assert sorted(found[0].by_seed) == [0, 2]
    assert found[0].trial_ids == ("s-0-0", "s-0-2")


def test_differences_are_paired_and_corrected(tmp_path: Path) -> None:
    points = [
        Made(),
        Made({RANKSIM: True}, {"few": -1.5}),
        Made({"epochs": 30}),
        Made({"epochs": 60}),
    ]
    simulate(tmp_path, {"s": points}, num_samples=300, seed_deviation=0.05)
    run = open_run(tmp_path)
    found = differences(run, "s")
    assert len(found) == 12
    assert all(item.baseline == 0 and item.num_comparisons == 12 and item.paired for item in found)
    assert [item.p_corrected for item in found] == pytest.approx(
        resampling.holm([item.p or 0.0 for item in found])
    )
    by_place = {(item.point, item.region): item for item in found}
    few = by_place[1, "few"]
    assert few.separable
    assert few.better
    assert few.low is not None
    assert few.high is not None
    assert few.low < -1.5 < few.high < 0
    assert not by_place[1, "many"].separable
    assert not any(
        by_place[index, region].separable for index in (2, 3) for region in REGION_ORDER[:4]
    )
    table = {row["trial_id"]: row for row in run.trials().to_pylist()}
    per_seed = [
        table[f"s-1-{seed}"]["test_mae_few"] - table[f"s-0-{seed}"]["test_mae_few"]
        for seed in range(3)
    ]
    assert few.difference == pytest.approx(np.mean(per_seed))
    assert few.trial_ids == ("s-1-0", "s-1-1", "s-1-2")
    assert few.baseline_trial_ids == ("s-0-0", "s-0-1", "s-0-2")
    # of two points alone there is nothing to be moderated by, and fewer comparisons
    (alone,) = differences(run, "s", 2, points=[1], regions=["few"])
    assert (alone.baseline, alone.num_comparisons, alone.p_corrected) == (2, 1, alone.p)


def test_a_correlation_is_better_when_higher(tmp_path: Path) -> None:
    simulate(tmp_path, {"s": [Made(), Made({"epochs": 30}, {"all": 3.0})]})
    (found,) = differences(open_run(tmp_path), "s", metric="pearson", regions=["all"])
    assert found.difference < 0
    assert not found.better


def test_points_without_common_seeds_are_two_groups(tmp_path: Path) -> None:
    simulate(
        tmp_path,
        {
            "s": [
                Made(),
                Made({"epochs": 30}, {"all": 1.0}, seeds=(5, 6)),
                Made({"epochs": 9}, seeds=(2,)),
            ]
        },
    )
    run = open_run(tmp_path)
    measured = measure(run, "s", "mae")
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
    assert mean_of(measured, [0, 1]) is None
    assert mean_of(measured, []) is None


def test_the_same_trials_differ_by_nothing(tmp_path: Path) -> None:
    simulate(tmp_path, {"s": [Made(), Made({"epochs": 30}), Made({"epochs": 40})]})
    measured = measure(open_run(tmp_path), "s", "mae")
    found = contrast(measured, {0: 1.0}, {0: 1.0})
    assert (found.difference, found.low, found.high, found.p) == (0, 0, 0, 1)


def test_mean_of_points(tmp_path: Path) -> None:
    simulate(tmp_path, {"s": [Made(), Made({"epochs": 30}, {"all": 1.0})]})
    measured = measure(open_run(tmp_path), "s", "mae")
    found = mean_of(measured, [0, 1])
    assert found is not None
    assert found.mean == pytest.approx(np.mean([list(measured.values[i].values()) for i in (0, 1)]))
    assert found.label == "mean of 2 points"
    assert len(found.trial_ids) == 6


def test_the_default_point(tmp_path: Path) -> None:
    base = {"regularizers": {"ranksim": {"gamma": 100, "lambda": 2}}}
    simulate(
        tmp_path,
        {
            "grid": [Made({GAMMA: 1}), Made({GAMMA: 100})],
            "none": [Made({GAMMA: 7})],
            "own": [Made({GAMMA: 5})],
            "plain": [Made({GAMMA: 100}), Made()],
        },
        base=base,
        specs={"own": {"base": {GAMMA: 5}}},
    )
    run = open_run(tmp_path)
    found = {study: default_point(run, study) for study in run.studies}
    assert {study: None if point is None else point.index for study, point in found.items()} == {
        "grid": 1,
        "none": None,
        "own": 0,
        "plain": 1,
    }
    assert differences(run, "none") == []
    assert configs_of(run, "own")[0][GAMMA] == 5


def test_what_seeds_alone_do(tmp_path: Path) -> None:
    simulate(
        tmp_path, {"s": [Made(seeds=range(4)) for _ in range(30)]}, seed_deviation=0.3, noise=0.1
    )
    run = open_run(tmp_path)
    null = seed_null(run, "s")
    table = run.trials().to_pylist()
    values = np.array([row["test_mae_all"] for row in table]).reshape(30, 4)
    expected = sorted(abs(a - b) for row in values for a, b in combinations(row, 2))
    assert null.differences == pytest.approx(expected)
    deviation = np.sqrt(values.var(axis=1, ddof=1).mean())
    assert null.deviation == pytest.approx(deviation)
    assert (null.df, null.num_seeds, null.num_points) == (90, 4, 30)
    assert null.largest_by_chance == pytest.approx(
        stats.t.ppf(0.975, 90) * deviation * np.sqrt(2 / 4)
    )
    # 30 normal numbers: the largest lies 2.04 deviations above their mean
    assert null.best_by_chance == pytest.approx(2.04 * deviation / 2, rel=0.05)
    means = values.mean(axis=1)
    beyond = np.mean(
        [abs(a - b) > (null.largest_by_chance or 0) for a, b in combinations(means, 2)]
    )
    assert beyond < 0.15


def test_noise_alone_is_seldom_called_a_difference(tmp_path: Path) -> None:
    called = 0
    for draw in range(20):
        simulate(
            tmp_path / str(draw),
            {"s": [Made() for _ in range(5)]},
            num_samples=60,
            draw=draw,
            names=("mae",),
        )
        called += any(
            item.separable
            for item in differences(open_run(tmp_path / str(draw)), "s", 0, num_resamples=200)
        )
    assert called <= 4  # 5 % of 20 families, and some luck


def test_effects_of_techniques(tmp_path: Path) -> None:
    points = [
        Made(),
        Made({RANKSIM: True}, {"few": -1.0}),
        Made({LDS: "lds"}),
        Made({LDS: "lds", RANKSIM: True}, {"few": -1.0}),
        Made({"loss.name": "focal_r"}),
        Made({"loss.name": "focal_r", RANKSIM: True}, {"few": -1.0}),
        Made({"epochs": 3}),
    ]
    simulate(tmp_path, {"s": points}, num_samples=200, base={"reweighting": {"name": "none"}})
    run = open_run(tmp_path)
    found = effects(run, "s")
    by_key = {(effect.key, effect.difference.region): effect for effect in found}
    assert {key for key, _ in by_key} == {RANKSIM, LDS, "loss.name"}
    ranksim = by_key[RANKSIM, "few"]
    assert set(ranksim.pairs) == {(1, 0), (3, 2), (5, 4)}
    assert (ranksim.value, ranksim.reference) == (True, False)
    assert by_key["loss.name", "all"].value == "focal_r"
    assert set(by_key["loss.name", "all"].pairs) == {(4, 0), (5, 1)}
    assert ranksim.difference.separable
    table = {row["trial_id"]: row["test_mae_few"] for row in run.trials().to_pylist()}
    expected = np.mean(
        [
            table[f"s-{on}-{seed}"] - table[f"s-{off}-{seed}"]
            for on, off in ranksim.pairs
            for seed in range(3)
        ]
    )
    assert ranksim.difference.difference == pytest.approx(expected)
    assert ranksim.difference.num_comparisons == 12
    assert ranksim.difference.low is not None
    assert ranksim.difference.low < -1.0 < (ranksim.difference.high or 0)
    assert not by_key[LDS, "few"].difference.separable
