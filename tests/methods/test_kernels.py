import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dirsweep.domain import LabelBins
from dirsweep.errors import SpecError
from dirsweep.methods.kernels import KERNELS, bin_index, inner_edges, odd, window


def test_windows_of_the_published_settings_by_hand() -> None:
    np.testing.assert_allclose(
        window("gaussian", 5, 2, normalize="max")[:3], [0.858, 0.946, 1], atol=5e-4
    )
    plain = window("gaussian_plain", 5, 2.0, normalize="max")
    np.testing.assert_allclose(plain[:3], [math.exp(-0.5), math.exp(-0.125), 1])
    np.testing.assert_allclose(
        window("triang", 5, 2.0, normalize="max"), [1 / 3, 2 / 3, 1, 2 / 3, 1 / 3]
    )
    laplace = window("laplace", 5, 2.0, normalize="max")
    np.testing.assert_allclose(
        laplace, [math.exp(-1), math.exp(-0.5), 1, math.exp(-0.5), math.exp(-1)]
    )


@pytest.mark.parametrize("kernel", ["gaussian", "triang", "laplace"])
def test_windows_match_released_ones(kernel, golden) -> None:
    np.testing.assert_allclose(
        window(kernel, 5, 2.0), golden[f"fds_kernel_{kernel}_5_2"], rtol=1e-6
    )


def test_gaussian_window_folds_its_tails_at_the_ends() -> None:
    size, sigma, half = 7, 1.5, 3
    reach = int(4 * sigma + 0.5)
    weights = {d: math.exp(-0.5 * (d / sigma) ** 2) for d in range(-reach, reach + 1)}
    total, folded = sum(weights.values()), [0.0] * size
    for d, weight in weights.items():
        place = half + d
        while not 0 <= place < size:
            place = -1 - place if place < 0 else 2 * size - 1 - place
        folded[place] += weight / total
    np.testing.assert_allclose(
        window("gaussian", size, sigma), np.array(folded) / sum(folded), rtol=1e-12
    )


@given(st.sampled_from(KERNELS), st.integers(0, 10), st.floats(0.1, 20))
def test_windows_are_symmetric_and_normalised(kernel: str, half: int, sigma: float) -> None:
    by_sum, by_max = (window(kernel, 2 * half + 1, sigma, normalize=how) for how in ("sum", "max"))
    assert by_sum.shape == (2 * half + 1,)
    np.testing.assert_allclose(by_sum, by_sum[::-1], rtol=1e-12, atol=1e-300)
    assert by_sum.sum() == pytest.approx(1)
    assert by_max.max() == 1
    if kernel != "gaussian":  # a wide sigma folds so much back that the ends can outgrow the middle
        assert by_max[half] == 1
    np.testing.assert_allclose(by_max * by_sum.max(), by_sum, rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("gaussian", 4, 2.0), "kernel_size must be an odd"),
        (("gaussian", -1, 2.0), "kernel_size must be an odd"),
        (("gaussian", 5, 0.0), "sigma must be above 0"),
        (("gaussian", 5, math.nan), "sigma must be above 0"),
        (
            ("boxcar", 5, 2.0),
            "unknown kernel 'boxcar' .known: gaussian, gaussian_plain, triang, laplace",
        ),
    ],
)
def test_window_refuses(arguments: tuple[str, int, float], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        window(*arguments)


def test_odd_passes_odd_numbers_only() -> None:
    assert odd(5) == 5
    with pytest.raises(ValueError, match="must be odd"):
        odd(4)


def test_labels_on_and_outside_edges() -> None:
    inner = inner_edges([0.0, 1.0, 2.0, 3.0])
    labels = torch.tensor([-5.0, 0.0, 0.999, 1.0, 2.0, 2.5, 3.0, 9.0])
    assert bin_index(labels, inner).tolist() == [0, 0, 0, 1, 2, 2, 2, 2]


def test_uneven_edges_and_a_single_bin() -> None:
    inner = inner_edges(torch.tensor([0.0, 1.0, 10.0, 100.0]))
    assert bin_index(torch.tensor([0.5, 1.0, 9.0, 10.0, 50.0]), inner).tolist() == [0, 1, 1, 2, 2]
    assert bin_index(torch.tensor([-1.0, 7.0]), inner_edges([0.0, 1.0])).tolist() == [0, 0]


@given(st.floats(0.01, 3), st.integers(1, 60), st.floats(-50, 50), st.integers(0, 2**31))
def test_same_bins_as_the_histogram(width: float, num_bins: int, low: float, seed: int) -> None:
    draw = np.random.default_rng(seed)
    on_edges = (low + width * draw.integers(-2, num_bins + 3, 20)).astype(np.float32)
    within = draw.uniform(low - width, low + width * (num_bins + 1), 20).astype(np.float32)
    labels = np.concatenate([on_edges, within])
    # float32 labels within rounding of a grace-shifted edge may go either way
    grace = 2 * np.finfo(np.float32).eps * np.abs([low, low + width * num_bins]).max()
    position = (labels.astype(np.float64) - low + grace) / width
    labels = labels[np.abs(position - np.round(position)) > 1e-9]
    bins = LabelBins.from_labels(labels, low=low, high=low + width * num_bins, width=width)
    ours = bin_index(torch.from_numpy(labels), inner_edges(bins.edges))
    np.testing.assert_array_equal(ours.numpy(), bins.bin_of(labels))


@pytest.mark.parametrize("edges", [[1.0], [0.0, 0.0, 1.0], [1.0, 0.0], [[0.0, 1.0], [2.0, 3.0]]])
def test_edges_must_ascend(edges: list[float]) -> None:
    with pytest.raises(SpecError, match="two or more ascending"):
        inner_edges(edges)
