import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from dirsweep.errors import ShapeError, SpecError
from dirsweep.methods.kernels import KERNELS, window
from dirsweep.methods.reweighting.inv import inv_weights
from dirsweep.methods.reweighting.lds import LDSConfig, lds_weights
from dirsweep.methods.reweighting.sqinv import sqinv_weights
from tests.methods.released_parts import released_part


def slow_lds(
    labels: list[float],
    width: float,
    num_bins: int,
    base: str,
    kernel: str,
    size: int,
    sigma: float,
):
    bins = [min(max(math.floor(label / width + 1e-6), 0), num_bins - 1) for label in labels]
    counts = [bins.count(b) for b in range(num_bins)]
    values = [math.sqrt(n) if base == "sqinv" else min(max(n, 5), 1000) for n in counts]
    k, half = window(kernel, size, sigma, normalize="max"), size // 2
    raw = []
    for b in bins:
        total = 0.0
        for offset in range(-half, half + 1):
            if 0 <= b + offset < num_bins:
                total += k[offset + half] * values[b + offset]
        raw.append(1 / total)
    return [w * len(raw) / sum(raw) for w in raw]


@given(
    st.lists(st.floats(-1, 7), min_size=1, max_size=40),
    st.sampled_from([0.25, 0.5, 1.0, 6.0]),
    st.sampled_from(["inv", "sqinv"]),
    st.sampled_from(KERNELS),
    st.integers(0, 4),
    st.floats(0.3, 4),
)
@settings(max_examples=60)
def test_equals_a_loop_over_samples(labels, width, base, kernel, half, sigma) -> None:
    num_bins = int(6 / width)
    edges = torch.arange(num_bins + 1) * width
    weights = lds_weights(
        torch.tensor(labels, dtype=torch.float64),
        bin_edges=edges,
        base=base,
        kernel=kernel,
        kernel_size=2 * half + 1,
        sigma=sigma,
    )
    expected = slow_lds(labels, width, num_bins, base, kernel, 2 * half + 1, sigma)
    assert weights.tolist() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("base", "name"), [("sqinv", "sqrt_inv"), ("inv", "inverse")])
@pytest.mark.parametrize(
    ("kernel", "size", "sigma"),
    [("gaussian", 5, 2), ("gaussian", 9, 1), ("triang", 5, 2), ("laplace", 5, 2)],
)
def test_meets_the_released_weights(
    base, name, kernel, size, sigma, train_ages, assert_released
) -> None:
    edges = np.arange(122)
    weights = lds_weights(
        train_ages, bin_edges=edges, base=base, kernel=kernel, kernel_size=size, sigma=sigma
    )
    assert_released(weights, f"{name}_{kernel}_{size}_{sigma}")


@pytest.mark.parametrize(("base", "name"), [("sqinv", "sqrt_inv"), ("inv", "inverse")])
@pytest.mark.parametrize("kernel", ["gaussian", "triang", "laplace"])
def test_meets_the_released_weights_of_sentence_pairs(
    base, name, kernel, assert_released_sts
) -> None:
    config = LDSConfig(base=base, kernel=kernel, clip_low=None, clip_high=None, truncate=True)
    assert_released_sts(config, f"{name}_{kernel}_5_2")


@pytest.mark.parametrize(("base", "name"), [("sqinv", "sqrt_inv"), ("inv", "inverse")])
def test_meets_the_released_weights_of_ages_cut_to_120(base, name, assert_released_imdb) -> None:
    config = LDSConfig(base=base, truncate=True)
    assert_released_imdb(config, f"{name}_gaussian_5_2")


def test_the_released_protocols_give_the_released_weights(
    assert_released_sts, assert_released_imdb
) -> None:
    sentences = released_part("reweighting", "ranksim/3", "INV + LDS")
    assert_released_sts(sentences, "inverse_gaussian_5_2")
    ages = released_part("reweighting", "ranksim/1", "SQINV + LDS")
    assert_released_imdb(ages, "sqrt_inv_gaussian_5_2")
    second_stage = released_part("reweighting", "ranksim/1", "RRT + LDS")
    assert_released_imdb(second_stage, "inverse_gaussian_5_2")


def test_truncates_smoothed_counts_but_no_roots() -> None:
    labels = [0.5] * 2 + [1.5] + [2.5]
    settings = {"bin_edges": [0, 1, 2, 3], "kernel": "triang", "kernel_size": 3}
    # counts 2, 1, 1; triang of 3 is 1/2, 1, 1/2: 2.5, 2.5, 1.5, cut to 2, 2, 1
    cut = lds_weights(labels, base="inv", clip=(None, None), truncate=True, **settings)
    mean = (3 * 0.5 + 1) / 4
    assert cut.tolist() == pytest.approx([0.5 / mean] * 3 + [1 / mean])
    whole = lds_weights(labels, base="inv", clip=(None, None), **settings)
    mean = (3 / 2.5 + 1 / 1.5) / 4
    assert whole.tolist() == pytest.approx([0.4 / mean] * 3 + [1 / 1.5 / mean])
    roots = [lds_weights(labels, truncate=truncate, **settings) for truncate in (True, False)]
    assert torch.equal(*roots)
    with pytest.raises(SpecError, match="truncate needs clip_high of at least 1"):
        lds_weights([0.5], base="inv", clip=(None, 0.5), truncate=True, bin_edges=[0, 1])


def test_by_hand() -> None:
    # square roots 2, 0, 1 in three bins; triang of 3 is 1/2, 1, 1/2: 2, 1.5, 1
    weights = lds_weights([0.5] * 4 + [2.5], bin_edges=[0, 1, 2, 3], kernel="triang", kernel_size=3)
    mean = (4 * 0.5 + 1) / 5
    assert weights.tolist() == pytest.approx([0.5 / mean] * 4 + [1 / mean])


def test_a_window_of_one_bin_is_no_smoothing() -> None:
    labels, edges = torch.tensor([1.0, 1.0, 2.0, 5.0]), np.arange(11)
    torch.testing.assert_close(
        lds_weights(labels, bin_edges=edges, kernel_size=1), sqinv_weights(labels, bin_edges=edges)
    )
    ours = lds_weights(labels, bin_edges=edges, base="inv", kernel_size=1, clip=(1, 1000))
    torch.testing.assert_close(ours, inv_weights(labels, bin_edges=edges, clip=(1, 1000)))


def test_refuses(make_setup) -> None:
    labels, edges = torch.zeros(3), [0, 1]
    for wrong, message in (
        ({"base": "none"}, "unknown base 'none'"),
        ({"kernel": "box"}, "unknown kernel 'box'"),
        ({"kernel_size": 4}, "odd"),
        ({"sigma": 0}, "sigma must be above 0"),
        ({"clip": (0.0, 1.0)}, "clip_low <= clip_high"),
    ):
        with pytest.raises(SpecError, match=message):
            lds_weights(labels, bin_edges=edges, **wrong)
    with pytest.raises(ShapeError):
        lds_weights(torch.zeros(3, 2), bin_edges=edges)
    for wrong in (
        {"kernel_size": 4},
        {"kernel_size": 0},
        {"sigma": 0},
        {"clip_low": 9, "clip_high": 8},
        {"base": "x"},
        {"truncate": True, "clip_low": None, "clip_high": 0.5},
    ):
        with pytest.raises(ValidationError):
            LDSConfig(**wrong)
    with pytest.raises(SpecError, match="lds needs scalar labels"):
        LDSConfig().build(make_setup([[1.0, 2.0]]))


def test_config_passes_every_parameter(make_setup) -> None:
    setup = make_setup([1, 1, 1, 2, 2, 5, 9], width=0.5)
    settings = {"base": "inv", "kernel": "laplace", "kernel_size": 7, "sigma": 1.2}
    weights = LDSConfig(**settings, clip_low=2.0, clip_high=2.5).build(setup).sample_weights
    assert weights.dtype == torch.float32
    edges = np.arange(21) / 2
    expected = lds_weights(setup.train_labels, bin_edges=edges, clip=(2.0, 2.5), **settings)
    torch.testing.assert_close(weights, expected)
    cut = LDSConfig(**settings, clip_low=None, truncate=True).build(setup)
    expected = lds_weights(
        setup.train_labels, bin_edges=edges, clip=(None, 1000.0), truncate=True, **settings
    )
    torch.testing.assert_close(cut.sample_weights, expected)
    assert LDSConfig().build(setup).sample_weights.tolist() != pytest.approx(weights.tolist())
