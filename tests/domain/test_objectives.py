"""Objectives and constraints."""

from __future__ import annotations

import pytest

from dirsweep.domain import Constraint, MetricColumn, Objective


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
