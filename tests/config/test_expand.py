from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated

import pytest
from pydantic import Field

from dirsweep import registry
from dirsweep.config import point_names
from dirsweep.config.expand import (
    make_point,
    make_trial,
    plan_rows,
    planned_points,
    validate,
)
from dirsweep.config.point_names import labels_of
from dirsweep.config.sweep import SweepSpec
from dirsweep.config.trial import NamedConfig, TrialConfig, trial_id_of
from dirsweep.errors import SpecError
from dirsweep.methods.base import TechniqueConfig

Load = Callable[..., SweepSpec]
Complaint = Callable[..., str]


def test_a_grid_runs_through_all_combinations_the_last_key_fastest(load: Load) -> None:
    spec = load(study="{grid: {loss.name: [l1, huber], regularizers.ranksim.gamma: [1, 10, 100]}}")
    points = planned_points(spec, "x")
    assert [p.overrides for p in points] == [
        {"loss.name": loss, "regularizers.ranksim.gamma": gamma}
        for loss in ("l1", "huber")
        for gamma in (1, 10, 100)
    ]
    assert [p.index for p in points] == list(range(6))
    assert labels_of(spec, "x", points)[4] == "loss=huber, ranksim.gamma=10"
    assert points[4].config.to_dict()["regularizers"]["ranksim"]["gamma"] == 10.0


def test_one_at_a_time_has_the_base_once_and_first(load: Load) -> None:
    spec = load(
        study="{one_at_a_time: {regularizers.ranksim.gamma: [1, 100.0, 200], "
        "loss.name: [l1, huber], "
        "regularizers.ranksim: [{gamma: 100}, null], optimizer.weight_decay: [0, 1e-4]}}"
    )
    assert [p.overrides for p in planned_points(spec, "x")] == [
        {},
        {"regularizers.ranksim.gamma": 1},
        {"regularizers.ranksim.gamma": 200},
        {"loss.name": "huber"},
        {"regularizers.ranksim": None},
        {"optimizer.weight_decay": 1e-4},
    ]
    assert [p.index for p in planned_points(spec, "x")] == list(range(6))


def test_points_are_taken_as_written(load: Load) -> None:
    spec = load(
        study="{points: [{}, {regularizers.conr: {beta: 2}}, {reweighting: sqinv, epochs: 3}]}"
    )
    configs = [p.config for p in planned_points(spec, "x")]
    assert configs[0] == spec.base_config
    assert configs[1].to_dict()["regularizers"]["conr"]["beta"] == 2.0
    assert (configs[2].to_dict()["reweighting"], configs[2].epochs) == ({"name": "sqinv"}, 3)


def test_a_study_varies_its_own_base(load: Load) -> None:
    spec = load(
        study="{base: {regularizers.ranksim: null, loss.name: huber}, "
        "one_at_a_time: {loss.beta: [1, 2]}}"
    )
    points = planned_points(spec, "x")
    assert [p.overrides for p in points] == [{}, {"loss.beta": 2}]
    assert points[0].config.to_dict()["loss"] == {"name": "huber", "beta": 1.0}
    assert points[1].config.to_dict()["regularizers"] == {}


def test_a_space_plans_its_start(load: Load) -> None:
    spec = load(
        study="{trials: 5, start: [{}, {batch_size: 32}], "
        "space: {batch_size: {choice: [32, 64]}, regularizers.ranksim.gamma: {log_uniform: [1, "
        "1000]}}}"
    )
    assert [p.overrides for p in planned_points(spec, "x")] == [
        {"batch_size": 64, "regularizers.ranksim.gamma": 100},
        {"batch_size": 32, "regularizers.ranksim.gamma": 100},
    ]


def test_the_plan_counts_equal_trials_once(load: Load) -> None:
    spec = load(
        study="{one_at_a_time: {batch_size: [16, 8]}}\n  y: {trials: 4, seeds: [0], start: [{}], "
        "space: {regularizers.ranksim.gamma: {uniform: [1, 200]}}}\n"
        "  z: {points: [{}, {regularizers.ranksim.gamma: 100}]}"
    )
    rows = plan_rows(spec)
    assert [tuple(row.values()) for row in rows] == [
        ("x", "one_at_a_time", 3, 2, 6, 6, 1, "auto"),
        ("y", "space", 4, 1, 4, 3, 1, "auto"),  # its start is the base, seed 0
        ("z", "points", 2, 2, 4, 0, 1, "auto"),
        ("g", "grid", 2, 2, 4, 2, 1, "auto"),  # batch size 16 was in x
    ]
    assert list(rows[0]) == [
        "study",
        "design",
        "points",
        "seeds",
        "trials",
        "unique_trials",
        "cpu",
        "gpu",
    ]


def test_a_trial_carries_all_that_decides_its_result(load: Load) -> None:
    spec = load()
    point = planned_points(spec, "g")[1]
    trial = make_trial(spec, point, 1, "abc", cache="c")
    assert trial.trial_id == trial_id_of(
        point.config, spec.benchmark.identity(), "abc", 1, "mae/all"
    )
    assert trial.config == point.config.to_dict()
    assert trial.config["batch_size"] == 32
    assert (trial.seed, trial.metric, trial.region, trial.synthetic, trial.cache) == (
        1,
        "mae",
        "all",
        True,
        "c",
    )
    others = {
        make_trial(spec, point, 0, "abc").trial_id,
        make_trial(spec, point, 1, "abd").trial_id,
        make_trial(spec, planned_points(spec, "g")[0], 1, "abc").trial_id,
        make_trial(load("region: all", "region: few"), point, 1, "abc").trial_id,
        make_trial(
            load("synthetic-agedb", "{name: synthetic-agedb, seed: 1}"), point, 1, "abc"
        ).trial_id,
    }
    assert trial.trial_id not in others
    assert len(others) == 5
    # neither names nor resources are part of it
    renamed = load("name: good", "name: other", "resources.cpu=2")
    assert make_trial(renamed, point, 1, "abc").trial_id == trial.trial_id


def test_a_proposed_point_is_built_and_checked(load: Load) -> None:
    spec = load(study="{trials: 4, space: {batch_size: {int: [1, 9]}}}")
    point = make_point(spec, "x", 3, {"batch_size": 7})
    assert (point.study, point.index, point.config.batch_size) == ("x", 3, 7)
    with pytest.raises(
        SpecError, match=r"a\.yaml: studies\.x\.space\.batch_size: must be >= 1, got 0$"
    ):
        make_point(spec, "x", 0, {"batch_size": 0})


@pytest.mark.parametrize(
    ("study", "message"),
    [
        ("{grid: {batch_size: [4, 0]}}", "studies.x.grid.batch_size: must be >= 1, got 0"),
        (
            "{one_at_a_time: {loss.name: [hubr]}}",
            "studies.x.one_at_a_time.loss.name: unknown loss 'hubr'; did you mean ",
        ),
        (
            "{points: [{}, {regularizers.conr: {omgea: 1}}]}",
            "studies.x.points.1.regularizers.conr.omgea: unknown key; did you mean 'omega'? "
            "(known: ",
        ),
        (
            "{points: [{loss: hubr}]}",
            "studies.x.points.0.loss: unknown loss 'hubr'; did you mean 'huber'? (known: ",
        ),
        (
            "{points: [{regularizers.ranksim: null, regularizers.ranksim.gamma: 2}]}",
            "studies.x.points.0.regularizers.ranksim.gamma: set although the same point switches "
            "'ranksim' off",
        ),
        (
            "{base: {loss.name: hubr}, points: [{}]}",
            "studies.x.base.loss.name: unknown loss 'hubr'; did you mean 'huber'?",
        ),
        (
            "{base: {regularizers.ranksim.gamma: -1}, points: [{}]}",
            "studies.x.base.regularizers.ranksim.gamma: must be >= 0",
        ),
        (
            "{trials: 2, start: [{batch_size: 3}], space: {batch_size: {choice: [1, 2]}}}",
            "studies.x.start.0.batch_size: must lie in the study's choice [1, 2], got 3",
        ),
        (
            "{trials: 2, space: {batch_size: {int: [0, 4]}}}",
            "studies.x.space.batch_size: must be >= 1, got 0",
        ),
        (
            "{trials: 2, space: {batch_size: {uniform: [1, 4]}}}",
            "studies.x.space.batch_size: expected a whole number, got 1.0",
        ),
        (
            "{trials: 2, space: {loss.name: {choice: [l1, mse, hubr]}}}",
            "studies.x.space.loss.name: unknown loss 'hubr'; did",
        ),
        (
            "{trials: 2, space: {regularizers.conr: {choice: [null, {beta: -1}]}}}",
            "studies.x.space.regularizers.conr.beta: must be >= 0, got -1",
        ),
        (
            "{trials: 2, space: {loss.name: {choice: [l1, huber]}, loss.beta: {uniform: [0, 1]}}}",
            "studies.x.space.loss.beta: must be > 0, got 0.0",
        ),
    ],
)
def test_every_point_is_checked_before_a_run(
    complaint: Complaint, study: str, message: str
) -> None:
    assert complaint(study=study).startswith(f"a.yaml: {message}")


def test_a_backbone_must_take_what_the_benchmark_gives(complaint: Complaint) -> None:
    line = complaint("synthetic-agedb", "sts-b-dir")
    assert line.startswith(
        "a.yaml: base.backbone.name: 'small_cnn' takes image, but sts-b-dir gives text_pair "
        "(backbones"
    )
    assert "bilstm" in line


def test_the_released_stopping_rule_needs_patience(complaint: Complaint) -> None:
    line = complaint(study="{points: [{stopping: released, patience: 10}, {stopping: released}]}")
    assert line == (
        "a.yaml: studies.x.points.1.stopping: 'released' needs patience, such as patience: 10"
    )


@pytest.fixture
def picky() -> Iterator[None]:
    """A reweighting that shuns huber and refuses weights that do not grow."""

    @registry.register("reweighting", "picky")
    class Picky(TechniqueConfig):
        strength: Annotated[float, Field(gt=0)] = 1.0

        def conflict(self, trial: TrialConfig, benchmark: NamedConfig) -> str | None:
            return "picky cannot stand huber" if trial.loss.registered_name == "huber" else None

    yield
    del registry._classes["reweighting"]["picky"]


@pytest.mark.usefixtures("picky")
@pytest.mark.parametrize(
    ("study", "message"),
    [
        (
            "{points: [{reweighting: picky}, {reweighting: picky, loss: huber}]}",
            "studies.x.points.1.reweighting: picky cannot stand huber",
        ),
        (
            "{base: {reweighting.name: picky}, grid: {loss.name: [l1, huber]}}",
            "studies.x.base.reweighting.name: picky cannot stand huber",
        ),
        (
            "{grid: {reweighting.name: [none, picky], loss.name: [l1, huber]}}",
            "studies.x.grid.reweighting.name: picky cannot stand huber",
        ),
        # two values of a search that exclude each other are found by trying every pair
        (
            "{trials: 9, space: {reweighting.name: {choice: [none, inv, sqinv, lds, picky]}, "
            "loss.name: {choice: [l1, mse, focal_r, huber]}}}",
            "studies.x.space.reweighting.name: picky cannot stand huber",
        ),
    ],
)
def test_parts_that_exclude_each_other(complaint: Complaint, study: str, message: str) -> None:
    assert complaint(study=study) == f"a.yaml: {message}"


@pytest.mark.usefixtures("picky")
def test_a_conflict_that_lies_in_the_base_names_the_point(complaint: Complaint) -> None:
    line = complaint(
        "  loss: l1\n",
        "  loss: l1\n  reweighting: picky\n",
        "studies.g.grid={loss.name: [l1, huber]}",
    )
    assert (
        line == "a.yaml: base.reweighting.name: picky cannot stand huber "
        "(at studies.g.grid, loss.name: 'huber')"
    )


@pytest.mark.usefixtures("picky")
def test_when_keeps_values_apart(load: Load) -> None:
    validate(
        load(
            study="{trials: 9, space: {loss.name: {choice: [l1, huber]}, "
            "reweighting.name: {choice: [none, picky], when: {loss.name: l1}}}}"
        )
    )


def test_two_different_points_with_one_name_are_refused(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = load(study="{points: [{}, {optimizer.lr: 0.1}, {optimizer: {lr: 0.1}}]}")
    validate(spec)  # the last two are one configuration, and are trained once
    monkeypatch.setattr(
        point_names, "labels_of", lambda spec, study, points: ["same"] * len(points)
    )
    what = r"studies\.x\.points: points 0 and 1 differ, but both are called 'same'"
    with pytest.raises(SpecError, match=what):
        validate(spec)
