"""What a configuration's kind and length are, and which trials a sweep plans."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dirsweep.config.expand import make_point
from dirsweep.config.trial import Point
from dirsweep.errors import SpecError
from dirsweep.estimate import trial_kinds as module
from dirsweep.estimate.durations import TrialLength
from dirsweep.estimate.trial_kinds import NUM_DRAWN, TrialKinds, planned_trials
from tests.flow.driving import loaded, tiny_sweep
from tests.tiny import TinyBenchmark, TinyConfig


def _kinds(folder: Path, studies: Any = None, **more: Any) -> tuple[Any, TrialKinds]:
    spec = loaded(tiny_sweep(folder, studies or {"only": {"points": [{}]}}, **more))
    return spec, TrialKinds(spec, TinyBenchmark(TinyConfig()))


@pytest.mark.parametrize(
    ("overrides", "kind"),
    [
        ({}, set()),
        ({"optimizer.lr": 0.3, "epochs": 9, "optimizer.weight_decay": 0.1}, set()),
        ({"loss": {"name": "huber", "beta": 0.5}}, {"loss huber"}),
        ({"reweighting": "lds"}, {"reweighting lds"}),
        ({"reweighting": {"name": "lds", "sigma": 3, "kernel": "laplace"}}, {"reweighting lds"}),
        ({"smoothing": "fds"}, {"smoothing fds"}),
        ({"smoothing": {"name": "fds", "statistics": "pass"}}, {"smoothing fds with a pass"}),
        (
            {"smoothing": {"name": "fds", "statistics": "pass", "formulation": "released"}},
            {"smoothing fds with an augmented pass"},
        ),
        ({"regularizers.ranksim": {"gamma": 7}, "regularizers.conr": None}, {"ranksim", "no conr"}),
        ({"regularizers.conr.beta": 2}, set()),
        ({"regularizers.moco": {"variant": "v1"}}, {"moco"}),
        ({"regularizers.moco": {"variant": "v2"}}, {"moco (3 views)"}),
        ({"schedule": "rrt", "batch_size": 16}, {"schedule rrt", "batch_size 16"}),
        (
            {"precision": "bfloat16", "optimizer.name": "sgd"},
            {"precision bfloat16", "optimizer sgd"},
        ),
        ({"grad_clip": 1.0}, {"grad_clip on"}),
    ],
)
def test_a_kind_is_what_may_change_the_speed(
    tmp_path: Path, overrides: dict[str, Any], kind: set[str]
) -> None:
    spec, kinds = _kinds(tmp_path, base={"regularizers": {"conr": {}}})
    assert kinds.kind(make_point(spec, "only", 0, overrides).config) == kind


def test_lengths_count_every_stage(tmp_path: Path) -> None:
    spec, kinds = _kinds(tmp_path, base={"epochs": 5, "validate_every": 2})

    def length(**overrides: Any) -> TrialLength:
        return kinds.length(make_point(spec, "only", 0, overrides).config)

    assert length() == TrialLength(5, 0, 3)  # after epochs 2, 4 and the last
    assert length(schedule="rrt") == TrialLength(5, 5, 6)
    assert length(schedule={"name": "rrt", "epochs": 2}) == TrialLength(5, 2, 4)
    shared = {"name": "rrt", "epochs": 2, "first_stage": "shared"}
    assert length(schedule=shared).all_epochs == 2
    assert (length(schedule=shared).epochs, length(schedule=shared).later_epochs) == (0, 2)
    # steps of an epoch: 200 / 16
    by_steps = {"validate_every": {"steps": 5}, "batch_size": 16}
    assert length(**by_steps) == TrialLength(5, 0, 13)
    assert length(**by_steps, max_checks=4) == TrialLength(2, 0, 4)
    assert length(**by_steps, max_checks=4, schedule="rrt") == TrialLength(2, 2, 8)


def test_equal_trials_are_planned_once_and_drawn_ones_share_what_is_left(tmp_path: Path) -> None:
    space = {"batch_size": {"choice": [16, 32]}, "optimizer.lr": {"log_uniform": [0.001, 0.1]}}
    studies = {
        "grid": {"grid": {"epochs": [2, 4]}, "seeds": [0, 1]},
        "again": {"points": [{"epochs": 4}]},
        "search": {"trials": 10, "space": space, "start": [{"batch_size": 16}], "seeds": [0, 1]},
    }
    spec, kinds = _kinds(tmp_path, studies)
    plan = planned_trials(spec, kinds, None)
    certain, drawn = plan[:6], plan[6:]
    assert [(one.length.epochs, one.trial.seed) for one in certain] == [
        (2, 0),
        (2, 1),
        (4, 0),
        (4, 1),
        (3, 0),
        (3, 1),
    ]
    assert [one.count for one in drawn] == [9 * 2 / NUM_DRAWN] * NUM_DRAWN
    assert sum(one.count for one in plan) == pytest.approx(2 * 2 + 10 * 2)
    assert {one.kind for one in plan} == {frozenset(), frozenset({"batch_size 16"})}
    assert plan == planned_trials(spec, kinds, None)


def test_invalid_points_of_a_space_are_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, kinds = _kinds(
        tmp_path, {"search": {"trials": 30, "space": {"batch_size": {"choice": [16, 32]}}}}
    )

    def no_16(spec: Any, study: str, index: int, overrides: dict[str, Any]) -> Point:
        if overrides.get("batch_size") == 16:
            raise SpecError("no")
        return make_point(spec, study, index, overrides)

    monkeypatch.setattr(module, "make_point", no_16)
    plan = planned_trials(spec, kinds, None)
    assert {one.trial.config["batch_size"] for one in plan} == {32}
    assert 0 < len(plan) < NUM_DRAWN
    assert sum(one.count for one in plan) == pytest.approx(30)
