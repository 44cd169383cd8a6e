import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.stats import gaussian_kde

from dirsweep.errors import ShapeError, SpecError
from dirsweep.methods.reweighting import dense_weight
from dirsweep.methods.reweighting.dense_weight import (
    DenseWeightConfig,
    dense_weights,
    density,
    silverman,
)


def slow(labels: list[float], alpha: float, epsilon: float, bandwidth: float) -> list[float]:
    p = [
        sum(math.exp(-0.5 * ((a - b) / bandwidth) ** 2) for b in labels) / len(labels)
        for a in labels
    ]
    low, high = min(p), max(p)
    raw = [
        max(1 - alpha * ((value - low) / (high - low) if high > low else 0), epsilon) for value in p
    ]
    return [w * len(raw) / sum(raw) for w in raw]


@given(
    st.lists(st.integers(0, 12).map(float), min_size=2, max_size=25),
    st.floats(0, 2),
    st.floats(1e-6, 0.5),
    st.floats(0.2, 3),
)
@settings(max_examples=60)
def test_equals_a_loop_over_samples(labels, alpha, epsilon, bandwidth) -> None:
    weights = dense_weights(
        torch.tensor(labels, dtype=torch.float64), alpha=alpha, epsilon=epsilon, bandwidth=bandwidth
    )
    p = [sum(math.exp(-0.5 * ((a - b) / bandwidth) ** 2) for b in labels) for a in labels]
    if max(p) - min(p) > 1e-9 * max(p) or max(p) == min(
        p
    ):  # rounding decides which of equal densities is largest
        assert weights.tolist() == pytest.approx(slow(labels, alpha, epsilon, bandwidth), rel=1e-6)


def test_silverman_and_density_against_scipy() -> None:
    labels = np.random.default_rng(0).gamma(2.0, 3.0, 400)
    width = silverman(labels)
    assert width == pytest.approx(1.06 * np.std(labels) * 400 ** (-1 / 5))
    reference = gaussian_kde(labels, bw_method=width / labels.std(ddof=1))(labels)
    ours = density(labels, width) / (width * math.sqrt(2 * math.pi))
    np.testing.assert_allclose(ours, reference, rtol=1e-10)


@pytest.mark.parametrize("bandwidth", [0.02, 0.3, 2.0])
def test_grid_and_blocks_equal_the_pairwise_sum(bandwidth: float, monkeypatch) -> None:
    labels = np.random.default_rng(1).gamma(2.0, 1.0, 3000)
    direct = density(labels, bandwidth)
    monkeypatch.setattr(dense_weight, "MANY_DISTINCT", 100)
    np.testing.assert_allclose(density(labels, bandwidth), direct, rtol=1e-6, atol=1e-12)
    monkeypatch.setattr(dense_weight, "MANY_BANDWIDTHS", 0)
    np.testing.assert_allclose(density(labels, bandwidth), direct, rtol=1e-12)


def test_by_hand() -> None:
    # far apart: densities 3/4 and 1/4, scaled 1 and 0, so 1 - alpha and 1 before scaling
    weights = dense_weights([0.0, 0.0, 0.0, 100.0], alpha=0.5, bandwidth=1.0)
    assert weights.tolist() == pytest.approx([0.8, 0.8, 0.8, 1.6])
    weights = dense_weights([0.0, 0.0, 0.0, 100.0], alpha=3.0, epsilon=0.25, bandwidth=1.0)
    assert weights.tolist() == pytest.approx([4 / 7, 4 / 7, 4 / 7, 16 / 7])


def test_rare_labels_weigh_more_and_alpha_zero_weighs_all_alike() -> None:
    labels = torch.cat([torch.full((50,), 5.0), torch.arange(10.0)])
    assert dense_weights(labels, alpha=0.0).tolist() == [1] * 60
    weights = dense_weights(labels)
    assert weights[50] > weights[0]
    assert weights.mean().item() == pytest.approx(1)


def test_all_labels_equal_and_a_single_sample() -> None:
    assert dense_weights(torch.full((5,), 3.0)).tolist() == [1] * 5
    assert dense_weights(torch.tensor([3])).tolist() == [1]


def test_refuses(make_setup) -> None:
    labels = torch.zeros(3)
    for wrong in ({"alpha": -0.1}, {"epsilon": 0.0}, {"bandwidth": 0.0}):
        with pytest.raises(
            SpecError, match="alpha must be at least 0, epsilon and bandwidth above 0"
        ):
            dense_weights(labels, **wrong)
        with pytest.raises(ValidationError):
            DenseWeightConfig(**wrong)
    for shape in ((3, 2), (0,)):
        with pytest.raises(ShapeError, match="labels must be"):
            dense_weights(torch.zeros(shape))
    with pytest.raises(SpecError, match="dense_weight needs scalar labels"):
        DenseWeightConfig().build(make_setup([[1.0, 2.0]]))


def test_config_passes_every_parameter(make_setup) -> None:
    setup, settings = make_setup(), {"alpha": 0.7, "epsilon": 0.01, "bandwidth": 1.5}
    weights = DenseWeightConfig(**settings).build(setup).sample_weights
    assert weights.dtype == torch.float32
    torch.testing.assert_close(weights, dense_weights(setup.train_labels, **settings))
