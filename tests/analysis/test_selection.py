from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from dirsweep.analysis.measurements import Resampling, measure
from dirsweep.analysis.selection import (
    best_of_studies,
    bias_of_best,
    could_be_chosen,
    points_with_test_figures,
    searched,
    selection,
    top_points,
)
from dirsweep.domain import MetricColumn
from dirsweep.errors import StoreError
from dirsweep.run.reader import open_run
from tests.simulated_run import SimulatedPoint, simulate

SPACE = {"space": {"epochs": {"int": [1, 99]}}}


def test_what_validation_chooses(tmp_path: Path) -> None:
    simulate(
        tmp_path,
        {
            "s": [
                SimulatedPoint({"epochs": n}, {"all": shift})
                for n, shift in ((1, 2.0), (2, 0.0), (3, 1.0))
            ]
            + [SimulatedPoint({"epochs": 4}, statuses={0: "pruned", 1: "pruned", 2: "pruned"})]
        },
    )
    found = selection(open_run(tmp_path), "s")
    assert found is not None
    assert (found.chosen.index, found.num_looked_at, found.num_complete) == (1, 4, 3)
    assert found.validation.split == "val"
    assert set(found.test) == {"all", "many", "median", "few"}
    assert {item.split for item in found.test.values()} == {"test"}
    # the points lie so far apart that the choice is no luck
    assert found.bias == pytest.approx(0, abs=0.02)
    assert found.corrected == pytest.approx(found.validation.mean + (found.bias or 0))


def test_the_selection_bias_of_the_best_of_many(tmp_path: Path) -> None:
    """Points that differ by their seeds alone: the chosen one's figure is too good by a known
    amount.
    """
    said, real = [], []
    for draw in range(12):
        simulate(
            tmp_path / str(draw),
            {"s": [SimulatedPoint(seeds=(0, 1)) for _ in range(15)]},
            num_samples=60,
            noise=0.2,
            seed_deviation=0.4,
            draw=draw,
            names=("mae",),
        )
        run = open_run(tmp_path / str(draw))
        found = selection(run, "s", resampling=Resampling(200))
        assert found is not None
        assert found.bias is not None
        said.append(found.bias)
        real.append(
            np.mean([point.mean("val_mae_all") for point in top_points(run, "s", 99)])
            - found.validation.mean
        )
    # of 15 normal numbers the best lies 1.74 deviations off; the deviation of a mean of two seeds
    # is 0.4 / sqrt 2
    assert np.mean(real) == pytest.approx(1.74 * 0.4 / np.sqrt(2), rel=0.2)
    assert np.mean(said) == pytest.approx(np.mean(real), rel=0.2)


def test_luck_is_that_of_the_points_that_could_be_chosen(tmp_path: Path) -> None:
    """Ten points that break a constraint have no part in the choice: the rest says what a study of
    the rest says.
    """
    kept = [SimulatedPoint({"epochs": number}) for number in range(1, 6)]
    broken = [
        SimulatedPoint({"epochs": 10 + number}, {"few": 20.0, "many": -2.0}) for number in range(10)
    ]
    space = {**SPACE, "constraints": [{"metric": "mae", "region": "few", "at_most": 10.0}]}
    simulate(tmp_path, {"s": [*kept, *broken]}, specs={"s": space}, names=["mae"], num_samples=60)
    run = open_run(tmp_path)
    found = selection(run, "s")
    assert found is not None
    assert (found.num_looked_at, found.num_complete) == (15, 5)
    measured = measure(run, "s", MetricColumn("val", "mae", "all"))
    assert could_be_chosen(measured) == [0, 1, 2, 3, 4]
    assert found.bias == bias_of_best(measured, [0, 1, 2, 3, 4], False)
    assert found.bias != bias_of_best(measured, list(range(15)), False)
    run.memo.clear()
    run.spec["studies"]["s"]["constraints"][0]["at_most"] = 1.0
    assert could_be_chosen(measure(run, "s", MetricColumn("val", "mae", "all"))) == list(
        range(15)
    ), "none keeps to it"


def test_higher_is_better(tmp_path: Path) -> None:
    simulate(
        tmp_path,
        {
            "s": [
                SimulatedPoint(),
                SimulatedPoint({"epochs": 2}, {"all": 3.0}),
                SimulatedPoint({"epochs": 3}, {"all": 3.1}),
            ]
        },
        metric="pearson",
    )
    found = selection(open_run(tmp_path), "s")
    assert found is not None
    assert found.chosen.index == 0
    assert found.corrected is not None
    assert found.corrected <= found.validation.mean


def test_nothing_to_choose(tmp_path: Path) -> None:
    simulate(
        tmp_path,
        {
            "alone": [SimulatedPoint()],
            "none": [SimulatedPoint(statuses={0: "failed", 1: "failed", 2: "failed"})],
        },
    )
    run = open_run(tmp_path)
    found = selection(run, "alone")
    assert found is not None
    assert (found.bias, found.corrected) == (None, None)
    assert selection(run, "none") is None
    assert best_of_studies(run, 2, "alone")["alone"][0].index == 0
    with pytest.raises(StoreError, match="no study has complete points to choose from"):
        best_of_studies(run, 2, "none")
    with pytest.raises(StoreError, match="no study 'alne'; did you mean 'alone'"):
        best_of_studies(run, 2, "alne")


def test_test_figures_of_a_search(tmp_path: Path) -> None:
    points = [
        SimulatedPoint({"epochs": n}, {"all": abs(n - 50) / 20}, seeds=(0,))
        for n in (90, 10, 50, 70)
    ]
    simulate(tmp_path, {"search": points, "plan": points}, specs={"search": SPACE})
    run = open_run(tmp_path)
    assert searched(run, "search")
    assert not searched(run, "plan")
    assert points_with_test_figures(run, "search") == [
        0,
        2,
    ]  # the base has 90 epochs, 50 are the best
    assert points_with_test_figures(run, "plan") == [0, 1, 2, 3]
    assert [point.index for point in top_points(run, "search", 2)] == [2, 3]
    assert list(best_of_studies(run, 1)) == ["search"]


def test_configurations_that_were_proposed_again_are_looked_at_once(tmp_path: Path) -> None:
    points = [
        SimulatedPoint(),
        SimulatedPoint({"epochs": 80}, {"all": 0.5}),
        SimulatedPoint({"epochs": 70}, {"all": 1.0}),
    ]
    space = {"search": {"space": {"epochs": {"choice": [70, 80, 90]}}, "trials": 3}}
    paths = simulate(tmp_path, {"search": points}, specs=space)
    run = open_run(paths.root)
    before = selection(run, "search")
    table = run.trials()
    again = table.filter(pc.equal(table["point"], 0))
    place, kind = again.schema.get_field_index("point"), again.schema.field("point")
    again = again.set_column(place, kind, pa.array([3] * len(again), kind.type))
    paths.trials_table.write_table(
        pa.concat_tables([table, again]).replace_schema_metadata(table.schema.metadata),
    )
    after = selection(open_run(paths.root), "search")
    assert before is not None
    assert after is not None
    assert (before.num_looked_at, after.num_looked_at, after.num_complete) == (3, 3, 3)
    assert after.bias == pytest.approx(before.bias)
