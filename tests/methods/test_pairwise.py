"""Distances and similarities of all pairs, against plain loops."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from dirsweep.methods.pairwise import (
    cosine_similarities,
    label_distances,
    sort_rows,
    squared_distances,
    symmetric,
)


def features(num: int = 6, dim: int = 4, seed: int = 0) -> Tensor:
    return torch.randn(num, dim, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_distances_of_scalar_labels() -> None:
    found = label_distances(torch.tensor([1.0, 4.0, 2.5]))
    assert found.tolist() == [[0, 3, 1.5], [3, 0, 1.5], [1.5, 1.5, 0]]
    assert torch.equal(label_distances(torch.tensor([[1.0], [4.0], [2.5]])), found)


def test_distances_of_whole_numbers_and_half_precision_are_float32() -> None:
    for labels in (torch.tensor([1, 4]), torch.tensor([1.0, 4.0]).half()):
        assert label_distances(labels).dtype == torch.float32
        assert label_distances(labels).tolist() == [[0, 3], [3, 0]]


def test_distances_of_vectors_are_mean_absolute_differences() -> None:
    labels = torch.tensor([[0.0, 0.0], [1.0, 3.0], [2.0, -2.0]])
    assert label_distances(labels).tolist() == [[0, 2, 2], [2, 0, 3], [2, 3, 0]]


def test_distances_of_maps_are_those_of_their_means() -> None:
    maps = torch.tensor([[[0.0, 2.0], [0.0, 2.0]], [[4.0, 4.0], [4.0, 4.0]]])  # means 1 and 4
    assert label_distances(maps).tolist() == [[0, 3], [3, 0]]
    assert label_distances(maps[:, None]).tolist() == [[0, 3], [3, 0]]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rows_are_sorted_and_ties_named_by_their_first_place(dtype: torch.dtype) -> None:
    values = torch.tensor([[3.0, 1.0, 3.0, 2.0], [5.0, 5.0, 5.0, 5.0]], dtype=dtype)
    order, first = sort_rows(values)
    assert values.gather(1, order).tolist() == [[1, 2, 3, 3], [5, 5, 5, 5]]
    assert first.tolist() == [[0, 1, 2, 2], [0, 0, 0, 0]]
    assert order.dtype == torch.int64


def test_squared_distances_against_a_loop() -> None:
    a, b = features(5), features(3, seed=1) + 100
    expected = [[float(((row - other) ** 2).sum()) for other in b] for row in a]
    torch.testing.assert_close(squared_distances(a, b).tolist(), expected)
    assert (squared_distances(a, a).diagonal() >= 0).all()


def test_cosines_against_a_loop_and_their_gradient() -> None:
    z = features()
    found = cosine_similarities(z)
    for i, row in enumerate(z):
        for j, other in enumerate(z):
            cosine = float(row @ other) / math.sqrt(float(row @ row) * float(other @ other))
            assert float(found[i, j]) == pytest.approx(cosine, abs=1e-12)
    assert torch.autograd.gradcheck(cosine_similarities, z.requires_grad_())


def test_a_zero_row_is_similar_to_nothing_and_gets_no_gradient() -> None:
    z = features()
    z[2] = 0
    z.requires_grad_()
    found = cosine_similarities(z)
    assert found[2].tolist() == found[:, 2].tolist() == [0] * 6
    found.square().sum().backward()
    assert z.grad is not None
    assert z.grad[2].tolist() == [0] * 4
    assert z.grad.isfinite().all()


def test_symmetric_gives_the_full_gradient_of_half_the_work() -> None:
    weights = features(6, 6, seed=3)
    folded, plain = features().requires_grad_(), features().requires_grad_()
    (symmetric(folded @ folded.detach().T) * weights).sum().backward()
    ((plain @ plain.T) * weights).sum().backward()
    torch.testing.assert_close(folded.grad, plain.grad)
