"""Plain versions of the techniques, written from the equations as loops.

They handle one row, one label or one anchor at a time. Tests compare the fast versions with these,
and the benchmark measures how much faster those are. They are meant to be read beside the papers.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypedDict, Unpack

import torch
from torch import Tensor
from torch.nn import functional as F


def plain_ranks(row: Tensor, ties: str = "shared") -> Tensor:
    """Rank the elements of one row (RankSim, Eq. 1): 1 + the number of larger elements.

    Args:
        row: (M,).
        ties: ``shared`` gives equal elements an equal rank; ``order`` breaks ties by position.

    Returns:
        (M,) int64, 1 for the largest element.
    """
    if ties == "order":
        order = torch.argsort(row, stable=True).flip(0)
        result = torch.empty_like(order)
        result[order] = torch.arange(1, len(row) + 1)
        return result
    ascending = torch.sort(row).values
    return len(row) - torch.searchsorted(ascending, row, right=True) + 1


class PlainBlackboxRanks(torch.autograd.Function):
    """Ranking of one row with the gradient of RankSim, Eqs. 5 to 7."""

    @staticmethod
    def forward(ctx: Any, row: Tensor, interp_lambda: float, ties: str, divisor: int) -> Tensor:
        """Return the (M,) ranks of (M,) similarities, divided by ``divisor``."""
        found = plain_ranks(row, ties).to(row.dtype) / divisor
        ctx.save_for_backward(row, found)
        ctx.interp_lambda, ctx.ties, ctx.divisor = interp_lambda, ties, divisor
        return found

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, None, None, None]:
        """Return the difference quotient of Eq. 6."""
        row, found = ctx.saved_tensors
        perturbed = row + ctx.interp_lambda * grad_outputs[0]
        moved = plain_ranks(perturbed, ctx.ties).to(row.dtype) / ctx.divisor
        return -(found - moved) / ctx.interp_lambda, None, None, None


def plain_similarity(row: Tensor, features: Tensor, similarity: str) -> Tensor:
    """Compare one sample's features (D,) with all (M, D); return (M,)."""
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
    """Compare two rank vectors (M,) (RankSim, Section 4.4); return a scalar."""
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
    """Draw one random position of each distinct label.

    Each position gets a number of a random permutation; the lowest of each label wins.

    Args:
        labels: (N,) or (N, K).
        generator: random stream; None for torch's global one.

    Returns:
        Positions in ascending order.
    """
    numbers = torch.randperm(len(labels), generator=generator).tolist()
    lowest: dict[tuple[float, ...], int] = {}
    for position in range(len(labels)):
        label = tuple(labels[position].reshape(-1).tolist())
        if label not in lowest or numbers[position] < numbers[lowest[label]]:
            lowest[label] = position
    return sorted(lowest.values())


class RankSimSettings(TypedDict, total=False):
    """Keyword arguments of ``plain_ranksim``, as of ``ranksim``."""

    interp_lambda: float
    penalty: str
    similarity: str
    sampling: str
    ties: str
    ranks: str


def plain_ranksim(
    features: Tensor,
    labels: Tensor,
    *,
    generator: torch.Generator | None = None,
    **settings: Unpack[RankSimSettings],
) -> Tensor:
    """Compute RankSim, Eq. 4, anchor by anchor.

    For cosine similarity all pairs come from one matrix product first.

    Args:
        features: (N, D); gradient flows.
        labels: (N,) or (N, K).
        generator: for the sample of each label.
        **settings: as of ``ranksim``; ``interp_lambda`` is required.

    Returns:
        Scalar.
    """
    similarity, ties = settings.get("similarity", "cosine"), settings.get("ties", "shared")
    if settings.get("sampling", "unique") == "unique":
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
        if pairs is not None:
            by_feature = pairs[i]
        else:
            by_feature = plain_similarity(features[i], features, similarity)
        divisor = 1 if settings.get("ranks") == "plain" else len(features)
        label_ranks = plain_ranks(by_label, ties).to(features.dtype) / divisor
        feature_ranks: Tensor = PlainBlackboxRanks.apply(
            by_feature, settings["interp_lambda"], ties, divisor
        )
        loss = loss + plain_penalty(feature_ranks, label_ranks, settings.get("penalty", "mse"))
    return loss


class ConRSettings(TypedDict, total=False):
    """Keyword arguments of ``plain_conr``, as of ``conr``."""

    omega: float
    tau: float
    eta: float
    variant: str
    formulation: str
    similar: str
    tolerance: float


def plain_conr(
    features: Tensor,
    labels: Tensor,
    preds: Tensor,
    weights: Tensor,
    **settings: Unpack[ConRSettings],
) -> Tensor:
    """Compute ConR, Eqs. 1 to 3, anchor by anchor.

    Args:
        features: (N, ...); gradient flows.
        labels: (N,), (N, K) or (N, H, W).
        preds: as the labels.
        weights: (N,).
        **settings: as of ``conr``; ``omega``, ``tau`` and ``eta`` are required.

    Returns:
        Scalar.
    """
    formulation = settings.get("formulation", "paper")
    released_age = formulation == "released" and labels.ndim <= 2
    unit = F.normalize(features.flatten(1), dim=1)
    loss = features.new_zeros(())
    for j in range(len(features)):
        distances = _plain_distances(j, labels)
        positives = _plain_similar(distances, settings)
        negatives = ~positives
        positives[j] = False
        if not settings.get("variant", "full").startswith("contrastive"):
            negatives &= _plain_similar(_plain_distances(j, preds.detach()), settings)
        if not positives.any() or not negatives.any():
            continue
        push = _plain_push(weights[j], distances[negatives], released_age, settings)
        exponentials = torch.exp(unit @ unit[j] / settings["tau"])
        pulled, pushed = exponentials[positives], (push * exponentials[negatives]).sum()
        if formulation == "paper":
            loss = loss - torch.log((pulled / (pulled.sum() + pushed)).mean())
            continue
        others = len(features) - len(pulled)
        each = -torch.log(pulled / (pulled.sum() + others + pushed))
        loss = loss + (weights[j] * each.mean() if released_age else each.sum() / (len(each) + 1))
    return loss / len(features)


def _plain_push(
    weight: Tensor, distances: Tensor, released_age: bool, settings: ConRSettings
) -> Tensor:
    """Return the pushing weights (P,) of one anchor for negatives at ``distances`` (P,)."""
    variant, eta = settings.get("variant", "full"), settings["eta"]
    if variant.endswith("no_s"):
        return torch.ones_like(distances)
    if variant == "no_eta":
        weight = torch.ones_like(weight)
    if variant == "no_sim":
        return weight.expand_as(distances) * (1 if released_age else eta)
    return weight * torch.exp(eta * distances) if released_age else eta * weight * distances


def _plain_similar(distances: Tensor, settings: ConRSettings) -> Tensor:
    """Return where distances (N,) are those of similar labels or predictions."""
    window, tolerance = 1 / settings["omega"], settings.get("tolerance", 0.0)
    if settings.get("similar", "at_most") == "at_most":
        return distances <= window * (1 + tolerance)
    return distances < window * (1 - tolerance)


def _plain_distances(j: int, labels: Tensor) -> Tensor:
    """Return the distances (N,) of sample j's label from all labels."""
    if labels.ndim > 2:
        labels = torch.stack([label.mean() for label in labels])
    difference = (labels[j] - labels).abs()
    return difference if labels.ndim == 1 else difference.mean(1)


def plain_rank_n_contrast(features: Tensor, labels: Tensor, *, tau: float) -> Tensor:
    """Compute Rank-N-Contrast for each anchor and each of its pairs.

    Source: Zha et al., NeurIPS 2023, Eqs. 1 and 2.

    Args:
        features: (N, D); gradient flows.
        labels: (N,) or (N, K).
        tau: temperature, > 0.

    Returns:
        Scalar.
    """
    loss = features.new_zeros(())
    num = len(features)
    for i in range(num):
        distances = _plain_distances(i, labels)
        squares = torch.stack([(features[i] - other).square().sum() for other in features])
        logits = -squares.clamp_min(1e-30).sqrt() / tau
        others = torch.arange(num) != i
        for j in range(num):
            if j != i:
                farther = others & (distances >= distances[j])
                loss = loss - (logits[j] - torch.logsumexp(logits[farther], 0))
    return loss / max(num * (num - 1), 1)


def plain_info_nce(queries: Tensor, keys: Tensor, queue: Tensor, *, tau: float) -> Tensor:
    """Compute MoCo's loss for one query, its key and the queue at a time.

    Source: He et al., CVPR 2020, Eq. 1.

    Args:
        queries: (N, D), rows of unit length; gradient flows.
        keys: (N, D), rows of unit length.
        queue: (Q, D), rows of unit length.
        tau: temperature, > 0.

    Returns:
        Scalar.
    """
    loss = queries.new_zeros(())
    for query, key in zip(queries, keys, strict=True):
        logits = torch.cat([(query @ key)[None], queue @ query]) / tau
        loss = loss - torch.log_softmax(logits, dim=0)[0]
    return loss / len(queries)


class BinStatistics(NamedTuple):
    """Feature statistics of B label bins, each (B, D)."""

    running_mean: Tensor
    running_var: Tensor
    smoothed_mean: Tensor
    smoothed_var: Tensor


def plain_fds_smooth(
    features: Tensor,
    bins: Tensor,
    statistics: BinStatistics,
    *,
    clip_low: float = 0.1,
    clip_high: float = 10.0,
) -> Tensor:
    """Calibrate features by FDS, label bin by label bin.

    Source: Yang et al., ICML 2021, Eqs. 4 to 6.

    Args:
        features: (N, D); gradient flows.
        bins: (N,) int64, the bin of each sample.
        statistics: of each bin.
        clip_low: least ratio of variances.
        clip_high: largest ratio of variances.

    Returns:
        (N, D).
    """
    calibrated = features.clone()
    for b in torch.unique(bins).tolist():
        rows = bins == b
        variance = statistics.running_var[b]
        factor = torch.clamp(statistics.smoothed_var[b] / variance, clip_low, clip_high)
        centred = features[rows] - statistics.running_mean[b]
        scaled = centred * torch.sqrt(factor) + statistics.smoothed_mean[b]
        # a feature that never varies in this bin stays as it is
        calibrated[rows] = torch.where(variance > 0, scaled, features[rows])
    return calibrated
