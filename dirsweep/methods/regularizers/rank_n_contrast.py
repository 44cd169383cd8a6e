"""Rank-N-Contrast: the closer in label, the closer in feature space (Zha et al., NeurIPS 2023)."""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from dirsweep.config.label_scale import LabelScaled
from dirsweep.config.ranges import LogUniform
from dirsweep.errors import ShapeError
from dirsweep.methods.base import Regularizer, Setup, Step, TechniqueConfig
from dirsweep.methods.pairwise import label_distances, sort_rows, squared_distances, symmetric
from dirsweep.registry import register


def rank_n_contrast(features: Tensor, labels: Tensor, *, tau: float) -> Tensor:
    r"""Contrast each pair with those of the same anchor that are at least as far apart in label.

    .. math::
        L = \frac{1}{n (n - 1)} \sum_{i} \sum_{j \ne i}
        -\log \frac{\exp(s_{ij} / \tau)}{\sum_{k \ne i,\ d_{ik} \ge d_{ij}} \exp(s_{ik} / \tau)},
        \quad s_{ij} = -\lVert z_i - z_j \rVert_2, \quad d_{ij} = |y_i - y_j|

    Source: Zha et al., NeurIPS 2023, Eqs. 1 and 2, with its default similarity and label distance;
    n = 2N views. There the encoder is trained by this loss alone and the regressor afterwards; here
    it is a term beside the regression loss.

    Pairs of an anchor are sorted by label distance once, so that every denominator is a tail of one
    cumulative log-sum-exp: O(n^2) memory, where the formula read literally has n^3 terms.

    Args:
        features: (n, D) float.
        labels: (n,), (n, K) with their mean absolute difference, or maps with the distance of their
            means; any unit.
        tau: > 0, in the unit of the features' distances.

    Returns:
        Scalar, >= 0; 0 for a single sample.

    Raises:
        ShapeError: features or labels have another shape.
        ValueError: tau is not > 0.
    """
    if features.ndim != 2 or features.shape[0] == 0:
        raise ShapeError(
            f"rank_n_contrast: features must be (n, D) with n >= 1, got {tuple(features.shape)}"
        )
    if not 1 <= labels.ndim <= 4 or labels.shape[0] != features.shape[0]:
        raise ShapeError(
            f"rank_n_contrast: labels must be (n,), (n, K) or maps with n = {features.shape[0]}, "
            f"got {tuple(labels.shape)}"
        )
    if not tau > 0:
        raise ValueError(f"rank_n_contrast: tau must be > 0, got {tau}")
    num = features.shape[0]
    with torch.autocast(features.device.type, enabled=False):
        features = features if features.dtype == torch.float64 else features.float()
        logits = -_distances(features) / tau  # (n, n)
        itself_first = label_distances(labels).fill_diagonal_(-1.0)
        order, first_equal = sort_rows(itself_first)
        near_to_far = logits.gather(1, order)
        tails = torch.logcumsumexp(near_to_far.flip(1), dim=1).flip(1)
        denominators = tails.gather(1, first_equal)
        return (denominators - near_to_far)[:, 1:].sum() / max(num * (num - 1), 1)


def _distances(features: Tensor) -> Tensor:
    """(n, D) -> (n, n) Euclidean distances; those of equal rows are 0, with a zero gradient."""
    squares = symmetric(squared_distances(features, features.detach()))
    apart = squares > 0
    # the root's slope at 0 is infinite: keep it away from equal rows
    return torch.where(apart, torch.where(apart, squares, 1.0).sqrt(), 0.0)


class RankNContrast(Regularizer):
    """``rank_n_contrast`` over all views of a step, times its weight."""

    num_views = 2

    def __init__(self, config: RankNContrastConfig) -> None:
        super().__init__()
        self.config = config

    def forward(self, step: Step) -> Tensor:
        """Compute weight times Rank-N-Contrast."""
        return self.config.weight * rank_n_contrast(step.features, step.labels, tau=self.config.tau)


@register("regularizers", "rank_n_contrast")
class RankNContrastConfig(TechniqueConfig):
    """Rank-N-Contrast's settings; the paper trains by it alone, so it prints no weight."""

    display_name: ClassVar[str] = "Rank-N-Contrast"

    weight: Annotated[float, Field(ge=0), LogUniform(0.01, 10.0), LabelScaled("loss")] = 1.0
    """weight of the term, in the regression loss's unit"""

    tau: Annotated[float, Field(gt=0), LogUniform(0.1, 10.0)] = 2.0
    """temperature, in the unit of the features' Euclidean distances"""

    @property
    def min_batch_size(self) -> int:
        """Two: the views of one sample have nothing to be contrasted with."""
        return 2

    def build(self, setup: Setup) -> RankNContrast:
        """Make the module; it has no state."""
        return RankNContrast(self)
