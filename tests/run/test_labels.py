"""A point has one name in its study: as short as tells it from the others."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dirsweep.config.labels import label_of
from dirsweep.run.labels import StudyLabels

LDS: dict[str, Any] = {"name": "lds", "base": "inv"}
RANKSIM = {"gamma": 3e-4, "lambda": 2}


def labels_of(points: list[dict[str, Any]]) -> list[str]:
    labels = StudyLabels()
    for index, overrides in enumerate(points):
        labels.add(index, overrides)
    return [labels.label(index) for index in range(len(points))]


STUDIES = {
    "named alone": (
        [
            {},
            {"reweighting": LDS, "smoothing": "fds"},
            {"reweighting": LDS, "regularizers.ranksim": RANKSIM},
            {"epochs": 3, "reweighting": LDS},
        ],
        ["base", "lds + fds", "lds + ranksim", "epochs=3, lds"],
    ),
    "two forms of one technique": (
        [
            {"reweighting": LDS},
            {"reweighting": {**LDS, "base": "sqinv"}},
            {"reweighting": "none", "loss": "mse"},
        ],
        ["reweighting=lds, base=inv", "reweighting=lds, base=sqinv", "reweighting=none, loss=mse"],
    ),
    "one name for two points would be wrong": (
        [
            {"regularizers.ranksim": RANKSIM},
            {"regularizers.ranksim": True},
            {"regularizers": {"conr": {"eta": 1}}},
        ],
        ["ranksim, gamma=0.0003, lambda=2", "ranksim", "conr, eta=1"],
    ),
    "no technique": (
        [{"smoothing": "none"}, {"schedule": "rrt"}, {"schedule": "rrt", "smoothing": "none"}],
        ["smoothing=none", "rrt", "rrt, smoothing=none"],
    ),
}


@pytest.mark.parametrize(("points", "labels"), STUDIES.values(), ids=STUDIES)
def test_a_technique_with_one_form_in_the_study_is_named_alone(
    points: list[dict[str, Any]], labels: list[str]
) -> None:
    assert labels_of(points) == labels


def test_a_name_changes_when_a_second_form_is_proposed() -> None:
    labels = StudyLabels()
    labels.add(0, {"reweighting": LDS})
    assert labels.label(0) == "lds"
    labels.add(1, {"reweighting": {**LDS, "base": "sqinv"}})
    assert labels.label(0) == "reweighting=lds, base=inv"
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
            same_words = label_of(points[index]) == label_of(points[other])
            assert label != labels[other] or same_words


@given(POINTS, st.randoms())
def test_names_do_not_depend_on_when_they_are_asked_for(points: list[Any], random: Any) -> None:
    labels = StudyLabels()
    for index, overrides in enumerate(points):
        labels.add(index, overrides)
        labels.label(random.randint(0, index))
    assert [labels.label(index) for index in range(len(points))] == labels_of(points)
