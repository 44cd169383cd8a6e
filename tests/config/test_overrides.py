from __future__ import annotations

from typing import Any

import pytest

from dirsweep.config.overrides import (
    MISSING,
    build_config,
    normalize_base,
    value_at,
    with_overrides,
)
from dirsweep.config.trial_keys import check_key
from dirsweep.errors import SpecError

BASE = {
    "backbone": "small_cnn",
    "loss": {"name": "huber", "beta": 2},
    "regularizers": {"ranksim": {"gamma": 100}},
    "optimizer": {"lr": 1e-3},
    "epochs": 9,
}


ADAM = {"name": "adam", "lr": 1e-3}
LAMBDA_4 = {"ranksim": {"lambda": 4}}


def _replace(**settings: Any) -> dict[str, Any]:
    return {"!replace": settings}


def _with(overrides: dict[str, Any]) -> dict[str, Any]:
    return with_overrides(normalize_base(BASE), overrides)


def test_a_base_is_spelt_out_and_left_as_it_is() -> None:
    before = {**BASE, "regularizers": {"ranksim": {"gamma": 100}}}
    plain = normalize_base(
        {**BASE, "reweighting": None, "regularizers": {"ranksim": "default", "conr": None}}
    )
    assert plain["backbone"] == {"name": "small_cnn"}
    assert plain["regularizers"] == {"ranksim": {}}
    assert "reweighting" not in plain
    assert _with({"regularizers.ranksim.gamma": 5})["regularizers"] == {"ranksim": {"gamma": 5}}
    assert before == BASE


@pytest.mark.parametrize(
    ("overrides", "key", "expected"),
    [
        # another choice drops the parameters of the former one
        ({"loss.name": "focal_r"}, "loss", {"name": "focal_r"}),
        # the same choice keeps them
        ({"loss.name": "huber"}, "loss", {"name": "huber", "beta": 2}),
        # unless the point sets them, in whatever order
        ({"loss.beta": 0.5, "loss.name": "focal_r"}, "loss", {"name": "focal_r", "beta": 0.5}),
        ({"loss": "l1"}, "loss", {"name": "l1"}),
        ({"loss": {"name": "huber", "beta": 3}}, "loss", {"name": "huber", "beta": 3}),
        ({"reweighting": "sqinv"}, "reweighting", {"name": "sqinv"}),
        (
            {"reweighting.name": "lds", "reweighting.sigma": 1},
            "reweighting",
            {"name": "lds", "sigma": 1},
        ),
        # a parameter switches its regularizer on
        (
            {"regularizers.conr.beta": 2},
            "regularizers",
            {"ranksim": {"gamma": 100}, "conr": {"beta": 2}},
        ),
        ({"regularizers.ranksim": None}, "regularizers", {}),
        ({"regularizers.ranksim": "off"}, "regularizers", {}),
        ({"regularizers.ranksim": "default"}, "regularizers", {"ranksim": {}}),
        ({"regularizers.ranksim": True}, "regularizers", {"ranksim": {"gamma": 100}}),
        ({"regularizers.conr": True}, "regularizers", {"ranksim": {"gamma": 100}, "conr": {}}),
        # a nested mapping means its dotted keys
        (
            {"regularizers.ranksim": {"lambda": 4}},
            "regularizers",
            {"ranksim": {"gamma": 100, "lambda": 4}},
        ),
        ({"regularizers.ranksim": {}}, "regularizers", {"ranksim": {"gamma": 100}}),
        (
            {"regularizers": {"conr": {}, "ranksim": {"lambda": 4}}},
            "regularizers",
            {"ranksim": {"gamma": 100, "lambda": 4}, "conr": {}},
        ),
        ({"regularizers": {"conr": {}}}, "regularizers", {"ranksim": {"gamma": 100}, "conr": {}}),
        ({"regularizers": {"ranksim": None}}, "regularizers", {}),
        ({"regularizers": None}, "regularizers", {}),
        ({"loss": {"beta": 3}}, "loss", {"name": "huber", "beta": 3}),
        ({"loss": "huber"}, "loss", {"name": "huber", "beta": 2}),
        ({"optimizer": {"momentum": 0.5}}, "optimizer", {"lr": 1e-3, "momentum": 0.5}),
        ({"optimizer": {"name": "adam", "momentum": 0.5}}, "optimizer", ADAM | {"momentum": 0.5}),
        # another name replaces the optimizer, but optimizer.name alone keeps what all share
        ({"optimizer": {"name": "sgd"}}, "optimizer", {"name": "sgd"}),
        ({"optimizer.name": "sgd"}, "optimizer", {"name": "sgd", "lr": 1e-3}),
        # and so does the tag
        ({"regularizers": _replace(conr={})}, "regularizers", {"conr": {}}),
        ({"regularizers.ranksim": _replace(**{"lambda": 4})}, "regularizers", LAMBDA_4),
        ({"loss": _replace(name="huber")}, "loss", {"name": "huber"}),
        ({"loss": _replace()}, "loss", {"name": "huber"}),
        ({"loss": _replace(name="mse")}, "loss", {"name": "mse"}),
        ({"optimizer": _replace(momentum=0.5)}, "optimizer", {"name": "adam", "momentum": 0.5}),
        (
            {"regularizers.ranksim.gamma": 3, "regularizers.ranksim": "default"},
            "regularizers",
            {"ranksim": {"gamma": 3}},
        ),
        ({"optimizer.weight_decay": 1e-4}, "optimizer", {"lr": 1e-3, "weight_decay": 1e-4}),
        ({"epochs": 3}, "epochs", 3),
        ({"validate_every": {"steps": 400}}, "validate_every", {"steps": 400}),
        ({"validate_every.steps": 400}, "validate_every", {"steps": 400}),
        ({"validate_every.steps": 400, "validate_every": 2}, "validate_every", {"steps": 400}),
    ],
)
def test_overrides(overrides: dict[str, Any], key: str, expected: Any) -> None:
    assert _with(overrides)[key] == expected


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("regularizers.ranksim", True),
        ("regularizers.conr", False),
        ("regularizers.ranksim.gamma", 100),
        ("regularizers.ranksim.lambda", 2.0),
        ("regularizers.ranksim.penalty", "mse"),
        ("regularizers.conr.beta", MISSING),
        ("loss", "huber"),
        ("loss.name", "huber"),
        ("loss.beta", 2),
        ("loss.gamma", MISSING),
        ("reweighting.name", "none"),
        ("optimizer.lr", 1e-3),
        ("optimizer.weight_decay", 0.0),
        ("optimizer.milestones", []),
        ("epochs", 9),
        ("batch_size", 64),
        ("patience", None),
        ("validate_every", 1),
        ("validate_every.steps", MISSING),
    ],
)
def test_what_a_key_is(key: str, value: Any) -> None:
    found = value_at(normalize_base(BASE), key)
    assert found is value or found == value


def test_a_default_may_follow_from_another_parameter() -> None:
    """RankSim's best gamma depends on the penalty (RankSim Appendix C.1)."""
    raw = normalize_base(
        {"backbone": "small_cnn", "regularizers": {"ranksim": {"penalty": "cosine"}}}
    )
    gamma = value_at(raw, "regularizers.ranksim.gamma")
    assert gamma == build_config(raw).to_dict()["regularizers"]["ranksim"]["gamma"]
    assert gamma != value_at(normalize_base(BASE), "regularizers.ranksim.gamma")


def test_a_built_configuration_has_every_default() -> None:
    config = build_config(_with({"regularizers.conr": "default", "epochs": 3})).to_dict()
    assert config["regularizers"]["ranksim"]["gamma"] == 100.0
    assert config["regularizers"]["conr"]["beta"] == 4.0
    assert config["loss"] == {"name": "huber", "beta": 2.0}
    assert (config["epochs"], config["reweighting"]) == (3, {"name": "none"})


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("epoch", "epoch: unknown key; did you mean 'epochs'?"),
        ("lr", "lr: unknown key; did you mean 'optimizer.lr'?"),
        ("conr.beta", "conr.beta: unknown key; did you mean 'regularizers.conr.beta'?"),
        ("sqinv", "sqinv: unknown key; did you mean 'reweighting.name'?"),
        ("regularizers.cnor.beta", "regularizers.cnor: unknown key; did you mean 'conr'?"),
        ("optimizer.rl", "optimizer.rl: unknown key; did you mean 'lr'?"),
        ("validate_every.step", "validate_every.step: unknown key; did you mean 'steps'?"),
        ("epochs.x", "epochs.x: unknown key; 'epochs' has no keys below it"),
        (
            "regularizers.conr.beta.x",
            "regularizers.conr.beta.x: unknown key; 'regularizers.conr.beta' has no keys below",
        ),
    ],
)
def test_no_such_key(key: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        check_key(key)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            {"regularizers.ranksim": None, "regularizers.ranksim.gamma": 1},
            "regularizers.ranksim.gamma: set although the same point switches 'ranksim' off",
        ),
        (
            {"regularizers.ranksim": 3},
            "regularizers.ranksim: expected a mapping of parameters, 'default', true, or null for "
            "off, got 3",
        ),
        ({"loss.name": 3}, "loss.name: expected a name, got 3 (known: "),
        ({"loss": {"name": 1}}, "loss: expected a name or a mapping with 'name', got {"),
        ({"loss": {}}, "loss: an empty mapping changes nothing; null sets the default"),
        ({"optimizer": {}}, "optimizer: an empty mapping changes nothing; null sets the default"),
        ({"regularizers": {}}, "regularizers: an empty mapping changes nothing; null switches all"),
        ({"loss": {"!replace": 3}}, "loss.!replace: unknown key"),
        (
            {"regularizers": [1]},
            "regularizers: expected a mapping from names to parameters, got [1]",
        ),
        ({"optimizer": 3}, "optimizer: expected a mapping, got 3"),
        ({"loss.name": "hubr"}, "loss.name: unknown loss 'hubr'; did you mean 'huber'? (known: "),
        ({"loss.gama": 1}, "loss.gama: unknown key; "),
        (
            {"regularizers.conr.omgea": 1},
            "regularizers.conr.omgea: unknown key; did you mean 'omega'? (known: ",
        ),
        ({"optimizer.lr": "fast"}, "optimizer.lr: expected a number, got 'fast'"),
        ({"batch_size": 0}, "batch_size: must be >= 1, got 0"),
        ({"validate_every": 0}, "validate_every: must be >= 1, got 0"),
        ({"validate_every": "often"}, "validate_every: expected a whole number or a mapping, got"),
        ({"validate_every": {}}, "validate_every.steps: missing"),
        ({"validate_every": {"step": 4}}, "validate_every.step: unknown key; did you mean 'steps'"),
        ({"validate_every.steps": 0}, "validate_every.steps: must be >= 1, got 0"),
        ({"validate_every.steps": 2.5}, "validate_every.steps: expected a whole number, got 2.5"),
        ({"max_checks": 0}, "max_checks: must be >= 1, got 0"),
        ({"stopping": "relased"}, "stopping: unknown value 'relased'; did you mean 'released'?"),
    ],
)
def test_wrong_values(overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError) as caught:
        build_config(_with(overrides))
    assert str(caught.value).startswith(message)


def test_a_backbone_is_needed() -> None:
    with pytest.raises(SpecError, match=r"^backbone: missing \(known: .*small_cnn"):
        build_config(normalize_base({"epochs": 3}))
