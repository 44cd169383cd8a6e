"""The name of a point: every change, with the technique that it belongs to."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dirsweep.config.labels import KEY_ORDER, StudyLabels, changes_of, label_of
from dirsweep.config.trial import TrialConfig

GAMMA, LAMBDA = "regularizers.ranksim.gamma", "regularizers.ranksim.lambda"
LDS: dict[str, Any] = {"name": "lds", "base": "inv"}
RANKSIM = {"gamma": 3e-4, "lambda": 2}


def test_names_follow_the_order_of_a_trials_keys() -> None:
    assert tuple(TrialConfig.model_fields) == KEY_ORDER


@pytest.mark.parametrize(
    ("overrides", "label"),
    [
        ({}, "base"),
        ({GAMMA: 100, LAMBDA: 2}, "ranksim.gamma=100, ranksim.lambda=2"),
        ({GAMMA: 0.1}, "ranksim.gamma=0.1"),
        ({"optimizer.lr": 0.00023482394738}, "lr=0.0002348"),
        (
            {"optimizer.momentum": 0.5, "regularizers.moco.momentum": 0.9},
            "moco.momentum=0.9, momentum=0.5",
        ),
        ({"a.x": 1903.0, "a.y": 0.5, "a.z": True}, "a.x=1903, a.y=0.5, a.z"),
        ({"reweighting.name": "sqinv", "loss.name": "huber"}, "loss=huber, reweighting=sqinv"),
        ({"regularizers.ranksim": {}, "regularizers.conr": None}, "no conr, ranksim"),
        ({"regularizers.ranksim": "default"}, "ranksim"),
        (
            {"epochs": 2, "loss": {"variant": "bmc", "name": "balanced_mse"}},
            "loss=balanced_mse, loss.variant=bmc, epochs=2",
        ),
        ({"optimizer": {"lr": 0.1, "name": "sgd"}}, "optimizer=sgd, lr=0.1"),
        ({"regularizers.conr": {"beta": 0.01, "omega": 5}}, "conr.beta=0.01, conr.omega=5"),
        ({"regularizers": {"ranksim": {"lambda": 2}, "conr": None}}, "no conr, ranksim.lambda=2"),
        ({"regularizers.conr": True, "regularizers.conr.beta": 1}, "conr.beta=1"),
        (
            {"optimizer.milestones": [60, 80], "grad_clip": None},
            "milestones=[60, 80], no grad_clip",
        ),
    ],
)
def test_labels(overrides: dict[str, object], label: str) -> None:
    assert label_of(overrides) == label


def test_nested_and_dotted_changes_are_the_same_changes() -> None:
    nested = {"optimizer": {"lr": 0.1}, "regularizers": {"conr": {"eta": 1}, "ranksim": None}}
    dotted = {
        "regularizers.ranksim": False,
        "regularizers.conr.eta": 1,
        "optimizer.lr": 0.1,
    }
    assert changes_of(nested) == changes_of(dotted)
    assert label_of(nested) == label_of(dotted) == "conr.eta=1, no ranksim, lr=0.1"


# ---- the names of one study's points


def labels_of(
    points: list[dict[str, Any]],
    configs: list[dict[str, Any]] | None = None,
    *,
    searched: bool = False,
) -> list[str]:
    labels = StudyLabels()
    for index, overrides in enumerate(points):
        config = configs[index] if configs else None
        labels.add(index, overrides, config, searched=searched)
    return [labels.label(index) for index in range(len(points))]


STUDIES = {
    "named alone": (
        [
            {},
            {"smoothing": "fds", "reweighting": LDS},
            {"regularizers.ranksim": RANKSIM, "reweighting": LDS},
            {"epochs": 3, "reweighting": LDS},
        ],
        ["base", "lds + fds", "lds + ranksim", "lds, epochs=3"],
    ),
    "one order, however it is written": (
        [
            {"regularizers.ranksim": RANKSIM, "regularizers.conr": {"eta": 1}},
            {"regularizers.conr": {"eta": 1}, "reweighting": LDS},
        ],
        ["conr + ranksim", "lds + conr"],
    ),
    "two forms of one technique": (
        [
            {"reweighting": LDS},
            {"reweighting": {**LDS, "base": "sqinv"}},
            {"reweighting": "none", "loss": "mse"},
        ],
        [
            "reweighting=lds, reweighting.base=inv",
            "reweighting=lds, reweighting.base=sqinv",
            "loss=mse, reweighting=none",
        ],
    ),
    "one name for two points would be wrong": (
        [
            {"regularizers.ranksim": RANKSIM},
            {"regularizers.ranksim": True},
            {"regularizers": {"conr": {"eta": 1}}},
        ],
        ["ranksim.gamma=0.0003, ranksim.lambda=2", "ranksim", "conr.eta=1"],
    ),
    "no technique": (
        [{"smoothing": "none"}, {"schedule": "rrt"}, {"schedule": "rrt", "smoothing": "none"}],
        ["smoothing=none", "rrt", "smoothing=none, rrt"],
    ),
    "a single parameter is named": ([{}, {GAMMA: 0.1}], ["base", "ranksim.gamma=0.1"]),
    "four digits would not tell them apart": (
        [{"optimizer.lr": 0.00012341}, {"optimizer.lr": 0.00012342}],
        ["lr=0.00012341", "lr=0.00012342"],
    ),
}


@pytest.mark.parametrize(("points", "labels"), STUDIES.values(), ids=STUDIES)
def test_a_technique_with_one_form_in_the_study_is_named_alone(
    points: list[dict[str, Any]], labels: list[str]
) -> None:
    assert labels_of(points) == labels


def test_a_technique_of_the_base_is_not_named_alone() -> None:
    points: list[dict[str, Any]] = [{}, {"regularizers.ranksim": RANKSIM, "reweighting": LDS}]
    off: dict[str, Any] = {"regularizers": {}, "reweighting": {"name": "none"}}
    on: dict[str, Any] = {"regularizers": {"ranksim": {}}, "reweighting": {"name": "lds"}}
    assert labels_of(points, [off, on]) == ["base", "lds + ranksim"]
    assert labels_of(points, [on, on])[1] == (
        "reweighting=lds, reweighting.base=inv, ranksim.gamma=0.0003, ranksim.lambda=2"
    )


def test_a_name_in_a_search_does_not_change_with_later_points() -> None:
    labels = StudyLabels()
    labels.add(0, {"reweighting": LDS}, searched=True)
    first = labels.label(0)
    labels.add(1, {"reweighting": {**LDS, "base": "sqinv"}}, searched=True)
    assert labels.label(0) == first == "reweighting=lds, reweighting.base=inv"
    with pytest.raises(KeyError):
        labels.label(2)


VALUES = {
    "reweighting": st.sampled_from(["none", "sqinv", LDS, {**LDS, "base": "sqinv"}]),
    "regularizers.ranksim": st.sampled_from([None, True, RANKSIM, {"gamma": 1}]),
    "batch_size": st.integers(8, 10),
}
POINTS = st.lists(
    st.lists(st.sampled_from(sorted(VALUES)), unique=True).flatmap(
        lambda keys: st.fixed_dictionaries({key: VALUES[key] for key in keys})
    ),
    max_size=8,
)


@given(POINTS)
def test_points_that_differ_never_read_alike(points: list[dict[str, Any]]) -> None:
    labels = labels_of(points)
    for index, label in enumerate(labels):
        for other in range(index):
            same = changes_of(points[index]) == changes_of(points[other])
            assert (label == labels[other]) == same


@given(POINTS, st.randoms(), st.booleans())
def test_names_do_not_depend_on_when_they_are_asked_for(
    points: list[Any], random: Any, searched: bool
) -> None:
    labels = StudyLabels()
    for index, overrides in enumerate(points):
        labels.add(index, overrides, searched=searched)
        labels.label(random.randint(0, index))
    assert [labels.label(index) for index in range(len(points))] == labels_of(
        points, searched=searched
    )
