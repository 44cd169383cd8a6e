"""Drawn faces: the same from the same traits at any size, and every cue shows."""

from __future__ import annotations

import numpy as np
import pytest

from dirsweep.data.face_traits import CUES, Traits, draw_traits
from dirsweep.data.faces import draw_faces


def faces_of(ages: list[int], seed: int = 0) -> Traits:
    return draw_traits(np.array(ages), np.random.default_rng(seed))


def test_a_face_depends_on_its_own_traits_only() -> None:
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
