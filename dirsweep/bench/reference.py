"""Plain versions of the techniques: one row, one label, one anchor at a time, written from the
equations.

Tests hold the fast versions against these, and the benchmark measures how much faster those are.
They are meant to be read beside the paper, and written as one would for a first experiment.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F


def plain_ranks(row: Tensor, ties: str = "shared") -> Tensor:
    """RankSim Eq. 1 for one row (M,): 1 + how many elements are larger; ``order`` breaks ties by
    position.
    """
    if ties == "order":
        order = torch.argsort(row, stable=True).flip(0)
        result = torch.empty_like(order)
        result[order] = torch.arange(1, len(row) + 1)
        return result
    ascending = torch.sort(row).values
    return len(row) - torch.searchsorted(ascending, row, right=True) + 1


class PlainBlackboxRanks(torch.autograd.Function):
    """RankSim Eqs. 5 to 7 for one row."""

    @staticmethod
    def forward(ctx: Any, row: Tensor, interp_lambda: float, ties: str) -> Tensor:
        """(M,) similarities -> (M,) ranks divided by M."""
        normalised = plain_ranks(row, ties).to(row.dtype) / len(row)
        ctx.save_for_backward(row, normalised)
        ctx.interp_lambda, ctx.ties = interp_lambda, ties
        return normalised

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, None, None]:
        """Eq. 6."""
        row, normalised = ctx.saved_tensors
        perturbed = row + ctx.interp_lambda * grad_outputs[0]
        moved = plain_ranks(perturbed, ctx.ties).to(row.dtype) / len(row)
        return -(normalised - moved) / ctx.interp_lambda, None, None


def plain_similarity(row: Tensor, features: Tensor, similarity: str) -> Tensor:
    """One sample's features (D,) against all (M, D) -> (M,)."""
    if similarity == "cosine":
        return F.cosine_similarity(row[None], features, dim=1)
    if similarity == "correlation":
        return F.cosine_similarity(
            (row - row.mean())[None], features - features.mean(1, keepdim=True), dim=1
        )
    difference = row[None] - features
    if similarity == "neg_mse":
        return -difference.square().mean(1)
    if similarity == "neg_mae":
        return -difference.abs().mean(1)
    return -difference.abs().max(1).values


def plain_penalty(a: Tensor, b: Tensor, penalty: str) -> Tensor:
    """Two rank vectors (M,) -> scalar (RankSim, Section 4.4)."""
    if penalty == "mse":
        return F.mse_loss(a, b)
    if penalty == "mae":
        return F.l1_loss(a, b)
    if penalty == "huber":
        return F.huber_loss(a, b, delta=1.0)
    if penalty == "cosine":
        return 1 - F.cosine_similarity(a, b, dim=0)
    largest: Tensor = (a - b).abs().amax()
    return largest


def plain_sample(labels: Tensor, generator: torch.Generator | None = None) -> list[int]:
    """One random position of each distinct label: the one with the lowest number of a shuffled
    count.
    """
    numbers = torch.randperm(len(labels), generator=generator).tolist()
    lowest: dict[Any, int] = {}
    for position in range(len(labels)):
        label = tuple(labels[position].reshape(-1).tolist())
        if label not in lowest or numbers[position] < numbers[lowest[label]]:
            lowest[label] = position
    return sorted(lowest.values())


def plain_ranksim(
    features: Tensor,
    labels: Tensor,
    *,
    interp_lambda: float,
    penalty: str = "mse",
    similarity: str = "cosine",
    sampling: str = "unique",
    ties: str = "shared",
    generator: torch.Generator | None = None,
) -> Tensor:
    """RankSim Eq. 4, anchor by anchor. For cosine similarity all pairs come from one matrix product
    first.
    """
    if sampling == "unique":
        picked = plain_sample(labels, generator)
        features, labels = features[picked], labels[picked]
    pairs = None
    if similarity == "cosine":
        unit = F.normalize(features, dim=1)
        pairs = unit @ unit.T
    loss = features.new_zeros(())
    for i in range(len(features)):
        difference = (labels[i] - labels).abs()
        by_label = -(difference if labels.ndim == 1 else difference.mean(1))
        by_feature = (
            pairs[i] if pairs is not None else plain_similarity(features[i], features, similarity)
        )
        label_ranks = plain_ranks(by_label, ties).to(features.dtype) / len(features)
        feature_ranks: Tensor = PlainBlackboxRanks.apply(by_feature, interp_lambda, ties)
        loss = loss + plain_penalty(feature_ranks, label_ranks, penalty)
    return loss


def _plain_distances(j: int, labels: Tensor) -> Tensor:
    """Sample j's label against all: (N,)."""
    if labels.ndim > 2:
        labels = torch.stack([label.mean() for label in labels])
    difference = (labels[j] - labels).abs()
    return difference if labels.ndim == 1 else difference.mean(1)


def plain_conr(
    features: Tensor,
    labels: Tensor,
    preds: Tensor,
    weights: Tensor,
    *,
    omega: float,
    tau: float,
    eta: float,
    variant: str = "full",
    formulation: str = "paper",
) -> Tensor:
    """ConR Eqs. 1 to 3, anchor by anchor."""
    unit = F.normalize(features.flatten(1), dim=1)
    loss = features.new_zeros(())
    for j in range(len(features)):
        distances = _plain_distances(j, labels)
        positives = distances <= 1 / omega
        positives[j] = False
        negatives = distances > 1 / omega
        if variant != "contrastive":
            negatives &= _plain_distances(j, preds.detach()) <= 1 / omega
        if not positives.any() or not negatives.any():
            continue
        weight = torch.ones_like(weights[j]) if variant == "no_eta" else weights[j]
        far = distances[negatives]
        released_age = formulation == "released" and labels.ndim <= 2
        if variant == "no_s":
            push = torch.ones_like(far)
        elif variant == "no_sim":
            push = weight.expand_as(far) * (1 if released_age else eta)
        else:
            push = weight * torch.exp(eta * far) if released_age else eta * weight * far
        exponentials = torch.exp(unit @ unit[j] / tau)
        pulled, pushed = exponentials[positives], (push * exponentials[negatives]).sum()
        if formulation == "paper":
            loss = loss - torch.log((pulled / (pulled.sum() + pushed)).mean())
            continue
        others = len(features) - len(pulled)
        each = -torch.log(pulled / (pulled.sum() + others + pushed))
        loss = loss + (weights[j] * each.mean() if released_age else each.sum() / (len(each) + 1))
    return loss / len(features)


def plain_rank_n_contrast(features: Tensor, labels: Tensor, *, tau: float) -> Tensor:
    """Rank-N-Contrast (Zha et al., NeurIPS 2023), Eqs. 1 and 2: each anchor, each of its pairs."""
    loss = features.new_zeros(())
    num = len(features)
    for i in range(num):
        distances = _plain_distances(i, labels)
        logits = (
            -torch.stack(
                [(features[i] - other).square().sum().clamp_min(1e-30).sqrt() for other in features]
            )
            / tau
        )
        others = torch.arange(num) != i
        for j in range(num):
            if j != i:
                farther = others & (distances >= distances[j])
                loss = loss - (logits[j] - torch.logsumexp(logits[farther], 0))
    return loss / max(num * (num - 1), 1)


def plain_info_nce(queries: Tensor, keys: Tensor, queue: Tensor, *, tau: float) -> Tensor:
    """MoCo (He et al., CVPR 2020), Eq. 1: one query, its key and the queue at a time. Rows of unit
    length.
    """
    loss = queries.new_zeros(())
    for query, key in zip(queries, keys, strict=True):
        logits = torch.cat([(query @ key)[None], queue @ query]) / tau
        loss = loss - torch.log_softmax(logits, dim=0)[0]
    return loss / len(queries)


def plain_fds_smooth(
    features: Tensor,
    bins: Tensor,
    running_mean: Tensor,
    running_var: Tensor,
    smoothed_mean: Tensor,
    smoothed_var: Tensor,
    *,
    clip_low: float = 0.1,
    clip_high: float = 10.0,
) -> Tensor:
    """FDS calibration (Yang et al., ICML 2021, Eqs. 4 to 6), label bin by label bin: (N, D)
    features, (N,) bins.
    """
    smoothed = features.clone()
    for b in torch.unique(bins).tolist():
        rows = bins == b
        factor = torch.clamp(smoothed_var[b] / running_var[b], clip_low, clip_high)
        scaled = (features[rows] - running_mean[b]) * torch.sqrt(factor) + smoothed_mean[b]
        # a feature that never varies in this bin stays as it is
        smoothed[rows] = torch.where(running_var[b] > 0, scaled, features[rows])
    return smoothed
