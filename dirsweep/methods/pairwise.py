"""Distances and similarities between all pairs of a batch, without an (N, N, D) intermediate."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def label_distances(labels: Tensor) -> Tensor:
    r"""Compute how far apart the labels of each pair are.

    Scalar labels: :math:`|y_i - y_j|`. Vectors: the mean over K of the absolute differences (MAE,
    ConR Appendix A.4). Maps: the distance of the maps' means (ConR Appendix A.4, depth).

    Args:
        labels: (N,), (N, K), (N, H, W) or (N, 1, H, W), any unit.

    Returns:
        (N, N) float, >= 0, in the unit of the labels, zero on the diagonal.
    """
    if not labels.is_floating_point() or labels.dtype in (torch.float16, torch.bfloat16):
        labels = labels.float()
    if labels.ndim > 2:
        labels = labels.flatten(1).mean(1)
    if labels.ndim == 2 and labels.shape[1] > 1:
        return torch.cdist(labels, labels, p=1.0) / labels.shape[1]
    flat = labels.reshape(-1)
    return (flat[:, None] - flat[None, :]).abs()  # (N, N)


def sort_rows(values: Tensor) -> tuple[Tensor, Tensor]:
    """Sort each row and find where each run of equal elements begins.

    Args:
        values: (R, M) float; no gradient flows.

    Returns:
        (R, M) int64 columns in ascending order of their values, and, for each position in that
        order, the first position with an equal value.
    """
    values = values.detach()
    if values.device.type == "cpu":
        # NumPy sorts rows with vector instructions: 6 times as fast as torch.sort on 256 rows of
        # 256
        order = torch.from_numpy(np.argsort(values.numpy(), axis=1))
    else:
        order = values.argsort(dim=1)
    ascending = values.gather(1, order)
    # the position itself where a new value begins, else 0; the first is 0 either way
    begins = torch.zeros_like(order)
    torch.mul(
        ascending[:, 1:] != ascending[:, :-1],
        torch.arange(1, values.shape[1], device=values.device),
        out=begins[:, 1:],
    )
    return order, torch.cummax(begins, dim=1).values


def squared_distances(features: Tensor, others: Tensor) -> Tensor:
    r"""Compute squared Euclidean distances by one matrix product, :math:`|a|^2 + |b|^2 - 2ab`.

    Args:
        features: (N, D).
        others: (M, D).

    Returns:
        (N, M), >= 0.
    """
    # distances do not move with the origin; a centre near zero keeps the subtraction below from
    # cancelling digits
    centre = others.detach().mean(0)
    a, b = features - centre, others - centre
    norms = a.square().sum(1, keepdim=True) + b.square().sum(1)  # (N, M)
    return torch.addmm(norms, a, b.T, alpha=-2.0).clamp_min(0.0)


class _Cosines(torch.autograd.Function):
    r"""Cosine similarities by two matrix products and no other pass over (N, D).

    With :math:`G` the incoming gradient plus its transpose, :math:`n_i` the rows' lengths and
    :math:`s` the cosines, :math:`\partial L / \partial z_i = \sum_j G_{ij} (z_j / (n_i n_j) -
    s_{ij} z_i / n_i^2)`, the second part of which is a diagonal of the matrix that multiplies Z.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor) -> Tensor:
        products = features @ features.T  # (N, N)
        lengths = products.diagonal().sqrt()
        # a zero row is similar to nothing, and gets no gradient
        inverse = torch.where(lengths > 0, 1.0 / lengths, 0.0)
        cosines = products.mul_(inverse[:, None]).mul_(inverse)
        ctx.save_for_backward(features, inverse, cosines)
        return cosines

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        features, inverse, cosines = ctx.saved_tensors
        both = grad + grad.T
        radial = (both * cosines).sum(1) * inverse.square()
        both.mul_(inverse[:, None]).mul_(inverse).diagonal().sub_(radial)
        gradient: Tensor = both @ features
        return gradient


def cosine_similarities(features: Tensor) -> Tensor:
    """Compute the cosines of the angles between rows, (N, D) -> (N, N).

    A zero row has 0 everywhere, and a zero gradient.
    """
    cosines: Tensor = _Cosines.apply(features)
    return cosines


class _FoldTranspose(torch.autograd.Function):
    r"""Identity on S = s(Z, Z.detach()) that gives Z the gradient of s(Z, Z), where s is symmetric.

    With :math:`G = \partial L / \partial S`, row i of Z is met as first and as second argument, so
    its gradient is :math:`\sum_j (G_{ij} + G_{ji}) \, \partial_1 s(z_i, z_j)`: one matrix
    multiplication instead of two.
    """

    @staticmethod
    def forward(ctx: Any, matrix: Tensor) -> Tensor:
        return matrix.view_as(matrix)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return grad + grad.T


def symmetric(matrix: Tensor) -> Tensor:
    """Give the (N, N) matrix s(Z, Z.detach()) the full gradient of s(Z, Z), s symmetric."""
    folded: Tensor = _FoldTranspose.apply(matrix)
    return folded
