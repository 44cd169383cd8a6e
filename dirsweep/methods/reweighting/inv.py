"""INV: weights inversely proportional to how many training samples share the label's bin."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from pydantic import Field, model_validator
from torch import Tensor

from dirsweep.config.ranges import LogUniform
from dirsweep.config.trial import TrialConfig
from dirsweep.data.base import BenchmarkConfig
from dirsweep.errors import ShapeError, SpecError
from dirsweep.methods.base import Reweighting, Setup, TechniqueConfig
from dirsweep.methods.kernels import bin_index, inner_edges
from dirsweep.registry import register

#: lowest and highest count; None leaves that end open
Clip = tuple[float | None, float | None]

#: range to which the released code clips counts of ages
CLIP: Clip = (5.0, 1000.0)


def bins_and_counts(
    labels: Tensor | ArrayLike, bin_edges: Tensor | ArrayLike
) -> tuple[Tensor, NDArray[np.float64]]:
    """Count labels in bins.

    Args:
        labels: (N,), label unit.
        bin_edges: (B + 1,) ascending.

    Returns:
        (N,) int64 bins on the CPU, and (B,) counts as float64.

    Raises:
        ShapeError: labels are not (N,) or there are none.
        SpecError: edges do not ascend.
    """
    values = torch.as_tensor(labels).detach().cpu()
    if values.ndim != 1 or len(values) == 0:
        raise ShapeError(
            f"labels must be (N,) with N >= 1 to be counted in bins; got {tuple(values.shape)}"
        )
    inner = inner_edges(bin_edges)
    bins = bin_index(values, inner)
    counts = torch.bincount(bins, minlength=len(inner) + 1)
    return bins, counts.numpy().astype(np.float64)


def weights_of(density: NDArray[np.float64], bins: Tensor, labels: Tensor | ArrayLike) -> Tensor:
    """Turn densities into weights 1 / density, scaled to mean 1.

    Args:
        density: (B,), > 0 in every bin that has a label.
        bins: (N,) int64.
        labels: (N,), for device and dtype.

    Returns:
        (N,) float, > 0, mean 1; float32 where labels are whole numbers.
    """
    inverse = 1.0 / torch.from_numpy(density)[bins]
    weights = inverse / inverse.mean()
    if not isinstance(labels, Tensor):
        return weights.float()
    dtype = labels.dtype if labels.is_floating_point() else torch.float32
    return weights.to(device=labels.device, dtype=dtype)


def check_clip(clip: Clip) -> None:
    """Check the range to which counts are clipped.

    Raises:
        SpecError: it is empty, or not above 0.
    """
    low, high = clip
    given = [end for end in clip if end is not None]
    if any(end <= 0 for end in given) or given != sorted(given):
        raise SpecError(f"counts are clipped to 0 < clip_low <= clip_high; got {low} and {high}")


def clipped(counts: NDArray[np.float64], clip: Clip) -> NDArray[np.float64]:
    """Clip (B,) counts to a range; an end that is None is open."""
    low, high = clip
    bounded: NDArray[np.float64] = np.clip(
        counts, -np.inf if low is None else low, np.inf if high is None else high
    )
    return bounded


def require_ordered_clip(low: float | None, high: float | None) -> None:
    """Check the clip range of a config.

    Raises:
        ValueError: it is empty.
    """
    if low is not None and high is not None and low > high:
        raise ValueError(f"clip_low ({low:g}) must not exceed clip_high ({high:g})")


def inv_weights(
    labels: Tensor | ArrayLike,
    *,
    bin_edges: Tensor | ArrayLike,
    clip: Clip = CLIP,
) -> Tensor:
    r"""Weight each training sample by the inverse of its bin's clipped count.

    .. math::
        w_i = c \,/\, \min(\max(n_{b(i)}, low), high), \quad
        c: \tfrac{1}{N} \sum_i w_i = 1

    Source: Yang et al., ICML 2021, Section 4.1 (INV); the released code clips counts of ages to
    5..1000, and those of STS-B-DIR not at all.

    Args:
        labels: (N,) training labels, in the label unit.
        bin_edges: (B + 1,) ascending, in the label unit; labels outside fall into the first or last
            bin.
        clip: counts are clipped to this range, 0 < low <= high; None leaves an end open.

    Returns:
        (N,) float, > 0, mean 1; dtype and device of labels (float32 where labels are whole
        numbers).

    Raises:
        ShapeError: labels are not (N,).
        SpecError: edges do not ascend, or the clip range is empty.
    """
    check_clip(clip)
    bins, counts = bins_and_counts(labels, bin_edges)
    return weights_of(clipped(counts, clip), bins, labels)


def require_scalar_labels(setup: Setup, name: str) -> None:
    """Refuse labels of K dimensions.

    Raises:
        SpecError: labels are no scalars; the message names the technique.
    """
    if setup.label_dim != 1:
        raise SpecError(
            f"{name} needs scalar labels; this benchmark's have {setup.label_dim} dimensions"
        )


def scalar_labels_conflict(benchmark: BenchmarkConfig, name: str) -> str | None:
    """Return why a technique that needs scalar labels cannot work; None where it can."""
    label_dim = benchmark.label_dim
    if label_dim == 1:
        return None
    return f"{name} needs scalar labels; this benchmark's have {label_dim} dimensions"


@register("reweighting", "inv")
class InvConfig(TechniqueConfig):
    """Parameters of ``inv_weights``."""

    display_name: ClassVar[str] = "INV"

    clip_low: Annotated[float | None, Field(gt=0), LogUniform(1.0, 50.0)] = 5.0
    """counts below it are raised to it, so that a single sample does not dominate; null does not
    raise any
    """

    clip_high: Annotated[float | None, Field(gt=0), LogUniform(100.0, 10000.0)] = 1000.0
    """counts above it are lowered to it; null does not lower any"""

    @model_validator(mode="after")
    def _ordered(self) -> InvConfig:
        require_ordered_clip(self.clip_low, self.clip_high)
        return self

    def conflict(self, trial: TrialConfig, benchmark: BenchmarkConfig) -> str | None:
        """Refuse labels that are no scalars, which cannot be counted in bins."""
        return scalar_labels_conflict(benchmark, "inv")

    def build(self, setup: Setup) -> Reweighting:
        """Compute the weights.

        Raises:
            SpecError: labels are not scalar.
        """
        require_scalar_labels(setup, "inv")
        clip = self.clip_low, self.clip_high
        weights = inv_weights(setup.train_labels, bin_edges=setup.bins.edges, clip=clip)
        return Reweighting(weights.float())
