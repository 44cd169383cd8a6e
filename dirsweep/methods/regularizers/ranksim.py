"""RankSim: sort neighbours alike in label and feature space (Gong et al., ICML 2022)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, get_args

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from dirsweep.config.label_scale import LabelScaled
from dirsweep.config.model import AddedLater, PlainData
from dirsweep.config.ranges import Choice, LogUniform, Range
from dirsweep.config.trial import TrialConfig
from dirsweep.data.base import BenchmarkConfig
from dirsweep.methods.base import Regularizer, Setup, Step, TechniqueConfig
from dirsweep.methods.checks import check_choice, check_shapes
from dirsweep.methods.pairwise import (
    cosine_similarities,
    label_distances,
    sort_rows,
    squared_distances,
    symmetric,
)
from dirsweep.registry import register

Penalty = Literal["mse", "mae", "huber", "linf", "cosine"]
Similarity = Literal["cosine", "correlation", "neg_mse", "neg_mae", "neg_linf"]
Sampling = Literal["unique", "all"]
Ties = Literal["shared", "order"]
RankScale = Literal["normalised", "plain"]

#: gamma that Appendix C.1 found best for each penalty (with cosine similarity) ...
PENALTY_GAMMA = {"mse": 100.0, "mae": 200.0, "huber": 1.0, "linf": 500.0, "cosine": 1.0}
#: ... and Appendix C.2 for each similarity (with the mse penalty); lambda was 2 for all of them
SIMILARITY_GAMMA = {
    "cosine": 100.0,
    "correlation": 0.1,
    "neg_mse": 50.0,
    "neg_mae": 200.0,
    "neg_linf": 500.0,
}
OPTIMAL_LAMBDA = 2.0


def ranks(rows: Tensor, ties: Ties = "shared") -> Tensor:
    r"""Rank each element within its row; the largest has rank 1.

    .. math:: \mathrm{rk}(a)_i = 1 + |\{j : a_j > a_i\}|

    Source: RankSim, Eq. 1. ``ties="shared"`` is that equation; ``"order"`` gives equal elements
    different ranks, as the released code does: those of an ascending stable sort read from its end,
    so a later element ranks before an earlier.

    Args:
        rows: (R, M) float.
        ties: how equal elements are ranked.

    Returns:
        (R, M) int64 in [1, M].
    """
    if ties == "shared":
        order, first_equal = sort_rows(-rows)
        return torch.empty_like(order).scatter_(1, order, first_equal + 1)
    order = torch.sort(rows.detach(), dim=1, stable=True).indices
    from_the_end = torch.arange(rows.shape[1], 0, -1, device=rows.device).expand_as(order)
    return torch.empty_like(order).scatter_(1, order, from_the_end)


class _BlackboxRanks(torch.autograd.Function):
    """Ranks divided by M or 1, with the gradient of Vlastelica et al., ICLR 2020 (Eqs. 5 to 7)."""

    @staticmethod
    def forward(
        ctx: Any, similarities: Tensor, divisor: int | Tensor, interp_lambda: float, ties: Ties
    ) -> Tensor:
        found = ranks(similarities, ties).to(similarities.dtype) / divisor
        ctx.save_for_backward(similarities, found)
        ctx.settings = divisor, interp_lambda, ties
        return found

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:
        similarities, found = ctx.saved_tensors
        divisor, interp_lambda, ties = ctx.settings
        perturbed = torch.add(similarities, grad, alpha=interp_lambda)  # a_lambda, Eq. 7
        moved = ranks(perturbed, ties).to(similarities.dtype) / divisor
        return (moved - found) / interp_lambda, None, None, None  # Eq. 6


def _similarities(features: Tensor, similarity: Similarity) -> Tensor:
    """(M, D) -> (M, M) (RankSim, Section 4.4)."""
    if similarity == "cosine":
        return cosine_similarities(features)
    if similarity == "correlation":
        return cosine_similarities(features - features.mean(1, keepdim=True))
    others, dim = features.detach(), features.shape[1]
    if similarity == "neg_mse":
        return symmetric(squared_distances(features, others) / -dim)
    if similarity == "neg_mae":
        return symmetric(torch.cdist(features, others, p=1.0) / -dim)
    return symmetric(-torch.cdist(features, others, p=float("inf")))


def _penalties(a: Tensor, b: Tensor, num_ranked: int | Tensor, penalty: Penalty) -> Tensor:
    """(R, M) ranks, zero where they do not count -> (R,) penalties (RankSim, Section 4.4)."""
    if penalty == "cosine":
        return 1.0 - F.cosine_similarity(a, b, dim=1)
    difference = b - a
    if penalty == "mse":
        return difference.square().sum(1) / num_ranked
    if penalty == "mae":
        return difference.abs().sum(1) / num_ranked
    if penalty == "huber":
        return F.huber_loss(b, a, reduction="none", delta=1.0).sum(1) / num_ranked
    return difference.abs().amax(1)


def one_per_label(labels: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Pick one random sample of each distinct label; the number of picks stays on the device.

    Args:
        labels: (N,) or (N, K); rows that are equal are one label.
        generator: on the labels' device; None takes torch's global one.

    Returns:
        (N,) bool.
    """
    numbers = torch.randperm(labels.shape[0], generator=generator, device=labels.device)
    lower = numbers[None, :] < numbers[:, None]  # (N, N)
    return ~((label_distances(labels) == 0) & lower).any(1)


@dataclass(frozen=True)
class RankSimSettings:
    """What ``ranksim`` depends on besides the batch.

    Attributes:
        interp_lambda: > 0, the interpolation strength lambda.
        penalty: the choice of l. ``huber`` has delta 1; ``linf`` shares its gradient among equal
            maxima.
        similarity: the choice of sigma. ``neg_mse`` and ``neg_mae`` are means over D.
        sampling: ``unique`` ranks one random sample of each distinct label, ``all`` the whole batch
            (Table 6).
        ties: ``shared`` (Eq. 1) or ``order`` (by position after sorting), see ``ranks``.
        ranks: ``normalised`` (divided by M) or ``plain`` (1 to M).

    Raises:
        ValueError: lambda is out of its range, or an unknown choice.
    """

    interp_lambda: float
    penalty: Penalty = "mse"
    similarity: Similarity = "cosine"
    sampling: Sampling = "unique"
    ties: Ties = "shared"
    ranks: RankScale = "normalised"

    def __post_init__(self) -> None:
        if not self.interp_lambda > 0:
            raise ValueError(f"ranksim: interp_lambda must be > 0, got {self.interp_lambda}")
        check_choice("ranksim", "penalty", self.penalty, get_args(Penalty))
        check_choice("ranksim", "similarity", self.similarity, get_args(Similarity))
        check_choice("ranksim", "sampling", self.sampling, get_args(Sampling))
        check_choice("ranksim", "ties", self.ties, get_args(Ties))
        check_choice("ranksim", "ranks", self.ranks, get_args(RankScale))


def ranksim(
    features: Tensor,
    labels: Tensor,
    settings: RankSimSettings,
    generator: torch.Generator | None = None,
) -> Tensor:
    r"""Penalise neighbours that are sorted differently in feature space than in label space.

    .. math::
        L = \sum_{i=1}^{M} \ell\big(\mathrm{rk}(S^y_{i,:}) / M, \ \mathrm{rk}(S^z_{i,:}) / M\big),
        \quad S^y_{ij} = -|y_i - y_j|, \quad S^z_{ij} = \sigma(z_i, z_j)

    With plain ``ranks`` nothing is divided by M. Normalised ranks differ by less than 1, where the
    ``huber`` penalty (delta 1) is exactly half of ``mse``.

    The gradient goes through the feature similarities only, by the interpolation of Eqs. 6 and 7;
    as Eq. 7 adds the incoming gradient to the similarities, a factor on this loss (gamma) also
    decides which ranks the gradient sees.

    Source: Gong et al., ICML 2022, Eqs. 1 to 7, Section 4.4. The paper prints plain ranks; the
    released code divides them by M, and the published gammas need it, so they are divided here.

    Args:
        features: (N, D) float.
        labels: (N,), or (N, K) with their mean absolute difference as distance; any unit.
        settings: lambda, and the form of the loss.
        generator: draws the samples of ``unique``; on the features' device.

    Returns:
        Scalar >= 0, dimensionless; the caller multiplies it by gamma.

    Raises:
        ShapeError: features or labels have another shape.
    """
    check_shapes("ranksim", features, labels, "(N,) or (N, K)", max_dims=2)
    unique = settings.sampling == "unique"
    with torch.autocast(features.device.type, enabled=False):
        features = features if features.dtype == torch.float64 else features.float()
        picked: Tensor | None = one_per_label(labels, generator) if unique else None
        if picked is not None and features.device.type == "cpu":
            # on the CPU reading the number of picks blocks nothing: rank those and no others
            rows = torch.from_numpy(np.flatnonzero(picked.numpy()))
            picked = None
            if len(rows) < len(features):
                features, labels = features.index_select(0, rows), labels.index_select(0, rows)
        return _loss(features, labels, picked, settings)


def _loss(
    features: Tensor, labels: Tensor, picked: Tensor | None, settings: RankSimSettings
) -> Tensor:
    """Eq. 4 over all rows, or over the ``picked`` (N,) ones at fixed shapes.

    Rows that are not picked rank last and count zero.
    """
    ties, penalty = settings.ties, settings.penalty
    by_label = -label_distances(labels).to(features.dtype)
    by_feature = _similarities(features, settings.similarity)
    num_ranked: int | Tensor = features.shape[0]
    if picked is not None:
        num_ranked = picked.sum()
        by_label, by_feature = (s.masked_fill(~picked, -torch.inf) for s in (by_label, by_feature))
    divisor = num_ranked if settings.ranks == "normalised" else 1
    label_ranks = ranks(by_label, ties).to(features.dtype) / divisor
    feature_ranks: Tensor = _BlackboxRanks.apply(by_feature, divisor, settings.interp_lambda, ties)
    if picked is None:
        return _penalties(label_ranks, feature_ranks, num_ranked, penalty).sum()
    label_ranks, feature_ranks = label_ranks * picked, feature_ranks * picked
    return (_penalties(label_ranks, feature_ranks, num_ranked, penalty) * picked).sum()


class RankSim(Regularizer):
    """``ranksim`` of the first view's features, times gamma.

    Further views, made for other regularizers, are not ranked.
    """

    def __init__(self, config: RankSimConfig) -> None:
        super().__init__()
        self.config = config
        self.settings = RankSimSettings(
            interp_lambda=config.resolved_lambda,
            penalty=config.penalty,
            similarity=config.similarity,
            sampling=config.sampling,
            ties=config.ties,
            ranks=config.ranks,
        )

    def forward(self, step: Step) -> Tensor:
        """Compute gamma times RankSim."""
        features, labels = step.first_view()
        loss = ranksim(features, labels, self.settings, generator=step.generator)
        return self.config.resolved_gamma * loss


@register("regularizers", "ranksim")
class RankSimConfig(TechniqueConfig):
    """RankSim's settings; gamma and lambda default to the paper's best for penalty and similarity.

    The paper varied one of the two at a time: with both changed, the penalty's gamma is taken. The
    loss is a sum over the ranked samples, so a good gamma moves with the batch size.
    """

    display_name: ClassVar[str] = "RankSim"

    gamma: Annotated[float | None, Field(ge=0), LogUniform(1e-4, 3e3), LabelScaled("loss")] = None
    """weight of the term (Appendix C.1, C.2; 3e-4 for STS-B-DIR, Appendix B.4); dimensionless"""

    interp_lambda: Annotated[float | None, Field(gt=0, alias="lambda"), LogUniform(0.05, 64.0)] = (
        None
    )
    """interpolation strength of the gradient (Eq. 6, Table 10); dimensionless"""

    penalty: Annotated[Penalty, Choice(("mse", "mae", "huber", "linf", "cosine"))] = "mse"
    """how two rank vectors are compared (Table 4)"""

    similarity: Annotated[
        Similarity, Choice(("cosine", "correlation", "neg_mse", "neg_mae", "neg_linf"))
    ] = "cosine"
    """how features are compared (Table 5)"""

    sampling: Annotated[Sampling, Choice(("unique", "all"))] = "unique"
    """one random sample of each distinct label, or the whole batch (Table 6)"""

    ties: Annotated[Ties, Choice(("shared", "order"))] = "shared"
    """equal elements share a rank (Eq. 1) or are ranked by position (released code)"""

    ranks: Annotated[RankScale, AddedLater()] = "normalised"
    """normalised: ranks are divided by their number (released code; the published gammas need it);
    plain: 1 to M, as Eqs. 1 to 4 print them
    """

    @model_validator(mode="before")
    @classmethod
    def _resolve(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        filled = dict(value)
        if filled.get("gamma") is None:
            filled["gamma"] = _best_gamma(filled)
        if filled.get("lambda") is None and filled.get("interp_lambda") is None:
            filled.pop("interp_lambda", None)
            filled["lambda"] = OPTIMAL_LAMBDA
        return filled

    @classmethod
    def with_defaults(cls, given: Mapping[str, Any], defaults: Mapping[str, Any]) -> PlainData:
        """Fill in a benchmark's settings; its gamma is that of mse and cosine similarity."""
        filled = super().with_defaults(given, defaults)
        best = _best_gamma(given)
        if given.get("gamma") is None and best is not None and "gamma" in defaults:
            ratio = best / PENALTY_GAMMA["mse"]
            filled["gamma"] = float(f"{defaults['gamma'] * ratio:.6g}")
        return filled

    @classmethod
    def default_ranges(cls, present: Mapping[str, Any]) -> dict[str, Range]:
        """Leave out the huber penalty over normalised ranks: it is mse with half the gamma."""
        ranges = super().default_ranges(present)
        if present.get("ranks", "normalised") == "normalised":
            ranges["penalty"] = Choice(("mse", "mae", "linf", "cosine"))
        return ranges

    def equal_setting(self, trial: TrialConfig, benchmark: BenchmarkConfig) -> str | None:
        """Name the mse that the huber penalty is over normalised ranks."""
        if self.penalty != "huber" or self.ranks != "normalised":
            return None
        return (
            f"penalty huber equals penalty mse with half the gamma ({self.resolved_gamma / 2:g}): "
            "normalised ranks differ by less than its delta of 1; ranks: plain tells them apart"
        )

    @property
    def resolved_gamma(self) -> float:
        """The gamma in effect, never None."""
        assert self.gamma is not None
        return self.gamma

    @property
    def resolved_lambda(self) -> float:
        """The lambda in effect, never None."""
        assert self.interp_lambda is not None
        return self.interp_lambda

    @property
    def min_batch_size(self) -> int:
        """Three: of two samples each is nearest to itself, whatever the features are."""
        return 3

    def conflict(self, trial: TrialConfig, benchmark: BenchmarkConfig) -> str | None:
        """Refuse float16: loss scaling multiplies the incoming gradient of Eq. 7 by thousands."""
        if trial.precision == "float16":
            return (
                "float16 training scales the loss, and RankSim's gradient depends on that scale; "
                "set precision to bfloat16 or float32"
            )
        return super().conflict(trial, benchmark)

    def label_conflict(self, labels: Tensor) -> str | None:
        """Refuse fewer than three distinct labels, of which ``unique`` takes one sample each."""
        distinct = len(labels.unique(dim=0))
        if self.sampling != "unique" or distinct >= self.min_batch_size:
            return None
        return (
            f"ranksim with sampling 'unique' ranks one sample of each distinct label and needs "
            f"{self.min_batch_size} labels; the training split has {distinct}; use sampling 'all'"
        )

    def build(self, setup: Setup) -> RankSim:
        """Make the module; it has no state."""
        return RankSim(self)


def _best_gamma(given: Mapping[str, Any]) -> float | None:
    """Return the gamma of Appendix C for a penalty and a similarity; None for unknown ones."""
    penalty, similarity = given.get("penalty", "mse"), given.get("similarity", "cosine")
    table, key = (SIMILARITY_GAMMA, similarity) if penalty == "mse" else (PENALTY_GAMMA, penalty)
    return table.get(key) if isinstance(key, str) else None
