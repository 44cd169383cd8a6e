"""LDS: weights by the inverse of label counts that are smoothed over neighbouring bins."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field, model_validator
from scipy.ndimage import convolve1d
from torch import Tensor

from dirsweep.config.model import AddedLater
from dirsweep.config.ranges import Choice
from dirsweep.config.trial import TrialConfig
from dirsweep.data.base import BenchmarkConfig
from dirsweep.errors import SpecError
from dirsweep.methods.base import Reweighting, Setup, TechniqueConfig
from dirsweep.methods.kernels import KernelField, KernelSizeField, SigmaField, window
from dirsweep.methods.reweighting.inv import (
    CLIP,
    Clip,
    bins_and_counts,
    check_clip,
    clipped,
    require_ordered_clip,
    require_scalar_labels,
    scalar_labels_conflict,
    weights_of,
)
from dirsweep.registry import register


def smoothed(
    values: NDArray[np.float64], *, kernel: str, kernel_size: int, sigma: float
) -> NDArray[np.float64]:
    """Smooth (B,) values over bins; beyond the first and last bin they are 0.

    Args:
        values: counts, or their roots.
        kernel: see ``kernels.window``; its largest value is 1.
        kernel_size: odd, >= 1, in bins.
        sigma: > 0, in bins.

    Raises:
        SpecError: unknown kernel, or a number out of its range.
    """
    kernel_values = window(kernel, kernel_size, sigma, normalize="max")
    density: NDArray[np.float64] = convolve1d(values, kernel_values, mode="constant")
    return density


def lds_weights(  # noqa: PLR0913 - one parameter per setting
    labels: Tensor | ArrayLike,
    *,
    bin_edges: Tensor | ArrayLike,
    base: str = "sqinv",
    kernel: str = "gaussian",
    kernel_size: int = 5,
    sigma: float = 2.0,
    clip: Clip = CLIP,
    truncate: bool = False,
) -> Tensor:
    r"""Weight each training sample by the inverse of its smoothed label density.

    .. math::
        \tilde{p}(b) = \sum_{|b' - b| \le h} k(b' - b) \, g(n_{b'}), \quad
        w_i = c \,/\, \tilde{p}(b(i)), \quad c: \tfrac{1}{N} \sum_i w_i = 1

    with g the square root (``sqinv``) or the clipped count (``inv``), and k a window whose maximum
    is 1. Beyond the first and last bin counts are 0.

    Source: Yang et al., ICML 2021, Section 3.1, Eq. 1. The paper smooths counts and inverts; the
    released code applies g first, as here. Its smoothed counts keep the integer type of the counts
    (``truncate``); roots are smoothed as they are.

    Args:
        labels: (N,) training labels, in the label unit.
        bin_edges: (B + 1,) ascending, in the label unit; labels outside fall into the first or last
            bin.
        base: ``sqinv`` or ``inv``.
        kernel: ``gaussian`` (the released window), ``gaussian_plain``, ``triang``, ``laplace``; see
            ``kernels.window``.
        kernel_size: odd, >= 1, in bins.
        sigma: > 0, in bins.
        clip: counts are clipped to this range, 0 < low <= high; None leaves an end open; ``inv``
            only, where an empty bin counts ``low``.
        truncate: whether smoothed counts are cut to whole numbers; ``inv`` only.

    Returns:
        (N,) float, > 0, mean 1; dtype and device of labels (float32 where labels are whole
        numbers).

    Raises:
        ShapeError: labels are not (N,).
        SpecError: unknown base or kernel, a number out of its range, or smoothed counts below 1
            that ``truncate`` would make 0.
    """
    if base not in ("inv", "sqinv"):
        raise SpecError(f"unknown base '{base}' (known: inv, sqinv)")
    check_clip(clip)
    bins, counts = bins_and_counts(labels, bin_edges)
    values = np.sqrt(counts) if base == "sqinv" else clipped(counts, clip)
    density = smoothed(values, kernel=kernel, kernel_size=kernel_size, sigma=sigma)
    if truncate and base == "inv":
        density = np.trunc(density)
        if (density[counts > 0] == 0).any():
            raise SpecError(f"truncate needs clip_high of at least 1; got {clip[1]}")
    return weights_of(density, bins, labels)


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

    clip_low: Annotated[float | None, Field(gt=0)] = 5.0
    """counts below it are raised to it (inv only); null does not raise any"""

    clip_high: Annotated[float | None, Field(gt=0)] = 1000.0
    """counts above it are lowered to it (inv only); null does not lower any"""

    truncate: Annotated[bool, AddedLater()] = False
    """whether smoothed counts are cut to whole numbers, as in the released code (inv only)"""

    @model_validator(mode="after")
    def _ordered(self) -> LDSConfig:
        require_ordered_clip(self.clip_low, self.clip_high)
        if self.truncate and self.clip_high is not None and self.clip_high < 1:
            raise ValueError(f"truncate needs clip_high of at least 1; got {self.clip_high:g}")
        return self

    def uses(self, name: str) -> bool:
        """A triangular kernel has no sigma; roots of counts are neither clipped nor cut."""
        if name in ("clip_low", "clip_high", "truncate"):
            return self.base == "inv"
        return name != "sigma" or self.kernel != "triang"

    def equal_setting(self, trial: TrialConfig, benchmark: BenchmarkConfig) -> str | None:
        """Name the plain reweighting where the kernel covers a single bin."""
        if self.kernel_size > 1:
            return None
        return f"kernel_size 1 smooths nothing: it equals reweighting {self.base}"

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
            truncate=self.truncate,
        )
        return Reweighting(weights.float())
