"""What a replaced section loses, written out."""

from __future__ import annotations

from typing import Any

import pytest

from dirsweep.config.expand import planned_points
from dirsweep.config.load import sweep_from_data
from dirsweep.config.overrides import build_config, normalize_base, with_overrides
from dirsweep.config.point_names import labels_of
from dirsweep.config.replaced_values import write_out
from dirsweep.config.yaml_text import parse_yaml
from tests.config.conftest import Complaint, Load

BASE = normalize_base(
    {
        "backbone": "small_cnn",
        "loss": {"name": "huber", "beta": 2},
        "regularizers": {"ranksim": {"gamma": 7, "lambda": 3}},
        "optimizer": {"name": "adamw", "lr": 2e-3, "weight_decay": 0.1},
    }
)


def _replace(**settings: Any) -> dict[str, Any]:
    return {"!replace": settings}


@pytest.mark.parametrize(
    ("key", "value", "written_out"),
    [
        ("optimizer", {"lr": 0.1}, {"lr": 0.1}),
        (
            "optimizer",
            {"name": "sgd", "lr": 0.1},
            {"name": "sgd", "lr": 0.1, "weight_decay": 0.0},
        ),
        ("optimizer", _replace(lr=0.1), {"lr": 0.1, "weight_decay": 0.0}),
        ("optimizer", None, {"name": "adam", "lr": 0.001, "weight_decay": 0.0}),
        ("loss", _replace(), {"beta": 1.0}),
        ("loss", _replace(name="huber"), {"beta": 1.0}),
        ("loss", _replace(beta=3), {"beta": 3}),
        ("loss", _replace(name="mse"), "mse"),
        ("loss", None, "l1"),
        ("loss", {"name": "mse"}, {"name": "mse"}),
        ("regularizers.ranksim", _replace(gamma=1), {"gamma": 1, "lambda": 2.0}),
        ("regularizers.ranksim", "default", {"gamma": 100.0, "lambda": 2.0}),
        ("regularizers.ranksim", True, True),
        ("regularizers.conr", "default", "default"),
        ("regularizers.conr", _replace(eta=1), {"eta": 1}),
        ("regularizers", None, {"ranksim": None}),
        ("regularizers", _replace(conr={"eta": 1}), {"ranksim": None, "conr": {"eta": 1}}),
        ("regularizers", {"conr": {"eta": 1}}, {"conr": {"eta": 1}}),
        ("epochs", 3, 3),
    ],
)
def test_a_replaced_section_is_written_out(key: str, value: Any, written_out: Any) -> None:
    found = write_out(BASE, {key: value})
    assert found == {key: written_out}
    # once more changes nothing, and both mean the same
    assert write_out(BASE, found) == found
    given, again = (with_overrides(BASE, overrides) for overrides in ({key: value}, found))
    assert build_config(given).to_dict() == build_config(again).to_dict()


BASE_TEXT = "optimizer: {name: adam, lr: 1e-3, milestones: [6, 8]}"
OPTIMIZER = "optimizer: {name: adamw, lr: 2e-3, weight_decay: 0.1}"


def _adamw(load: Load, study: str, *sets: str) -> Any:
    return load(BASE_TEXT, OPTIMIZER, f"studies.x={study}", *sets)


def test_points_merge_like_dotted_keys_and_their_names_say_everything(load: Load) -> None:
    spec = _adamw(
        load,
        "{points: [{}, {optimizer: {lr: 0.1}}, {optimizer.lr: 0.1}, "
        "{optimizer: {name: sgd, lr: 0.1}}, {optimizer: !replace {lr: 0.1}}]}",
    )
    points = planned_points(spec, "x")
    optimizers = [(p.config.optimizer.name, p.config.optimizer.weight_decay) for p in points]
    assert optimizers == [
        ("adamw", 0.1),
        ("adamw", 0.1),
        ("adamw", 0.1),
        ("sgd", 0.0),
        ("adamw", 0.0),
    ]
    assert points[1].config == points[2].config
    assert labels_of(spec, "x", points) == [
        "base",
        "lr=0.1",
        "lr=0.1",
        "optimizer=sgd, lr=0.1, weight_decay=0",
        "lr=0.1, weight_decay=0",
    ]
    # what a run stores means the same, without the tag
    stored = spec.to_yaml()
    assert "!replace" not in stored
    again = sweep_from_data(parse_yaml(stored))
    assert again == spec
    assert [p.config for p in planned_points(again, "x")] == [p.config for p in points]


@pytest.mark.parametrize(
    "study",
    [
        "{grid: {optimizer: [{lr: 0.1}, !replace {lr: 0.1}]}}",
        "{one_at_a_time: {optimizer: [{lr: 0.1}, !replace {lr: 0.1}]}}",
        "{base: {optimizer: {lr: 0.1}}, points: [{}, {optimizer: !replace {lr: 0.1}}]}",
        "{trials: 2, scheduler: none, start: [{}, {optimizer: {lr: 0.1, weight_decay: 0.0}}], "
        "base: {optimizer: {lr: 0.1}}, "
        "space: {optimizer: {choice: [{lr: 0.1}, !replace {lr: 0.1}]}}}",
    ],
)
def test_every_design_merges_and_replaces(load: Load, study: str) -> None:
    spec = _adamw(load, study)
    found = {
        (p.config.optimizer.lr, p.config.optimizer.weight_decay)
        for p in planned_points(spec, "x")
        if p.config.optimizer.lr == 0.1
    }
    assert found == {(0.1, 0.1), (0.1, 0.0)}
    assert sweep_from_data(parse_yaml(spec.to_yaml())) == spec


def test_settings_of_the_command_line_merge_too(load: Load) -> None:
    merged = _adamw(load, "{points: [{}]}", "optimizer={lr: 0.1}").base_config.optimizer
    assert (merged.lr, merged.weight_decay) == (0.1, 0.1)
    replaced = _adamw(load, "{points: [{}]}", "optimizer=!replace {lr: 0.1}").base_config.optimizer
    assert (replaced.lr, replaced.weight_decay) == (0.1, 0.0)
    assert load("", "", "resources={gpu: 0}").resources.cpu == 1
    assert load("", "", "scheduler={reduction_factor: 4}").scheduler.grace_epochs == 2
    assert load("", "", "scheduler={name: median}").scheduler.grace_epochs == 1
    assert load("", "", "scheduler=!replace {name: asha}").scheduler.grace_epochs == 1


def test_the_tag_is_for_mappings_and_for_what_replaces(complaint: Complaint) -> None:
    assert complaint("loss: l1", "loss: !replace l1") == (
        "a.yaml: base.loss: '!replace' (line 5) needs a mapping of settings"
    )
    assert complaint("loss: l1", "loss: !new {name: l1}") == (
        "a.yaml: base.loss: the tag '!new' (line 5) is not supported"
    )
    assert complaint("resources: {cpu: 1, gpu: auto}", "resources: !replace {cpu: 1}").startswith(
        "a.yaml: resources.!replace: unknown key"
    )
