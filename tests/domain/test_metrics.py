"""Metrics and the columns of the tables."""

from __future__ import annotations

import math

import pytest

from dirsweep import domain
from dirsweep.domain import (
    MetricColumn,
    Objective,
    is_undefined,
    mean_over_seeds,
    metric_columns,
    metric_of,
    metric_title,
)


def test_direction_of_every_metric() -> None:
    higher = {name for name, metric in domain.METRICS.items() if metric.higher_is_better}
    assert higher == {"pearson", "spearman", "delta1"}
    assert metric_of("pearson").direction == "maximize"
    assert (metric_of("mae").cost_sign, metric_of("pearson").cost_sign) == (1.0, -1.0)


def test_better_and_best() -> None:
    mae, pearson = metric_of("mae"), metric_of("pearson")
    assert mae.is_better(1.0, 2.0)
    assert not mae.is_better(2.0, 2.0)
    assert pearson.is_better(0.9, 0.8)
    assert (mae.best([2.0, 1.0, 3.0]), pearson.best(iter([0.2, 0.9]))) == (1.0, 0.9)


def test_titles_and_units() -> None:
    assert [metric_of(name).title for name in ("mae", "pearson", "angular_error")] == [
        "MAE",
        "pearson",
        "angular error",
    ]
    assert metric_title("mae") == "MAE"
    assert metric_title("mae", "few") == "few-shot MAE"
    units = [metric_of(name).unit("years") for name in ("mae", "mse", "gm", "spearman")]
    assert units == ["years", "years²", "years", ""]
    assert metric_of("mse").unit("") == ""


@pytest.mark.parametrize("unit", ["EUR/MWh", "N m", "kg*m", "kg·m", "m^2", "m²", "log(EUR)"])
def test_a_unit_of_several_parts_is_squared_as_a_whole(unit: str) -> None:
    assert metric_of("mse").unit(unit) == f"({unit})²"
    assert metric_of("rmse").unit(unit) == unit
    for simple in ("years", "°C", "%", "€", "label_points"):
        assert metric_of("mse").unit(simple) == f"{simple}²"


def test_an_unknown_metric_counts_as_an_error() -> None:
    unknown = metric_of("depth_error")
    assert (unknown.title, unknown.direction) == ("depth error", "minimize")


def test_columns_are_parsed_and_sorted_as_the_papers_print_them() -> None:
    assert MetricColumn.parse("test_mae_few") == ("test", "mae", "few")
    assert MetricColumn.parse("val_angular_error_all") == ("val", "angular_error", "all")
    for name in ("train_loss", "val_mae_low", "val_all", "test__few", "trial_id"):
        assert MetricColumn.parse(name) is None
    names = ["test_mae_zero", "val_zeta_all", "test_mae_all", "val_pearson_all", "val_mae_few"]
    assert [column.name for column in metric_columns([*names, "lr", "val_mae_few"])] == [
        "val_mae_few",
        "val_pearson_all",
        "val_zeta_all",
        "test_mae_all",
        "test_mae_zero",
    ]


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_an_undefined_value_is_the_worst_there_is(value: float | None) -> None:
    assert is_undefined(value)
    assert math.isnan(mean_over_seeds([0.9, value, 0.8])), "not the mean of the other seeds"
    for goal in (metric_of("spearman"), metric_of("mae"), MetricColumn("val", "spearman", "all")):
        assert goal.cost(value) == math.inf
    assert Objective("spearman").cost(value) == math.inf > Objective("spearman").cost(-1.0)


def test_defined_values_have_means_and_costs() -> None:
    assert mean_over_seeds([1.0, 2.0, 6.0]) == 3.0
    assert math.isnan(mean_over_seeds([]))
    assert not is_undefined(0.0)
    assert Objective("spearman").cost(0.5) == -0.5
    assert Objective("mae").cost(0.5) == MetricColumn("val", "mae", "all").cost(0.5) == 0.5


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["mae", "spearman"])
def test_an_undefined_value_loses_against_every_value_and_beats_none(
    name: str, value: float | None
) -> None:
    metric = metric_of(name)
    for other in (-1.0, 0.0, 1e30):
        assert metric.is_better(other, value)
        assert not metric.is_better(value, other)
    assert not metric.is_better(value, None)
