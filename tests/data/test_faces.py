"""Drawn faces: what is seen of age and what not."""

from __future__ import annotations

import numpy as np
import pytest

from dirsweep.data.faces import CUES, Traits, draw_faces, draw_traits


def faces_of(ages: list[int], seed: int = 0) -> Traits:
    return draw_traits(np.array(ages), np.random.default_rng(seed))


def test_same_seed_same_picture_whatever_stands_beside() -> None:
    traits = faces_of([5, 30, 70, 90] * 30)
    whole = draw_faces(traits, 32)
    np.testing.assert_array_equal(whole, draw_faces(faces_of([5, 30, 70, 90] * 30), 32))
    some = np.array([3, 17, 100])
    np.testing.assert_array_equal(
        draw_faces({k: v[some] for k, v in traits.items()}, 32), whole[some]
    )
    other = draw_faces(faces_of([5, 30, 70, 90] * 30, seed=1), 32)
    assert (whole != other).mean() > 0.9


@pytest.mark.parametrize("size", [32, 64, 224])
def test_any_size_shows_the_same_face(size: int) -> None:
    traits = faces_of([4, 25, 60, 95])
    traits["grain"][:] = 0  # noise is drawn pixel by pixel
    traits["seen_texture"][:] = 0
    small = draw_faces(traits, 32).astype(float)
    large = draw_faces(traits, size)
    assert large.shape == (4, size, size, 3)
    assert large.dtype == np.uint8
    pooled = large.reshape(4, 32, size // 32, 32, size // 32, 3).mean(axis=(2, 4))
    assert np.abs(pooled - small).mean() < 7


def test_pictures_are_neither_flat_nor_blown_out() -> None:
    pictures = draw_faces(faces_of(list(range(100))), 32)
    deviation = pictures.std(axis=(1, 2, 3))
    assert deviation.min() > 8
    assert 80 < pictures.mean() < 160
    assert ((pictures == 0) | (pictures == 255)).mean() < 0.12


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


def test_each_cue_changes_the_picture() -> None:
    base = faces_of([40] * 60)
    before = draw_faces(base, 32).astype(int)
    for cue in CUES:
        aged = dict(base)
        aged[f"seen_{cue}"] = base[f"seen_{cue}"] + 40
        change = np.abs(draw_faces(aged, 32).astype(int) - before).mean(axis=(1, 2, 3))
        # shape has settled by 40, so that it is asked on children below
        assert np.median(change) > (0.1 if cue == "shape" else 1.0), cue
    child, grown = dict(base), dict(base)
    child["seen_shape"], grown["seen_shape"] = (
        np.full(60, 2, np.float32),
        np.full(60, 25, np.float32),
    )
    difference = np.abs(draw_faces(child, 32).astype(int) - draw_faces(grown, 32).astype(int))
    assert np.median(difference.mean(axis=(1, 2, 3))) > 5
