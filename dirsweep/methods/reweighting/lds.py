"""LDS: weights by the inverse of label counts that are smoothed over neighbouring bins."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field, model_validator
from scipy.ndimage import convolve1d
from torch import Tensor

from dirsweep.config.ranges import Choice
from dirsweep.config.trial import TrialConfig
from dirsweep.data.base import BenchmarkConfig
from dirsweep.errors import SpecError
from dirsweep.methods.base import Reweighting, Setup, TechniqueConfig
from dirsweep.methods.kernels import KernelField, KernelSizeField, SigmaField, window
from dirsweep.methods.reweighting.inv import (
    CLIP,
    bins_and_counts,
    check_clip,
    require_scalar_labels,
    scalar_labels_conflict,
    weights_of,
)
from dirsweep.registry import register


def lds_weights(
    labels: Tensor | ArrayLike,
    *,
    bin_edges: Tensor | ArrayLike,
    base: str = "sqinv",
    kernel: str = "gaussian",
    kernel_size: int = 5,
    sigma: float = 2.0,
    clip: tuple[float, float] = CLIP,
) -> Tensor:
    r"""Weight each training sample by the inverse of its smoothed label density.

    .. math::
        \tilde{p}(b) = \sum_{|b' - b| \le h} k(b' - b) \, g(n_{b'}), \quad
        w_i = c \,/\, \tilde{p}(b(i)), \quad c: \tfrac{1}{N} \sum_i w_i = 1

    with g the square root (``sqinv``) or the clipped count (``inv``), and k a window whose maximum
    is 1. Beyond the first and last bin counts are 0.

    Source: Yang et al., ICML 2021, Section 3.1, Eq. 1. The paper smooths counts and inverts; the
    released code applies g first, as here.

    Args:
        labels: (N,) training labels, in the label unit.
        bin_edges: (B + 1,) ascending, in the label unit; labels outside fall into the first or last
            bin.
        base: ``sqinv`` or ``inv``.
        kernel: ``gaussian`` (the released window), ``gaussian_plain``, ``triang``, ``laplace``; see
            ``kernels.window``.
        kernel_size: odd, >= 1, in bins.
        sigma: > 0, in bins.
        clip: counts are clipped to this range, 0 < low <= high; ``inv`` only, where an empty bin
            counts ``low``.

    Returns:
        (N,) float, > 0, mean 1; dtype and device of labels (float32 where labels are whole
        numbers).

    Raises:
        ShapeError: labels are not (N,).
        SpecError: unknown base or kernel, or a number out of its range.
    """
    if base not in ("inv", "sqinv"):
        raise SpecError(f"unknown base '{base}' (known: inv, sqinv)")
    check_clip(clip)
    bins, counts = bins_and_counts(labels, bin_edges)
    values = np.sqrt(counts) if base == "sqinv" else np.clip(counts, *clip)
    kernel_values = window(kernel, kernel_size, sigma, normalize="max")
    return weights_of(convolve1d(values, kernel_values, mode="constant"), bins, labels)


@register("reweighting", "lds")
class LDSConfig(TechniqueConfig):
    """Parameters of ``lds_weights``: kernel size 5 and sigma 2 (released code: 9 and 1)."""

    display_name: ClassVar[str] = "LDS"

    base: Annotated[Literal["sqinv", "inv"], Choice(("sqinv", "inv"))] = "sqinv"
    """what is smoothed and inverted: square roots of counts, or counts clipped to
    clip_low..clip_high
    """

    kernel: KernelField = "gaussian"
    kernel_size: KernelSizeField = 5
    """bins, odd"""

    sigma: SigmaField = 2.0
    """bins; triang does not use it"""

    clip_low: Annotated[float, Field(gt=0)] = 5.0
    """counts below it are raised to it (inv only)"""

    clip_high: Annotated[float, Field(gt=0)] = 1000.0
    """counts above it are lowered to it (inv only)"""

    @model_validator(mode="after")
    def _ordered(self) -> LDSConfig:
        if self.clip_low > self.clip_high:
            raise ValueError(
                f"clip_low ({self.clip_low:g}) must not exceed clip_high ({self.clip_high:g})"
            )
        return self

    def uses(self, name: str) -> bool:
        """A triangular kernel has no sigma."""
        return name != "sigma" or self.kernel != "triang"

    def conflict(self, trial: TrialConfig, benchmark: BenchmarkConfig) -> str | None:
        """Refuse labels that are no scalars, which cannot be counted in bins."""
        return scalar_labels_conflict(benchmark, "lds")

    def build(self, setup: Setup) -> Reweighting:
        """Compute the weights.

        Raises:
            SpecError: labels are not scalar.
        """
        require_scalar_labels(setup, "lds")
        weights = lds_weights(
            setup.train_labels,
            bin_edges=setup.bins.edges,
            base=self.base,
            kernel=self.kernel,
            kernel_size=self.kernel_size,
            sigma=self.sigma,
            clip=(self.clip_low, self.clip_high),
        )
        return Reweighting(weights.float())
