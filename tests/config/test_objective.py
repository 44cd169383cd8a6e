"""Objectives and constraints: what is read, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from dirsweep.config.expand import planned_points
from dirsweep.config.load import load_sweep
from tests.config.conftest import MANY_FEW, SPACE, Complaint, Load, loaded_with, search_with


@pytest.mark.parametrize(
    ("metric", "direction"), [("mse", "minimize"), ("pearson", "maximize"), ("gm", "minimize")]
)
def test_correlations_are_maximized(load: Load, metric: str, direction: str) -> None:
    assert (
        load("objective: {metric: mae, region: all}", f"objective: {metric}").objective.direction
        == direction
    )


def test_objectives_and_constraints_are_read_and_written_out(load: Load, tmp_path: Path) -> None:
    constraints = (
        "constraints: [{region: all, at_most: {base_plus: 0.1}}, {metric: pearson, at_least: 0.5}]"
    )
    spec = load(study=f"{{{SPACE}, trials: 5, {MANY_FEW}, {constraints}}}")
    assert [o.name for o in spec.objectives_of("x")] == ["mae/many", "mae/few"]
    assert [o.name for o in spec.objectives_of("g")] == ["mae/all"]
    assert [c.name for c in spec.constraints_of("x")] == [
        "mae/all at_most base +0.1",
        "pearson/all at_least 0.5",
    ]
    (tmp_path / "again.yaml").write_text(spec.to_yaml())
    assert load_sweep(tmp_path / "again.yaml") == spec


def test_a_study_takes_the_sweeps_unless_it_has_its_own(load: Load) -> None:
    both = (
        "scheduler: none\nobjectives: [{region: few}, {region: many}]\n"
        "constraints: [{at_most: 9}]\nstudies:\n"
    )
    plain, own = (
        f"  x: {{{SPACE}, trials: 3}}\n",
        f"  y: {{{SPACE}, trials: 3, objectives: [mse], constraints: []}}\n",
    )
    text = "scheduler: {name: asha, grace_epochs: 2}\n"
    spec = loaded_with(("studies:\n", both + plain + own), (text, ""))
    assert [o.name for o in spec.objectives_of("x")] == ["mae/few", "mae/many"]
    assert [o.name for o in spec.objectives_of("y")] == ["mse/all"]
    assert len(spec.constraints_of("x")) == 1
    assert spec.constraints_of("y") == spec.constraints_of("g") == ()


def test_the_violation_is_counted_from_the_limit(load: Load) -> None:
    items = (
        "[{at_most: 7.5}, {at_most: {base_plus: 0.1}}, "
        "{metric: pearson, at_least: {base_plus: -0.02}}]"
    )
    spec = load(study=f"{{{SPACE}, trials: 5, constraints: {items}}}")
    fixed, of_base, correlation = spec.constraints_of("x")
    assert fixed.violation(8.0, None) == 0.5
    assert of_base.violation(8.0, 7.0) == pytest.approx(0.9)
    assert correlation.violation(0.9, 0.95) == pytest.approx(0.03)
    assert correlation.violation(0.94, 0.95) == pytest.approx(-0.01)


def test_the_base_is_planned_first_where_a_constraint_counts_from_it(load: Load) -> None:
    start = "start: [{regularizers.ranksim.gamma: 7}, {regularizers.ranksim.gamma: 100}]"
    spec = load(
        study=f"{{{SPACE}, trials: 5, {start}, constraints: [{{at_most: {{base_plus: 0.1}}}}]}}"
    )
    assert [p.overrides["regularizers.ranksim.gamma"] for p in planned_points(spec, "x")] == [
        100,
        7,
    ]
    outside = "space: {regularizers.ranksim.gamma: {log_uniform: [1, 10]}}, scheduler: none"
    spec = load(study=f"{{{outside}, trials: 5, constraints: [{{at_most: {{base_plus: 0.1}}}}]}}")
    assert [p.overrides for p in planned_points(spec, "x")] == [{}]


REFUSED = [
    (
        search_with("objectives: mae"),
        "a.yaml: studies.x.objectives: expected a list such as [{metric: mae, region: few}]",
    ),
    (search_with("objectives: []"), "a.yaml: studies.x.objectives: empty"),
    (
        search_with("objectives: [{metric: mea}]"),
        "a.yaml: studies.x.objectives.0.metric: synthetic-agedb does not report ",
    ),
    (
        search_with("objectives: [mae, {metric: mae}]"),
        "a.yaml: studies.x.objectives.1: duplicate objective mae/all",
    ),
    (
        search_with("objectives: [{regoin: few}]"),
        "a.yaml: studies.x.objectives.0.regoin: unknown key; did you mean 'reg",
    ),
    (
        search_with("constraints: {at_most: 3}"),
        "a.yaml: studies.x.constraints: expected a list such as [{metric: mae, ",
    ),
    (
        search_with("constraints: [7.5]"),
        "a.yaml: studies.x.constraints.0: expected a mapping such as {metric: mae, ",
    ),
    (
        search_with("constraints: [{metric: mae}]"),
        "a.yaml: studies.x.constraints.0: needs exactly one of at_most, at_least",
    ),
    (
        search_with("constraints: [{at_most: 1, at_least: 0}]"),
        "a.yaml: studies.x.constraints.0: needs exactly one of ",
    ),
    (
        search_with("constraints: [{at_most: much}]"),
        "a.yaml: studies.x.constraints.0.at_most: expected a number or "
        "{base_plus: number}, got 'much'",
    ),
    (
        search_with("constraints: [{at_most: {base: 1}}]"),
        "a.yaml: studies.x.constraints.0.at_most: expected a number or ",
    ),
    (
        search_with("constraints: [{atmost: 1}]"),
        "a.yaml: studies.x.constraints.0.atmost: unknown key; did you mean 'at_mos",
    ),
    (
        "{points: [{}], objectives: [mae]}",
        "a.yaml: studies.x.objectives: only for 'space'; this study has 'points'",
    ),
    (
        search_with(MANY_FEW, SPACE.replace(", scheduler: none", "")),
        "a.yaml: scheduler: 'asha' cannot end trials early "
        "while the study optimizes mae/many, mae/few: Optuna prunes by one objective only; set "
        "studies.x.scheduler: none",
    ),
    (
        search_with("objectives: [{region: few}]", SPACE.replace("none", "median")),
        "a.yaml: studies.x.scheduler: 'median' "
        "cannot end trials early while the study optimizes mae/few: it compares by the sweep's "
        "objective",
    ),
    (
        search_with(MANY_FEW + ", sampler: cmaes"),
        "a.yaml: studies.x.sampler.name: cmaes does not support several objectives; use",
    ),
    (
        search_with("sampler: cmaes, constraints: [{at_most: 7}]"),
        "a.yaml: studies.x.sampler.name: cmaes does not support constr",
    ),
    (
        search_with(
            "start: [{regularizers.ranksim.gamma: 2}, {regularizers.ranksim.gamma: 3}], "
            "constraints: [{at_most: {base_plus: 0}}]"
        ),
        "a.yaml: studies.x.trials: 2, but 3 points are planned: start, and the base for "
        "'base_plus'",
    ),
]


@pytest.mark.parametrize(("study", "message"), REFUSED, ids=range(len(REFUSED)))
def test_refused(complaint: Complaint, study: str, message: str) -> None:
    assert complaint(study=study).startswith(message)
