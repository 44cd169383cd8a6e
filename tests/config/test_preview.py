from __future__ import annotations

from collections.abc import Callable

import pytest

from dirsweep.config.expand import plan_rows, planned_points, validate
from dirsweep.config.preview import first_middle_last
from dirsweep.config.sweep import SweepSpec

Load = Callable[..., SweepSpec]


def test_first_middle_last() -> None:
    assert first_middle_last([1, 2]) == [1, 2]
    assert first_middle_last([1, 2, 3]) == [1, 2, 3]
    assert first_middle_last([1, 2, 3, 4]) == [1, 2, 4]
    assert first_middle_last(list(range(11))) == [0, 5, 10]


def test_a_preview_is_small(load: Load) -> None:
    spec = load("cpu: 1", "cpu: 4", preview=True)
    assert spec.preview
    assert (spec.seeds, spec.base_config.epochs, spec.base_config.patience) == ((0,), 2, None)
    assert spec.scheduler is not None
    assert spec.scheduler.grace_epochs == 1
    assert spec.benchmark.to_dict()["fraction"] == 0.25
    assert spec.resources.cpu == 1
    assert load("epochs: 9", "epochs: 1", preview=True).base_config.epochs == 1


def test_a_preview_keeps_how_trainings_are_validated_and_stopped(load: Load) -> None:
    by_steps = "epochs: 9\n  patience: 4\n  validate_every: {steps: 40}"
    spec = load("epochs: 9", by_steps, preview=True)
    assert spec.base_config.to_dict()["validate_every"] == {"steps": 40}
    assert spec.base_config.patience is None
    # the released rule needs patience, in whatever point it is
    spec = load(
        "epochs: 9", by_steps, "studies.r={grid: {stopping: [patience, released]}}", preview=True
    )
    assert (spec.base_config.patience, spec.base_config.epochs) == (4, 2)
    validate(spec)


@pytest.mark.parametrize(
    ("study", "expected"),
    [
        (
            "{grid: {batch_size: [4, 5, 6, 7, 8]}}",
            [{"batch_size": 4}, {"batch_size": 6}, {"batch_size": 8}],
        ),
        (
            "{grid: {batch_size: [4, 5, 6], optimizer.lr: [1, 2, 3], optimizer.momentum: [0, "
            "0.5]}}",
            [
                {"batch_size": b, "optimizer.lr": lr, "optimizer.momentum": 0}
                for b in (4, 6)
                for lr in (1, 3)
            ],
        ),
        (
            "{one_at_a_time: {batch_size: [4, 5, 6], optimizer.lr: [1, 2]}}",
            [{}, {"batch_size": 4}, {"batch_size": 6}, {"optimizer.lr": 1}, {"optimizer.lr": 2}],
        ),
        (
            "{points: [{}, {batch_size: 4}, {batch_size: 5}, {batch_size: 6}]}",
            [{}, {"batch_size": 4}, {"batch_size": 6}],
        ),
        ("{grid: {epochs: [1, 30, 90]}}", [{"epochs": 1}, {"epochs": 2}]),
        ("{points: [{epochs: 90}]}", [{"epochs": 2}]),
    ],
)
def test_few_points(load: Load, study: str, expected: list[object]) -> None:
    spec = load(study=study, preview=True)
    assert [point.overrides for point in planned_points(spec, "x")] == expected


def test_a_search_is_cut_to_three_trials_and_keeps_one_to_propose(load: Load) -> None:
    study = (
        "{trials: 60, seeds: [4, 5], base: {epochs: 50}, start: [{}, {batch_size: 4}, {batch_size: "
        "5}], "
        "scheduler: {name: median, grace_epochs: 20}, space: {batch_size: {int: [4, 64]}}}"
    )
    spec = load(study=study, preview=True)
    found = spec.studies["x"]
    assert (found.trials, len(found.start), found.seeds) == (3, 2, (4,))
    assert found.scheduler is not None
    assert found.scheduler.grace_epochs == 1
    assert spec.base_of("x")["epochs"] == 2
    validate(spec)
    assert [row["trials"] for row in plan_rows(spec)] == [3, 2]


def test_what_is_told_stays(load: Load) -> None:
    spec = load(
        "",
        "",
        "epochs=5",
        "seeds=[3, 4]",
        "benchmark.fraction=0.5",
        "scheduler.grace_epochs=4",
        "resources.cpu=2",
        "patience=3",
        "studies.g.grid.batch_size=[4, 5, 6, 7]",
        preview=True,
    )
    assert (spec.base_config.epochs, spec.base_config.patience, spec.seeds) == (5, 3, (3, 4))
    assert spec.benchmark.to_dict()["fraction"] == 0.5
    assert spec.scheduler is not None
    assert spec.scheduler.grace_epochs == 4
    assert spec.resources.cpu == 2
    assert len(planned_points(spec, "g")) == 4


def test_a_marked_file_is_not_thinned(load: Load) -> None:
    spec = load("name: good", "name: good\npreview: true")
    assert spec.preview
    assert spec.base_config.epochs == 9
