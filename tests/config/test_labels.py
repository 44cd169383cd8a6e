"""Overrides in words."""

from __future__ import annotations

import pytest

from dirsweep.config.labels import label_of

GAMMA, LAMBDA = "regularizers.ranksim.gamma", "regularizers.ranksim.lambda"


@pytest.mark.parametrize(
    ("overrides", "label"),
    [
        ({}, "base"),
        ({GAMMA: 100, LAMBDA: 2}, "gamma=100, lambda=2"),
        ({"optimizer.lr": 0.00023482394738}, "lr=0.0002348"),
        ({"a.x": 1903.0, "a.y": 0.5, "a.z": True}, "x=1903, y=0.5, z"),
        ({"loss.name": "huber", "reweighting.name": "sqinv"}, "loss=huber, reweighting=sqinv"),
        (
            {"loss.beta": 1, "regularizers.conr.beta": 2, "regularizers.conr.eta": 3},
            "loss.beta=1, conr.beta=2, eta=3",
        ),
        ({"regularizers.ranksim": {}, "regularizers.conr": None}, "ranksim, no conr"),
        ({"regularizers.ranksim": "default"}, "ranksim"),
        (
            {"loss": {"name": "balanced_mse", "variant": "bmc"}, "epochs": 2},
            "loss=balanced_mse, variant=bmc, epochs=2",
        ),
        ({"regularizers.conr": {"beta": 0.01, "omega": 5}}, "conr, beta=0.01, omega=5"),
        ({"regularizers": {"ranksim": {"lambda": 2}, "conr": None}}, "ranksim, lambda=2, no conr"),
        ({"optimizer.milestones": [60, 80]}, "milestones=[60, 80]"),
    ],
)
def test_labels(overrides: dict[str, object], label: str) -> None:
    assert label_of(overrides) == label
