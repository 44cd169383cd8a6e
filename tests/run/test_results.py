"""Base point, feasibility and front of a study, by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest

from dirsweep.domain import Constraint, Objective
from dirsweep.run.events import Ended, Proposed
from dirsweep.run.manifest import Manifest
from dirsweep.run.results import (
    PointResult,
    StudyBase,
    StudyGoals,
    StudyResults,
    base_from_manifest,
    mean_metrics,
)
from dirsweep.run.state import RunState
from dirsweep.run.tables import Outcome
from tests import tiny  # noqa: F401 - registers the tiny benchmark

ALL, MANY, FEW = Objective("mae", "all"), Objective("mae", "many"), Objective("mae", "few")
BASE = StudyBase({"batch_size": 8}, {"batch_size": 8, "epochs": 3})


def point(index: int, *means: float, **config: Any) -> PointResult:
    columns = [objective.column for objective in (ALL, MANY, FEW)]
    found = dict(zip(columns, means, strict=False))
    return PointResult(index, config, {"batch_size": 8, "epochs": 3, **config}, found)


def test_the_base_is_the_first_point_with_its_configuration() -> None:
    points = [point(0, 5.0, epochs=9), point(4, 6.0, epochs=3), point(5, 7.0, batch_size=8)]
    assert BASE.index_among(points) == 4, "a default spelled out changes nothing"
    as_json = PointResult(2, {"epochs": 3}, '{"batch_size":8,"epochs":3}', {})
    assert BASE.index_among([points[0], as_json]) == 2
    assert BASE.index_among(points[:1]) is None


def test_without_configurations_the_base_changes_nothing_that_it_states() -> None:
    unknown = [PointResult(index, change, None, {}) for index, change in CHANGES.items()]
    assert BASE.index_among(unknown) == 3
    assert StudyBase(BASE.stated, None).index_among([point(0, 5.0, epochs=9), point(1)]) == 1
    assert StudyBase({}, None).index_among(unknown) is None


CHANGES: dict[int, dict[str, Any]] = {
    0: {"batch_size": 16},
    2: {"epochs": 3},
    3: {"batch_size": 8},
}


def test_the_base_of_a_sweep_as_plain_data() -> None:
    spec = {
        "base": {"backbone": "tiny", "epochs": 9},
        "studies": {"s": {"base": {"batch_size": 16}}, "t": {}},
    }
    found = base_from_manifest(Manifest.from_dict(spec), "s")
    assert found.resolved is not None
    assert (found.resolved["epochs"], found.resolved["batch_size"]) == (9, 16)
    assert base_from_manifest(Manifest.from_dict(spec), "t").stated["epochs"] == 9
    unknown = Manifest.from_dict({"base": {"backbone": "not_here"}, "studies": {"s": {}}})
    strange = base_from_manifest(unknown, "s")
    assert strange == StudyBase({"backbone": "not_here"}, None)


def test_constraints_are_relative_to_the_base() -> None:
    goals = StudyGoals((MANY, FEW), (Constraint(ALL, "at_most", 0.0, of_base=True),))
    results = StudyResults(
        [
            point(0, 5.5, 1.0, 9.0, epochs=9),
            point(1, 4.0, 3.0, 3.0, epochs=5),
            point(2, 4.5, 4.0, 4.0, epochs=6),
            point(3, 5.0, 2.0, 8.0),
        ],
        goals,
        BASE,
    )
    assert results.base_index == 3
    assert [results.feasible(index) for index in results.points] == [False, True, True, True]
    assert results.violations(0) == {"mae/all at_most base +0": 0.5}
    assert results.front == (1, 3), "2 is dominated by 1; 0 would be best in many"
    without = StudyResults([results.points[0], results.points[2]], goals, BASE)
    assert without.base_means == {}
    assert without.violations(0) == {}
    assert without.front == (0, 2), "without a base nothing is relative to it"


def test_a_point_without_the_metric_of_a_constraint_is_not_feasible() -> None:
    goals = StudyGoals((ALL,), (Constraint(FEW, "at_most", 10.0),))
    results = StudyResults([point(0, 5.0), point(1, 6.0, 6.0, 9.0)], goals, BASE)
    assert results.violations(0) == {"mae/few at_most 10": math.inf}
    assert results.front == (1,)


def outcome(trial_id: str, mae: float | None, status: Any = "complete") -> Outcome:
    return Outcome(trial_id, status, metrics={"val_mae_all": mae, "val_mae_few": 2.0})


def test_the_base_is_resolved_only_where_a_constraint_needs_it() -> None:
    def resolve() -> StudyBase:
        resolved.append(True)
        return BASE

    resolved: list[bool] = []
    limit = Constraint(ALL, "at_most", 5.0, of_base=False)
    results = StudyResults([point(0, 4.0), point(1, 6.0)], StudyGoals((ALL,), (limit,)), resolve)
    assert [results.feasible(index) for index in (0, 1)] == [True, False]
    assert not resolved
    assert results.base_index == 0
    assert results.base_means == {"val_mae_all": 4.0}
    assert len(resolved) == 1


def test_a_point_counts_once_all_its_trials_are_complete() -> None:
    state = RunState.of(
        [
            Proposed("s", 0, {}, (0, 1), ("a", "b"), config=BASE.resolved),
            Proposed("s", 1, {"epochs": 9}, (0, 1), ("c", "d")),
            Ended("a", "complete"),
        ]
    )
    outcomes = {"a": outcome("a", 5.0), "c": outcome("c", 1.0), "d": outcome("d", 1.0, "failed")}
    results = StudyResults.of_state(state, "s", StudyGoals((ALL,)), BASE, outcomes)
    assert (results.num_complete, results.front, results.base_means) == (0, (), {})
    outcomes["b"] = outcome("b", 7.0)
    results = StudyResults.of_state(state, "s", StudyGoals((ALL,)), BASE, outcomes)
    assert (results.num_complete, results.front, results.feasible(1)) == (1, (0,), False)
    assert results.base_means == {"val_mae_all": 6.0, "val_mae_few": 2.0}
    own = StudyResults.of_state(state, "s", StudyGoals((ALL,)), BASE, outcomes, seeds=[0])
    assert own.front == (1,), "with the first seed alone"


def test_means_are_over_what_every_trial_has() -> None:
    assert mean_metrics([outcome("a", 5.0), outcome("b", None)]) == {"val_mae_few": 2.0}
    assert mean_metrics([outcome("a", 5.0), outcome("b", 6.0)])["val_mae_all"] == pytest.approx(5.5)
    assert mean_metrics([outcome("a", 5.0), None]) == {}
    assert mean_metrics([]) == {}
