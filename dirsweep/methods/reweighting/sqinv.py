"""SQINV: weights inversely proportional to the square root of the count of the label's bin."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

from dirsweep.config.trial import TrialConfig
from dirsweep.data.base import BenchmarkConfig
from dirsweep.methods.base import Reweighting, Setup, TechniqueConfig
from dirsweep.methods.reweighting.inv import (
    bins_and_counts,
    require_scalar_labels,
    scalar_labels_conflict,
    weights_of,
)
from dirsweep.registry import register


def sqinv_weights(labels: Tensor | ArrayLike, *, bin_edges: Tensor | ArrayLike) -> Tensor:
    r"""Weight each training sample by the inverse square root of its bin's count.

    .. math:: w_i = c \,/\, \sqrt{n_{b(i)}}, \quad c: \tfrac{1}{N} \sum_i w_i = 1

    Source: Yang et al., ICML 2021, Section 4.1 (SQINV).

    Args:
        labels: (N,) training labels, in the label unit.
        bin_edges: (B + 1,) ascending, in the label unit; labels outside fall into the first or last
            bin.

    Returns:
        (N,) float, > 0, mean 1; dtype and device of labels (float32 where labels are whole
        numbers).

    Raises:
        ShapeError: labels are not (N,).
        SpecError: edges do not ascend.
    """
    bins, counts = bins_and_counts(labels, bin_edges)
    return weights_of(np.sqrt(counts), bins, labels)


@register("reweighting", "sqinv")
class SqinvConfig(TechniqueConfig):
    """No parameters."""

    display_name: ClassVar[str] = "SQINV"

    def conflict(self, trial: TrialConfig, benchmark: BenchmarkConfig) -> str | None:
        """Refuse labels that are no scalars, which cannot be counted in bins."""
        return scalar_labels_conflict(benchmark, "sqinv")

    def build(self, setup: Setup) -> Reweighting:
        """Compute the weights.

        Raises:
            SpecError: labels are not scalar.
        """
        require_scalar_labels(setup, "sqinv")
        return Reweighting(sqinv_weights(setup.train_labels, bin_edges=setup.bins.edges).float())
