"""DenseWeight (DenseLoss): weights that fall with the kernel density of the label."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from pydantic import Field
from torch import Tensor

from dirsweep.config.ranges import LogUniform, Uniform
from dirsweep.config.trial import TrialConfig
from dirsweep.data.base import BenchmarkConfig
from dirsweep.errors import ShapeError, SpecError
from dirsweep.methods.base import Reweighting, Setup, TechniqueConfig
from dirsweep.methods.reweighting.inv import require_scalar_labels, scalar_labels_conflict
from dirsweep.registry import register

#: number of distinct labels up to which the density is summed pair by pair
MANY_DISTINCT = 4096
#: grid points per bandwidth otherwise: linear binning errs by (1 / 1000)^2 / 8 of the curvature,
#: about 1e-7
POINTS_PER_BANDWIDTH = 1000
#: labels spread over more bandwidths than this fall back to pairs, in blocks
MANY_BANDWIDTHS = 4096


def silverman(labels: NDArray[np.float64]) -> float:
    r"""Estimate a Gaussian kernel's bandwidth by Silverman's rule of thumb.

    .. math:: h = 1.06 \, \hat\sigma \, N^{-1/5}

    Args:
        labels: (N,).

    Returns:
        In the label unit; 0 where all labels are equal.
    """
    return float(1.06 * labels.std() * len(labels) ** -0.2)


def density(labels: NDArray[np.float64], bandwidth: float) -> NDArray[np.float64]:
    r"""Estimate the density of labels at themselves by a Gaussian kernel.

    .. math:: p(y_i) \propto \frac{1}{N} \sum_j \exp\big(-(y_i - y_j)^2 / 2 h^2\big)

    Args:
        labels: (N,).
        bandwidth: h, > 0, label unit.

    Returns:
        (N,), without the constant factor, which cancels in the weights.
    """
    distinct, position, counts = np.unique(labels, return_inverse=True, return_counts=True)
    share = counts / len(labels)
    spread = (distinct[-1] - distinct[0]) / bandwidth
    if len(distinct) > MANY_DISTINCT and spread <= MANY_BANDWIDTHS:
        at_distinct = _on_grid(distinct, share, bandwidth)
    else:
        blocks = np.array_split(distinct, -(-len(distinct) // MANY_DISTINCT))
        at_distinct = np.concatenate(
            [_pairwise(block, distinct, share, bandwidth) for block in blocks]
        )
    values: NDArray[np.float64] = at_distinct[position.reshape(-1)]
    return values


def _pairwise(
    at: NDArray[np.float64],
    distinct: NDArray[np.float64],
    share: NDArray[np.float64],
    bandwidth: float,
) -> NDArray[np.float64]:
    kernel = np.exp(-0.5 * ((at[:, None] - distinct) / bandwidth) ** 2)  # (A, U)
    values: NDArray[np.float64] = kernel @ share
    return values


def _on_grid(
    distinct: NDArray[np.float64], share: NDArray[np.float64], bandwidth: float
) -> NDArray[np.float64]:
    """Spread each label over its two grid points, convolve by FFT, interpolate."""
    step = bandwidth / POINTS_PER_BANDWIDTH
    place = (distinct - distinct[0]) / step
    num_points = int(place[-1]) + 2
    left = np.floor(place).astype(np.int64)
    fraction = place - left
    mass = np.bincount(left, share * (1 - fraction), num_points)
    mass = mass + np.bincount(left + 1, share * fraction, num_points)
    half = 9 * POINTS_PER_BANDWIDTH  # beyond 9 bandwidths the kernel is below 1e-17
    kernel = np.exp(-0.5 * (np.arange(-half, half + 1) / POINTS_PER_BANDWIDTH) ** 2)
    length = 1 << (num_points + 2 * half - 1).bit_length()  # FFTs are fastest at powers of two
    smooth = np.fft.irfft(np.fft.rfft(mass, length) * np.fft.rfft(kernel, length), length)
    smooth = smooth[half : half + num_points]
    values: NDArray[np.float64] = smooth[left] * (1 - fraction) + smooth[left + 1] * fraction
    return values


def dense_weights(
    labels: Tensor | ArrayLike,
    *,
    alpha: float = 1.0,
    epsilon: float = 1e-6,
    bandwidth: float | None = None,
) -> Tensor:
    r"""Weight each training sample by how rare its label is.

    .. math::
        p'(y_i) = \frac{p(y_i) - \min_j p(y_j)}{\max_j p(y_j) - \min_j p(y_j)}, \quad
        w_i = \frac{\max(1 - \alpha\, p'(y_i),\, \epsilon)}{\frac{1}{N} \sum_j \max(1 - \alpha\,
        p'(y_j),\, \epsilon)}

    with p a Gaussian kernel density of the training labels.

    Source: Steininger et al., "Density-based weighting for imbalanced regression", Machine Learning
    110, 2021, Section 3, Eqs. 2 to 5. The published package takes the smallest and largest density
    from a grid that reaches beyond the labels; here they are the labels' own, as in the paper. All
    labels equal: all weigh 1.

    Args:
        labels: (N,) training labels.
        alpha: >= 0; 0 weighs all alike, 1 lowers the commonest label to epsilon, more lowers
            further ones.
        epsilon: > 0, the smallest weight before scaling.
        bandwidth: > 0, the kernel's standard deviation in the label unit; None takes Silverman's
            rule.

    Returns:
        (N,) float, > 0, mean 1; dtype and device of labels (float32 where labels are whole
        numbers).

    Raises:
        ShapeError: labels are not (N,).
        SpecError: a number out of its range.
    """
    if alpha < 0 or not epsilon > 0 or (bandwidth is not None and not bandwidth > 0):
        raise SpecError(
            "alpha must be at least 0, epsilon and bandwidth above 0; "
            f"got {alpha}, {epsilon} and {bandwidth}"
        )
    source = torch.as_tensor(labels).detach()
    if source.ndim != 1 or len(source) == 0:
        raise ShapeError(f"labels must be (N,) with N >= 1; got {tuple(source.shape)}")
    values = source.cpu().numpy().astype(np.float64)
    width = silverman(values) if bandwidth is None else bandwidth
    p = density(values, width) if width > 0 else np.ones(len(values))
    span = p.max() - p.min()
    scaled = (p - p.min()) / span if span > 0 else np.zeros(len(p))
    raw = np.maximum(1.0 - alpha * scaled, epsilon)
    dtype = source.dtype if source.is_floating_point() else torch.float32
    return torch.from_numpy(raw / raw.mean()).to(device=source.device, dtype=dtype)


@register("reweighting", "dense_weight")
class DenseWeightConfig(TechniqueConfig):
    """Parameters of ``dense_weights``."""

    display_name: ClassVar[str] = "DenseWeight"

    alpha: Annotated[float, Field(ge=0), Uniform(0.0, 2.0)] = 1.0
    """how strongly rare labels are preferred; 0 is no reweighting"""

    epsilon: Annotated[float, Field(gt=0), LogUniform(1e-6, 1e-1)] = 1e-6
    """smallest weight before scaling to mean 1"""

    bandwidth: Annotated[float | None, Field(gt=0)] = None
    """label unit; null takes Silverman's rule"""

    def equal_setting(self, trial: TrialConfig, benchmark: BenchmarkConfig) -> str | None:
        """Name training without it where all samples weigh alike."""
        return "alpha 0 equals reweighting none" if self.alpha == 0 else None

    def conflict(self, trial: TrialConfig, benchmark: BenchmarkConfig) -> str | None:
        """Refuse labels that are no scalars: the density is one of scalar labels."""
        return scalar_labels_conflict(benchmark, "dense_weight")

    def build(self, setup: Setup) -> Reweighting:
        """Compute the weights.

        Raises:
            SpecError: labels are not scalar.
        """
        require_scalar_labels(setup, "dense_weight")
        return Reweighting(dense_weights(setup.train_labels, **self.model_dump()).float())
