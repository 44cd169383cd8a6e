"""Vectorised views against plain loops over samples."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from dirsweep.data.views import ImageViews
from dirsweep.errors import ShapeError

GREY = np.array([0.299, 0.587, 0.114])


@pytest.fixture
def images() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (40, 32, 32, 3), dtype=np.uint8)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def plain_standard(
    images: NDArray[np.uint8], draws: NDArray[np.float32], pad: int
) -> NDArray[np.float64]:
    out = []
    for image, (row, column, mirror) in zip(images, draws.T, strict=True):
        framed = np.pad(image, ((pad, pad), (pad, pad), (0, 0)))
        top, left = int(row * (2 * pad + 1)), int(column * (2 * pad + 1))
        crop = framed[top : top + image.shape[0], left : left + image.shape[1]]
        crop = crop[:, ::-1] if mirror < 0.5 else crop
        out.append((crop.transpose(2, 0, 1).astype(np.float64) / 255 - 0.5) / 0.5)
    return np.stack(out)


@pytest.mark.parametrize(("size", "pad"), [(224, 16), (112, 8), (64, 5), (32, 2)])
def test_padding_scales_with_the_size(size: int, pad: int) -> None:
    assert ImageViews(size).padding == pad


@pytest.mark.parametrize("size", [32, 50, 224])
def test_standard_view_against_a_plain_loop(size: int) -> None:
    images = np.random.default_rng(1).integers(0, 256, (12, size, size, 3), dtype=np.uint8)
    views = ImageViews(size)
    got = views.train(images, generator(3))
    draws = torch.rand(3, 12, generator=generator(3)).numpy()
    expected = plain_standard(images, draws, views.padding)
    assert got.dtype == torch.float32
    assert got.is_contiguous()
    np.testing.assert_allclose(got.numpy(), expected, atol=2e-7)


def test_crops_reach_every_offset_and_half_are_mirrored() -> None:
    # a picture whose red channel is the row, green the column: offsets can be read off the result
    row, column = np.mgrid[0:32, 0:32]
    image = np.stack([row + 100, column + 100, np.zeros_like(row)], axis=-1).astype(np.uint8)
    got = ImageViews(32).train(np.repeat(image[None], 2000, axis=0), generator())
    pixels = np.rint((got.numpy() + 1) * 127.5).astype(int)
    tops = pixels[:, 0, 16, 16] - 116
    mirrored = pixels[:, 1, 16, 17] < pixels[:, 1, 16, 16]
    lefts = np.where(mirrored, pixels[:, 1, 16, 15], pixels[:, 1, 16, 16]) - 116
    for offsets in (tops, lefts):
        values, counts = np.unique(offsets, return_counts=True)
        assert values.tolist() == [-2, -1, 0, 1, 2]
        assert counts.min() > 330  # 400 expected, deviation 18
    assert 900 < mirrored.sum() < 1100


def test_evaluate_only_normalises(images: NDArray[np.uint8]) -> None:
    got = ImageViews(32).evaluate(images)
    expected = (images.transpose(0, 3, 1, 2).astype(np.float64) / 255 - 0.5) / 0.5
    np.testing.assert_allclose(got.numpy(), expected, atol=1e-7)
    assert got.is_contiguous()
    assert ImageViews(32).evaluate(
        np.full((1, 32, 32, 3), 255, dtype=np.uint8)
    ).unique().tolist() == [1.0]


@pytest.mark.parametrize("strength", ["standard", "strong"])
def test_views_depend_on_the_generator_only(images: NDArray[np.uint8], strength: str) -> None:
    views, before = ImageViews(32), images.copy()
    images.setflags(write=False)  # as a memory map
    first, again = (views.train(images, generator(5), strength) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, views.train(images, generator(6), strength))
    one = generator(5)
    views.train(images, one, strength)
    assert not torch.equal(first, views.train(images, one, strength))
    np.testing.assert_array_equal(images, before)


def plain_strong(
    image: NDArray[np.uint8], draws: NDArray[np.float64], size: int
) -> NDArray[np.float64]:
    """One image through the strong recipe, step by step, pixel by pixel where that is clearer."""
    area, aspect = 0.2 + 0.8 * draws[0], (4 / 3) ** (2 * draws[1] - 1)
    wide, high = min(1, math.sqrt(area * aspect)), min(1, math.sqrt(area / aspect))
    left, top = draws[2] * (1 - wide) * size, draws[3] * (1 - high) * size
    source = image.astype(np.float64) / 255
    crop = np.empty((size, size, 3))
    for row in range(size):
        for column in range(size):
            x, y = left + (column + 0.5) * wide - 0.5, top + (row + 0.5) * high - 0.5
            x, y = min(max(x, 0), size - 1), min(max(y, 0), size - 1)
            x0, y0 = int(x), int(y)
            x1, y1 = min(x0 + 1, size - 1), min(y0 + 1, size - 1)
            u, v = x - x0, y - y0
            crop[row, column] = (1 - v) * ((1 - u) * source[y0, x0] + u * source[y0, x1]) + v * (
                (1 - u) * source[y1, x0] + u * source[y1, x1]
            )
    if draws[4] < 0.5:
        crop = crop[:, ::-1]
    if draws[10] < 0.8:
        crop = crop * (0.6 + 0.8 * draws[5])
        contrast = 0.6 + 0.8 * draws[6]
        crop = contrast * crop + (1 - contrast) * (crop @ GREY).mean()
        saturation = 0.6 + 0.8 * draws[7]
        crop = saturation * crop + (1 - saturation) * (crop @ GREY)[..., None]
        angle = (2 * draws[8] - 1) * 0.2 * math.pi
        to_yiq = np.array([GREY, [0.595716, -0.274453, -0.321263], [0.211456, -0.522591, 0.311135]])
        yiq = crop @ to_yiq.T
        turned = yiq.copy()
        turned[..., 1] = math.cos(angle) * yiq[..., 1] - math.sin(angle) * yiq[..., 2]
        turned[..., 2] = math.sin(angle) * yiq[..., 1] + math.cos(angle) * yiq[..., 2]
        crop = turned @ np.linalg.inv(to_yiq).T
    if draws[9] < 0.2:
        crop = np.repeat((crop @ GREY)[..., None], 3, axis=-1)
    crop = crop.clip(0, 1)
    if draws[12] < 0.5:
        sigma = 0.1 + draws[11] * (max(2 * size / 224, 0.5) - 0.1)
        kernel = np.exp(-0.5 * (np.arange(-3, 4) / sigma) ** 2)
        kernel[np.abs(np.arange(-3, 4)) > 1] = (
            0  # reach: twice the batch's largest deviation, rounded up
        )
        kernel /= kernel.sum()
        for axis in (0, 1):
            framed = np.pad(crop, [(3, 3) if axis == a else (0, 0) for a in range(3)], mode="edge")
            crop = sum(k * framed.take(range(i, i + size), axis=axis) for i, k in enumerate(kernel))
    return (crop.transpose(2, 0, 1) - 0.5) / 0.5


def test_strong_view_against_a_plain_loop() -> None:
    images = np.random.default_rng(2).integers(0, 256, (24, 16, 16, 3), dtype=np.uint8)
    got = ImageViews(16).train(images, generator(1), "strong")
    draws = torch.rand(13, 24, generator=generator(1)).numpy().astype(np.float64)
    assert (draws[9] < 0.2).any()
    assert (draws[12] < 0.5).any()
    expected = np.stack([plain_strong(image, draws[:, i], 16) for i, image in enumerate(images)])
    np.testing.assert_allclose(got.numpy(), expected, atol=5e-5)
    assert got.is_contiguous()


def test_strong_view_is_grey_for_a_fifth() -> None:
    images = np.random.default_rng(0).integers(0, 256, (600, 32, 32, 3), dtype=np.uint8)
    got = ImageViews(32).train(images, generator(), "strong").numpy()
    grey = np.ptp(got, axis=1).max(axis=(1, 2)) < 1e-4
    assert 90 < grey.sum() < 150  # 120 expected, deviation 10
    assert np.abs(got).max() <= 1 + 1e-5


def test_batches_of_another_kind_are_refused(images: NDArray[np.uint8]) -> None:
    with pytest.raises(
        ShapeError, match=r"expected uint8 images \(B, H, W, 3\), got float32 \(40, 32, 32, 3\)"
    ):
        ImageViews(32).evaluate(images.astype(np.float32))
    with pytest.raises(ShapeError, match=r"got uint8 \(32, 32, 3\)"):
        ImageViews(32).train(images[0], generator())
    with pytest.raises(ValueError, match="expected 'standard' or 'strong'"):
        ImageViews(32).train(images, generator(), "mild")
