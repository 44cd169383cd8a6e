"""Brushes of drawn faces on a canvas whose head sits upright in the middle."""

from __future__ import annotations

import numpy as np
import pytest

from dirsweep.data.face_canvas import Canvas, colour, ramp


def canvas(size: int = 64, seeds: tuple[int, ...] = (1, 2)) -> Canvas:
    num = len(seeds)
    zero = np.zeros(num, dtype=np.float32)
    traits = dict.fromkeys(("roll", "x0", "y0", "yaw", "pitch", "male"), zero)
    traits |= {"zoom": zero + 1, "noise_seed": np.array(seeds, dtype=np.float32)}
    made = Canvas(traits, size)
    made.canvas[:] = 0.5
    return made


def test_ramp_is_flat_outside_and_half_way_in_the_middle() -> None:
    values = np.array([0.0, 10.0, 15.0, 20.0, 99.0], dtype=np.float32)
    assert ramp(values, 10, 20).tolist() == [0, 0, 0.5, 1, 1]


def test_coordinates_run_from_left_to_right_and_down() -> None:
    made = canvas(size=4)
    assert made.x[0, 0].tolist() == [-0.75, -0.25, 0.25, 0.75]
    assert made.y[0, :, 0].tolist() == [-0.75, -0.25, 0.25, 0.75]
    assert made.inner[0, 0].tolist() == [0.75, 0.25, 0.25, 0.75]


def test_an_ellipse_covers_its_area() -> None:
    made = canvas(size=256)
    cover = made.ellipse(made.x, made.y, np.float32(0.5), np.float32(0.25))
    assert cover.min() == 0
    assert cover.max() == 1
    pixel = (2 / 256) ** 2
    assert cover[0].sum() * pixel == pytest.approx(np.pi * 0.5 * 0.25, rel=0.01)


def test_an_ellipse_smaller_than_a_pixel_is_faint_instead_of_absent() -> None:
    made = canvas(size=16)
    cover = made.ellipse(made.x - 0.0625, made.y - 0.0625, np.float32(0.01), np.float32(0.01))
    assert 0 < cover.max() < 0.2


def test_a_stroke_is_darkest_along_its_line() -> None:
    made = canvas(size=65)
    cover = made.stroke(made.x, made.y, (-0.5, 0.0, 0.5, 0.0), 0.05)
    middle, end, beyond, beside = (
        cover[0, 32, 32],
        cover[0, 32, 48],
        cover[0, 32, 60],
        cover[0, 40, 32],
    )
    assert middle == pytest.approx(1.0, abs=1e-3)
    assert end == pytest.approx(middle, abs=1e-3)
    assert beyond < 0.01
    assert beside < 0.01


def test_paint_is_blended_and_shade_darkens() -> None:
    made = canvas(size=4)
    half = np.full((2, 4, 4), 0.5, dtype=np.float32)
    made.lay(half, colour(1.0, 0.5, 0.0))
    assert made.canvas[0, :, 0, 0].tolist() == [0.75, 0.5, 0.25]
    made.shade(half)
    assert made.canvas[0, :, 0, 0].tolist() == [0.375, 0.25, 0.125]


def test_noise_depends_on_the_seed_of_the_face_only() -> None:
    noise = canvas(seeds=(1, 2, 1)).noise()
    assert np.array_equal(noise[0], noise[2])
    assert not np.array_equal(noise[0], noise[1])
    assert abs(float(noise.mean())) < 0.03
    assert float(noise.std()) == pytest.approx(1.0, abs=0.03)
