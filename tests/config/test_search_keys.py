"""Objectives and constraints of searches: what is read, what is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dirsweep.config.compatibility import refused_changes
from dirsweep.config.expand import make_point, planned_points
from dirsweep.config.load import load_sweep
from dirsweep.config.sweep import SweepSpec
from tests.config.conftest import Complaint, Load

SPACE = "space: {regularizers.ranksim.gamma: {log_uniform: [1, 1000]}}, scheduler: none"
MANY_FEW = "objectives: [{metric: mae, region: many}, {region: few}]"


def test_objectives_and_constraints_are_read_and_written_out(load: Load, tmp_path) -> None:  # type: ignore[no-untyped-def]
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
    both = "scheduler: none\nobjectives: [{region: few}, {region: many}]\nconstraints: [{at_most: 9}]\nstudies:\n"
    plain, own = (
        f"  x: {{{SPACE}, trials: 3}}\n",
        f"  y: {{{SPACE}, trials: 3, objectives: [mse], constraints: []}}\n",
    )
    text = "scheduler: {name: asha, grace_epochs: 2}\n"
    spec = _replaced(load, ("studies:\n", both + plain + own), (text, ""))
    assert [o.name for o in spec.objectives_of("x")] == ["mae/few", "mae/many"]
    assert [o.name for o in spec.objectives_of("y")] == ["mse/all"]
    assert len(spec.constraints_of("x")) == 1
    assert spec.constraints_of("y") == spec.constraints_of("g") == ()


def _replaced(load: Load, *pairs: tuple[str, str]) -> SweepSpec:
    from dirsweep.config.load import sweep_from_data
    from dirsweep.config.yaml_text import parse_yaml
    from tests.config.conftest import GOOD

    text = GOOD
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return sweep_from_data(parse_yaml(text))


def test_the_violation_is_counted_from_the_limit(load: Load) -> None:
    items = "[{at_most: 7.5}, {at_most: {base_plus: 0.1}}, {metric: pearson, at_least: {base_plus: -0.02}}]"
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


def _study(extra: str, space: str = SPACE) -> str:
    return f"{{{space}, trials: 2, {extra}}}"


REFUSED = [
    (
        _study("objectives: mae"),
        "a.yaml: studies.x.objectives: expected a list such as [{metric: mae, region: few}]",
    ),
    (_study("objectives: []"), "a.yaml: studies.x.objectives: empty"),
    (
        _study("objectives: [{metric: mea}]"),
        "a.yaml: studies.x.objectives.0.metric: synthetic-agedb does not report ",
    ),
    (
        _study("objectives: [mae, {metric: mae}]"),
        "a.yaml: studies.x.objectives.1: duplicate objective mae/all",
    ),
    (
        _study("objectives: [{regoin: few}]"),
        "a.yaml: studies.x.objectives.0.regoin: unknown key; did you mean 'reg",
    ),
    (
        _study("constraints: {at_most: 3}"),
        "a.yaml: studies.x.constraints: expected a list such as [{metric: mae, ",
    ),
    (
        _study("constraints: [7.5]"),
        "a.yaml: studies.x.constraints.0: expected a mapping such as {metric: mae, ",
    ),
    (
        _study("constraints: [{metric: mae}]"),
        "a.yaml: studies.x.constraints.0: needs exactly one of at_most, at_least",
    ),
    (
        _study("constraints: [{at_most: 1, at_least: 0}]"),
        "a.yaml: studies.x.constraints.0: needs exactly one of ",
    ),
    (
        _study("constraints: [{at_most: much}]"),
        "a.yaml: studies.x.constraints.0.at_most: expected a number or "
        "{base_plus: number}, got 'much'",
    ),
    (
        _study("constraints: [{at_most: {base: 1}}]"),
        "a.yaml: studies.x.constraints.0.at_most: expected a number or ",
    ),
    (
        _study("constraints: [{atmost: 1}]"),
        "a.yaml: studies.x.constraints.0.atmost: unknown key; did you mean 'at_mos",
    ),
    (
        "{points: [{}], objectives: [mae]}",
        "a.yaml: studies.x.objectives: only for 'space'; this study has 'points'",
    ),
    (
        _study(MANY_FEW, SPACE.replace(", scheduler: none", "")),
        "a.yaml: scheduler: 'asha' cannot end trials early "
        "while the study optimizes mae/many, mae/few: Optuna prunes by one objective only; set studies.x.scheduler: none",
    ),
    (
        _study("objectives: [{region: few}]", SPACE.replace("none", "median")),
        "a.yaml: studies.x.scheduler: 'median' "
        "cannot end trials early while the study optimizes mae/few: it compares by the sweep's objective",
    ),
    (
        _study(MANY_FEW + ", sampler: cmaes"),
        "a.yaml: studies.x.sampler.name: cmaes does not support several objectives; use",
    ),
    (
        _study("sampler: cmaes, constraints: [{at_most: 7}]"),
        "a.yaml: studies.x.sampler.name: cmaes does not support constr",
    ),
    (
        _study(
            "start: [{regularizers.ranksim.gamma: 2}, {regularizers.ranksim.gamma: 3}], "
            "constraints: [{at_most: {base_plus: 0}}]"
        ),
        "a.yaml: studies.x.trials: 2, but 3 points are planned: start, and the base for 'base_plus'",
    ),
]


@pytest.mark.parametrize(("study", "message"), REFUSED, ids=range(len(REFUSED)))
def test_refused(complaint: Complaint, study: str, message: str) -> None:
    assert complaint(study=study).startswith(message)


def test_other_objectives_do_not_extend_a_run(load: Load) -> None:
    old: Callable[[str], SweepSpec] = lambda extra: load(study=_study(extra))  # noqa: E731
    assert refused_changes(old(MANY_FEW), old(MANY_FEW)) == []
    assert refused_changes(old(MANY_FEW), old("objectives: [mae]")) == [
        "studies.x.objectives: mae/many, mae/few -> mae/all"
    ]
    assert (
        refused_changes(old("constraints: [{at_most: 7}]"), old("constraints: [{at_most: 8}]"))
        == []
    )


def test_reproducible_is_read_and_written_out(load: Load) -> None:
    plain, window = (
        load("seeds: [0, 1]", "reproducible: false"),
        load("scheduler: {name: asha, grace_epochs: 2}", "reproducible: true\nwindow: 6"),
    )
    assert "reproducible" not in plain.to_dict()
    assert (window.to_dict()["reproducible"], window.to_dict()["window"]) == (True, 6)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("window: 3", "a.yaml: window: has no effect without 'reproducible: true'"),
        (
            "reproducible: yes please",
            "a.yaml: reproducible: expected true or false, got 'yes please'",
        ),
        ("reproducible: true\nwindow: 0", "a.yaml: window: must be >= 1, got 0"),
        ("reproducible: true\nwindow: 2.5", "a.yaml: window: expected a whole number, got 2.5"),
    ],
)
def test_reproducible_refused(complaint: Complaint, line: str, message: str) -> None:
    assert complaint("seeds: [0, 1]", line) == message


def test_reproducible_and_a_scheduler_that_compares(load: Load, complaint: Complaint) -> None:
    study = "  s: {trials: 2, space: {batch_size: {choice: [8, 16]}}}\n"
    line = complaint("studies:\n", f"reproducible: true\nstudies:\n{study}")
    assert line.startswith(
        "a.yaml: scheduler: 'asha' compares a trial with others that happen to be as far"
    )
    own = study.replace("}}}", "}}, scheduler: patience}")
    assert load("studies:\n", f"reproducible: true\nstudies:\n{own}").reproducible


def test_the_window_of_a_run_stays(load: Load) -> None:
    def spec(line: str) -> SweepSpec:
        study = f"studies:\n  x: {_study('sampler: tpe')}\n"
        return _replaced(
            load, ("scheduler: {name: asha, grace_epochs: 2}", line), ("studies:\n", study)
        )

    small, large = spec("reproducible: true\nwindow: 2"), spec("reproducible: true\nwindow: 3")
    assert refused_changes(small, large) == ["window: 2 -> 3"]
    assert refused_changes(small, small) == []
    assert refused_changes(small, spec("preview: false")) == []


GRID = "grid: {batch_size: [16, 32]}"


@pytest.mark.parametrize(
    ("study", "message"),
    [
        (
            f"{{{GRID}, racing: {{max_seeds: 2}}}}",
            "a.yaml: studies.x.racing.max_seeds: must be >= 3, got 2",
        ),
        (
            f"{{{GRID}, racing: {{max_seeds: 4}}, seeds: [0, 1, 2, 3]}}",
            "a.yaml: studies.x.racing.max_seeds: must exceed the study's 4 seeds, got 4",
        ),
        (
            f"{{{GRID}, racing: {{max_seeds: 4, confidence: 0.5}}}}",
            "a.yaml: studies.x.racing.confidence: must be > 0.5",
        ),
        (
            f"{{{GRID}, racing: {{max_seed: 4}}}}",
            "a.yaml: studies.x.racing.max_seed: unknown key; did you mean 'max_s",
        ),
        (
            f"{{{GRID}, racing: {{max_seeds: 4}}, seeds: [0]}}",
            "a.yaml: studies.x.racing: needs a study with at least 2 seeds",
        ),
        (
            f"{{{SPACE}, trials: 3, {MANY_FEW}, racing: {{max_seeds: 4}}}}",
            "a.yaml: studies.x.racing: compares points by",
        ),
    ],
)
def test_racing_refused(complaint: Complaint, study: str, message: str) -> None:
    assert complaint(study=study).startswith(message)


def test_racing_is_read_set_and_left_out_of_a_preview(load: Load) -> None:
    study = f"{{{GRID}, racing: {{max_seeds: 4}}}}"
    racing = load("", "", "studies.x.racing.confidence=0.9", study=study).studies["x"].racing
    assert racing is not None
    assert (racing.max_seeds, racing.confidence) == (4, 0.9)
    assert load(study=study, preview=True).studies["x"].racing is None


# ---- warm start, published settings


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (
            "warm_start: runs/a",
            "a.yaml: studies.x.warm_start: expected a list such as [runs/first], got 'runs/a'",
        ),
        ("warm_start: [3]", "a.yaml: studies.x.warm_start.0: expected the folder of a run, got 3"),
        ("warm_start: [a, a]", "a.yaml: studies.x.warm_start.1: duplicate run 'a'"),
        (
            "warm_start: [a], sampler: random",
            "a.yaml: studies.x.warm_start: random learns only from points that it proposed; "
            "use tpe or gp",
        ),
        ("start: publishd", "a.yaml: studies.x.start: expected a list of mappings"),
        (
            "start: {published: 3}",
            "a.yaml: studies.x.start.published: expected a paper or a table such as ranks",
        ),
        (
            "start: {published: rnaksim}",
            "a.yaml: studies.x.start.published: no published results of paper 'rnaksim'; did ",
        ),
        ("start: published", "a.yaml: studies.x.start.published: none of the "),
    ],
)
def test_warm_start_and_published_refused(complaint: Complaint, extra: str, message: str) -> None:
    outside = "space: {regularizers.ranksim.gamma: {uniform: [0.015, 0.016]}}, scheduler: none"
    assert complaint(study=_study(extra, outside)).startswith(message)


def _with_start(start: str) -> str:
    base = "base: {reweighting.name: sqinv, regularizers.ranksim.lambda: 2}"
    return f"{{{SPACE}, trials: 50, {base}, start: {start}}}"


def _gammas(load: Load, start: str) -> list[float]:
    points = planned_points(load(study=_with_start(start)), "x")
    return [point.overrides["regularizers.ranksim.gamma"] for point in points]


def test_published_settings_are_planned_points(load: Load, tmp_path) -> None:  # type: ignore[no-untyped-def]
    table_10 = _gammas(load, "{published: ranksim/10}")
    assert table_10 == [1, 10, 100, 200, 500, 1000], (
        "0.01 and 0.1 lie outside, (100, 2) stands there twice"
    )
    assert set(_gammas(load, "published")) == set(table_10)
    spec = load(study=_with_start("published"))
    (tmp_path / "again.yaml").write_text(spec.to_yaml())
    assert load_sweep(tmp_path / "again.yaml") == spec


def test_published_settings_switch_off_what_they_do_not_name(load: Load) -> None:
    space = "space: {reweighting.name: {choice: [none, sqinv]}, regularizers.ranksim: {choice: [false, true]}}"
    study = f"{{{space}, scheduler: none, trials: 9, base: {{regularizers.ranksim.lambda: 2}}, start: published}}"
    points = [point.overrides for point in planned_points(load(study=study), "x")]
    assert {tuple(point.values()) for point in points} == {
        ("none", False),
        ("none", True),
        ("sqinv", False),
        ("sqinv", True),
    }


def test_the_space_finds_a_configuration_again(load: Load) -> None:
    space = (
        "space: {regularizers.ranksim.gamma: {log_uniform: [1, 1000]}, batch_size: {choice: [16, 32]}, "
        "loss: {choice: [l1, {name: huber, beta: 2}]}}, scheduler: none"
    )
    spec = load(study=f"{{{space}, trials: 3}}")
    found = spec.studies["x"].space
    assert found is not None
    for loss, gamma, size in (("l1", 7.5, 32), ({"name": "huber", "beta": 2}, 2.0, 16)):
        point = {"loss": loss, "regularizers.ranksim.gamma": gamma, "batch_size": size}
        config = make_point(spec, "x", 0, point).config.to_dict()
        assert found.locate(config) == point
        assert found.locate({**config, "epochs": 5}) is None
        assert found.locate({**config, "batch_size": 64}) is None
        assert found.locate({**config, "loss": {"name": "huber", "beta": 3.0}}) is None


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "budget: {}",
            "a.yaml: budget: empty; give it at least one of trials, wall_hours, cpu_hours, gpu_hours, money",
        ),
        ("budget: 3", "a.yaml: budget: expected a mapping, got 3"),
        ("budget: {hours: 3}", "a.yaml: budget.hours: unknown key; did you mean 'gpu_hours'?"),
        ("budget: {cpu_hours: 0}", "a.yaml: budget.cpu_hours: must be > 0, got 0"),
        ("budget: {money: {cpu_hour: 1}}", "a.yaml: budget.money.limit: missing"),
        (
            "budget: {money: {limit: 3}}",
            "a.yaml: budget.money: needs a price: cpu_hour, gpu_hour, or both",
        ),
    ],
)
def test_budget_refused(complaint: Complaint, line: str, message: str) -> None:
    assert complaint("seeds: [0, 1]", line).startswith(message)


def test_a_budget_is_read_set_and_written_out(load: Load) -> None:
    spec = load(
        "seeds: [0, 1]",
        "budget: {cpu_hours: 3, money: {limit: 5, gpu_hour: 2}}",
        "budget.cpu_hours=4",
    )
    assert spec.to_dict()["budget"] == {
        "cpu_hours": 4.0,
        "money": {"limit": 5.0, "cpu_hour": 0.0, "gpu_hour": 2.0},
    }
    assert refused_changes(spec, load()) == []
