"""The field's terms: numbers by hand, and the Pareto front against its definition."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from dirsweep import domain
from dirsweep.domain import (
    Constraint,
    LabelBins,
    MetricColumn,
    Objective,
    ShotRule,
    bin_of,
    metric_columns,
    metric_of,
    metric_title,
    non_dominated,
    pareto_front,
)
from dirsweep.errors import ShapeError

# ---- metrics


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
    assert units == ["years", "years^2", "years", ""]


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


# ---- bins and regions


def test_labels_on_an_edge_belong_to_the_bin_above_in_single_precision_too() -> None:
    bins = LabelBins.from_labels(np.zeros(1, np.float32), low=0.0, high=5.0, width=0.1)
    tenths = np.arange(51)
    for dtype in (np.float32, np.float64):
        labels = (tenths / 10).astype(dtype)
        assert bins.bin_of(labels).tolist() == [*range(50), 49]
        assert bins.bin_of(labels + dtype(0.05)).tolist() == [*range(50), 49]
    assert bins.bin_of(np.array([4.1999, 4.1, -1.0, 9.0])).tolist() == [41, 41, 0, 49]


def test_counts_and_regions_by_hand() -> None:
    labels = np.repeat([0.5, 1.0, 2.2, 3.0], [101, 100, 20, 19]).astype(np.float32)
    bins = LabelBins.from_labels(labels, low=0.0, high=4.0, width=1.0)
    assert bins.edges.tolist() == [0, 1, 2, 3, 4]
    assert bins.counts.tolist() == [101, 100, 20, 19]
    assert bins.regions.tolist() == ["many", "median", "median", "few"]
    assert bins.region_of(np.array([0.0, 1.0, 2.0, 4.0])).tolist() == bins.regions.tolist()
    assert (bins.num_bins, bins.width) == (4, 1.0)
    assert bins.reported_regions == ("all", "many", "median", "few")


def test_an_empty_bin_is_few_shot_and_a_broken_width_reaches_beyond_the_range() -> None:
    bins = LabelBins.from_labels(
        np.array([0.0]), low=0.0, high=1.0, width=0.4, shot_rule=ShotRule(1, 1)
    )
    assert bins.num_bins == 3
    assert bins.region_of(np.array([0.0, 0.5, 1.0])).tolist() == ["median", "few", "few"]


def test_labels_taken_out_of_training_are_a_region_of_their_own() -> None:
    labels = np.repeat([1.5, 2.5], [101, 5])
    bins = LabelBins.from_labels(labels, low=0, high=4, width=1, zero_shot=[(0.0, 1.0), (3.0, 4.0)])
    assert bins.regions.tolist() == ["zero", "many", "few", "zero"]
    assert bins.reported_regions == ("all", "many", "median", "few", "zero")


def test_bins_take_scalar_labels_only() -> None:
    with pytest.raises(ShapeError, match=r"bins are over scalar labels \(N,\), got \(2, 2\)"):
        bin_of(np.zeros((2, 2)), np.arange(3.0))


# ---- objectives and constraints


def test_an_objective_knows_its_column_and_direction() -> None:
    few = Objective("pearson", "few")
    assert (few.name, few.column, few.direction) == (
        "pearson/few",
        "val_pearson_few",
        "maximize",
    )
    assert few.metric_column == MetricColumn("val", "pearson", "few")
    assert Objective.from_dict(few.to_dict()) == few
    assert Objective.from_dict({}) == Objective("mae", "all")
    assert Objective.from_dict({"region": "low"}) is None
    assert Objective.from_dict(None) is None


@pytest.mark.parametrize(
    ("constraint", "name", "plain"),
    [
        (
            Constraint(Objective("mae", "all"), "at_most", 7.5),
            "mae/all at_most 7.5",
            {"metric": "mae", "region": "all", "at_most": 7.5},
        ),
        (
            Constraint(Objective("pearson", "few"), "at_least", -0.02, of_base=True),
            "pearson/few at_least base -0.02",
            {"metric": "pearson", "region": "few", "at_least": {"base_plus": -0.02}},
        ),
    ],
)
def test_a_constraint_in_words_and_as_plain_data(
    constraint: Constraint, name: str, plain: dict[str, object]
) -> None:
    assert constraint.name == name
    assert constraint.to_dict() == plain
    assert Constraint.from_dict(plain) == constraint


def test_what_is_no_constraint() -> None:
    for value in (None, {}, {"at_most": None}, {"at_most": {}}, {"region": "low", "at_most": 1}):
        assert Constraint.from_dict(value) is None


def test_the_violation_is_counted_from_the_limit() -> None:
    mae = Objective("mae", "all")
    assert Constraint(mae, "at_most", 7.5).violation(8.0, None) == 0.5
    assert Constraint(mae, "at_most", 0.1, of_base=True).violation(8.0, 7.0) == pytest.approx(0.9)
    pearson = Constraint(Objective("pearson", "all"), "at_least", -0.02, of_base=True)
    assert pearson.violation(0.9, 0.95) == pytest.approx(0.03)
    assert pearson.violation(0.94, 0.95) == pytest.approx(-0.01)


# ---- Pareto front


def test_the_front_by_hand() -> None:
    values = [(1.0, 9.0), (2.0, 5.0), (2.0, 6.0), (4.0, 4.0), (9.0, 9.0)]
    assert pareto_front(values, ["minimize", "minimize"]) == (0, 1, 3)
    assert pareto_front(values, ["maximize", "maximize"]) == (4,)
    assert pareto_front(values, ["minimize", "maximize"]) == (0,)


def test_equal_points_stay_missing_values_go() -> None:
    values = [(1.0, 2.0), (1.0, 2.0), (None, 0.0), (float("nan"), 0.0)]
    assert pareto_front(values, ["minimize"] * 2) == (0, 1)
    assert pareto_front([], ["minimize"]) == ()
    assert pareto_front([(None, 1.0)], ["minimize"] * 2) == ()


def test_points_beyond_a_constraint_neither_stay_nor_dominate() -> None:
    values = [(0.0, 0.0), (1.0, 2.0), (2.0, 1.0)]
    assert pareto_front(values, ["minimize"] * 2, feasible=[False, True, True]) == (1, 2)


def test_one_objective_keeps_the_best() -> None:
    assert pareto_front([[3.0], [1.0], [2.0]], ["minimize"]) == (1,)


def _dominated(row: NDArray[np.float64], costs: NDArray[np.float64]) -> bool:
    return any((other <= row).all() and (other < row).any() for other in costs)


@pytest.mark.parametrize("num_objectives", [1, 2, 3])
@pytest.mark.parametrize("seed", range(20))
def test_the_front_against_its_definition(seed: int, num_objectives: int) -> None:
    rng = np.random.default_rng(seed)
    costs = rng.integers(0, 6, size=(40, num_objectives)).astype(float)
    expected = [not _dominated(row, costs) for row in costs]
    assert non_dominated(costs).tolist() == expected
    signs = rng.choice([-1.0, 1.0], num_objectives)
    directions = ["minimize" if sign > 0 else "maximize" for sign in signs]
    front = pareto_front((costs * signs).tolist(), directions)  # type: ignore[arg-type]
    assert front == tuple(np.flatnonzero(expected))


def test_the_front_of_no_points_and_of_infinite_costs() -> None:
    assert non_dominated(np.empty((0, 2))).tolist() == []
    assert non_dominated(np.array([[0.0, np.inf], [1.0, np.inf]])).tolist() == [True, False]
    assert non_dominated(np.array([[np.inf, np.inf], [np.inf, np.inf]])).tolist() == [True, True]
