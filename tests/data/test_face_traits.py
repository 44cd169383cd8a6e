"""Traits of drawn faces: what depends on age, and what does not."""

from __future__ import annotations

import numpy as np
import pytest

from dirsweep.data.face_traits import CUES, Traits, draw_traits


def faces_of(ages: list[int], seed: int = 0) -> Traits:
    return draw_traits(np.array(ages), np.random.default_rng(seed))


def test_cues_show_the_age_with_noise_of_their_own() -> None:
    num = 4000
    for age in (10, 50, 80):
        traits = faces_of([age] * num)
        errors = np.stack([traits[f"seen_{cue}"] - age for cue in CUES])
        assert np.abs(errors.mean(axis=1)).max() < 2.5
        correlation = np.corrcoef(errors)[np.triu_indices(len(CUES), k=1)]
        # they share how old a person looks for their age, and no more
        assert 0.02 < correlation.mean() < 0.5
    spread = {age: faces_of([age] * num)["seen_shape"].std() for age in (10, 80)}
    assert spread[80] > 2 * spread[10]


def test_nuisances_say_nothing_of_age() -> None:
    young, old = faces_of([5] * 500), faces_of([90] * 500)
    for name in young:
        if not name.startswith("seen_"):
            np.testing.assert_array_equal(young[name], old[name], err_msg=name)


def test_shapes_and_types() -> None:
    traits = faces_of([3, 50, 99])
    assert {value.dtype for value in traits.values()} == {np.dtype(np.float32)}
    triples = {name for name, value in traits.items() if value.shape == (3, 3)}
    assert triples == {
        *("skin", "hair_colour", "iris", "cast"),
        *("back_a", "back_b", "back_c", "clothes"),
    }
    assert all(value.shape == (3,) for name, value in traits.items() if name not in triples)


def test_the_order_of_the_draws_is_kept() -> None:
    """The pictures of every earlier run depend on it."""
    traits = faces_of([1, 20, 40, 60, 80, 101])
    means = {
        "seen_shape": 49.5177,
        "pitch": -0.0116,
        "nose": 1.1199,
        "beard": 0.2651,
        "blob_r": 0.4661,
        "clothes": 0.4915,
    }
    found = {name: float(traits[name].mean()) for name in means}
    assert found == pytest.approx(means, abs=1e-4)
    assert traits["noise_seed"].tolist() == [
        13437158,
        10863227,
        8074211,
        13983805,
        13648836,
        7381942,
    ]
