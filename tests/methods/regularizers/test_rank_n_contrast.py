"""Rank-N-Contrast against numbers by hand and plain loops in float64."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import ValidationError

from dirsweep.bench.reference import plain_rank_n_contrast
from dirsweep.errors import ShapeError
from dirsweep.methods.base import Step
from dirsweep.methods.regularizers.rank_n_contrast import (
    RankNContrast,
    RankNContrastConfig,
    rank_n_contrast,
)


def loss_and_grad(
    function: Any, features: torch.Tensor, labels: torch.Tensor, tau: float
) -> tuple[float, torch.Tensor]:
    features = features.clone().requires_grad_()
    loss = function(features, labels, tau=tau)
    grad = (
        torch.autograd.grad(loss, features)[0] if loss.requires_grad else torch.zeros_like(features)
    )
    return loss.item(), grad


def test_by_hand() -> None:
    # features at 0, 1, 3 on a line, labels 0, 10, 12: sorted by label distance 0: (1, 2), 1: (2,
    # 0), 2: (1, 0)
    features, labels = torch.tensor([[0.0], [1.0], [3.0]]).double(), torch.tensor([0.0, 10.0, 12.0])

    def term(near: float, far: float) -> float:
        return math.log(
            1 + math.exp(-far) / math.exp(-near)
        )  # the farthest pair of an anchor costs nothing

    expected = (term(1, 3) + term(2, 1) + term(2, 3)) / 6
    assert rank_n_contrast(features, labels, tau=1.0).item() == pytest.approx(expected, rel=1e-12)
    tied = torch.tensor(
        [0.0, 10.0, 20.0]
    )  # anchor 1: both pairs are 10 away and contain each other
    both = math.log(math.exp(-1) + math.exp(-2))
    expected = (term(1, 3) + (1 + both) + (2 + both) + term(2, 3)) / 6
    assert rank_n_contrast(features, tied, tau=1.0).item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("case", [0, 1])
def test_golden(golden_benchmarks: Mapping[str, NDArray[Any]], case: int) -> None:
    """The released loss, over the two views of each sample; views are stacked here."""
    given, labels = (
        torch.from_numpy(golden_benchmarks[f"rnc{case}_{key}"]) for key in ("feature", "label")
    )
    num, num_views, dim = given.shape
    views = given.transpose(0, 1).reshape(num_views * num, dim)
    loss, grad = loss_and_grad(rank_n_contrast, views, labels[:, 0].repeat(num_views), tau=2.0)
    assert loss == pytest.approx(float(golden_benchmarks[f"rnc{case}_loss"]), rel=1e-4)
    expected = golden_benchmarks[f"rnc{case}_grad"]
    found = grad.reshape(num_views, num, dim).transpose(0, 1).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


@given(
    seed=st.integers(0, 10_000),
    num=st.integers(1, 14),
    num_labels=st.integers(0, 6),
    tau=st.sampled_from((0.1, 2.0)),
    shape=st.sampled_from(((), (3,), (2, 2))),
    repeated=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_against_the_plain_loop(
    seed: int, num: int, num_labels: int, tau: float, shape: tuple[int, ...], repeated: bool
) -> None:
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(num, 5, generator=generator, dtype=torch.float64)
    labels = torch.rand(num, *shape, generator=generator, dtype=torch.float64)
    if num_labels:
        labels = (labels * num_labels).floor()
    if repeated and num > 1:
        features[-1] = features[0]  # two views that are the same
    before = features.clone(), labels.clone()
    loss, grad = loss_and_grad(rank_n_contrast, features, labels, tau)
    expected, expected_grad = loss_and_grad(plain_rank_n_contrast, features, labels, tau)
    # a distance of 0 comes out of the matrix product as about 1e-8
    assert loss == pytest.approx(expected, rel=1e-7, abs=1e-12)
    torch.testing.assert_close(grad, expected_grad, rtol=1e-5, atol=1e-7 if repeated else 1e-10)
    assert torch.equal(features, before[0])
    assert torch.equal(labels, before[1])


def test_one_sample_costs_nothing_and_equal_labels_stay_finite() -> None:
    assert rank_n_contrast(torch.randn(1, 4), torch.zeros(1), tau=2.0).item() == 0
    loss, grad = loss_and_grad(rank_n_contrast, torch.zeros(6, 4), torch.zeros(6), 2.0)
    assert loss == pytest.approx(math.log(5))  # five equal pairs of each anchor
    assert (grad == 0).all()


def test_distances_far_beyond_exps_range() -> None:
    generator = torch.Generator().manual_seed(0)
    features, labels = (
        torch.randn(32, 16, generator=generator) * 1000,
        torch.rand(32, generator=generator),
    )
    loss, grad = loss_and_grad(rank_n_contrast, features, labels, 0.1)
    exact, _ = loss_and_grad(plain_rank_n_contrast, features.double(), labels, 0.1)
    assert loss == pytest.approx(exact, rel=1e-4)
    assert torch.isfinite(grad).all()


def test_a_step_downhill_sorts_the_features() -> None:
    labels = torch.arange(8.0)
    features = torch.randn(8, 2, generator=torch.Generator().manual_seed(1))
    for _ in range(200):
        _, grad = loss_and_grad(rank_n_contrast, features, labels, 1.0)
        features = features - 2 * grad
    along = torch.cdist(features, features).argsort(1)[0]
    assert along.tolist() == list(range(8))


@pytest.mark.parametrize(
    ("features", "labels", "words"),
    [
        (torch.zeros(3), torch.zeros(3), r"features must be \(n, D\)"),
        (torch.zeros(3, 2), torch.zeros(2), r"with n = 3, got \(2,\)"),
    ],
)
def test_shapes_are_checked(features: torch.Tensor, labels: torch.Tensor, words: str) -> None:
    with pytest.raises(ShapeError, match=words):
        rank_n_contrast(features, labels, tau=1.0)


def test_tau_is_checked() -> None:
    with pytest.raises(ValueError, match="tau must be > 0, got 0"):
        rank_n_contrast(torch.zeros(3, 2), torch.zeros(3), tau=0.0)
    with pytest.raises(ValidationError):
        RankNContrastConfig(tau=0.0)


def test_the_module_takes_all_views_times_the_weight() -> None:
    generator = torch.Generator().manual_seed(2)
    features, labels = (
        torch.randn(8, 3, generator=generator),
        torch.tensor([1.0, 2.0, 5.0, 9.0]).repeat(2),
    )
    step = Step(
        features=features,
        preds=labels,
        labels=labels,
        weights=torch.ones(8),
        indices=torch.arange(4),
        inputs=None,
        num_views=2,
        epoch=0,
        generator=generator,
        backbone=torch.nn.Identity(),
    )
    module = RankNContrast(RankNContrastConfig(weight=0.5, tau=3.0))
    assert module.num_views == 2
    assert module(step).item() == pytest.approx(
        0.5 * plain_rank_n_contrast(features, labels, tau=3.0).item(), rel=1e-5
    )
