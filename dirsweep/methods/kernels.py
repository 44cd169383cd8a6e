"""Windows over label bins for LDS and FDS, and the bins themselves for tensors."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from pydantic import AfterValidator, Field
from scipy.ndimage import gaussian_filter1d
from torch import Tensor

from dirsweep.config.label_scale import LabelScaled
from dirsweep.config.ranges import Choice, LogUniform
from dirsweep.domain import bin_thresholds
from dirsweep.errors import SpecError

Kernel = Literal["gaussian", "gaussian_plain", "triang", "laplace"]
KERNELS: tuple[Kernel, ...] = ("gaussian", "gaussian_plain", "triang", "laplace")


def window(
    kernel: str, kernel_size: int, sigma: float, *, normalize: Literal["max", "sum"] = "sum"
) -> NDArray[np.float64]:
    r"""Compute a symmetric window over bin distances.

    .. math::
        d = -h, \dots, h, \quad h = (kernel\_size - 1) / 2, \\
        k_{gaussian\_plain}(d) \propto e^{-d^2 / 2\sigma^2}, \quad
        k_{laplace}(d) \propto e^{-|d| / \sigma}, \quad
        k_{triang}(d) \propto 1 - \frac{|d|}{h + 1}

    ``gaussian`` is the window of the released code: an impulse of length kernel_size, filtered by a
    Gaussian whose tails fold back at both ends (0.858, 0.946, 1 for size 5 and sigma 2).
    ``gaussian_plain`` is the formula above.

    Source: Yang et al., "Delving into Deep Imbalanced Regression", ICML 2021, Sections 3.1 and 3.2.

    Args:
        kernel: one of ``KERNELS``.
        kernel_size: odd, >= 1, in bins.
        sigma: > 0, in bins; ``triang`` does not use it.
        normalize: ``max`` divides by the largest value (LDS), ``sum`` by the sum (FDS).

    Returns:
        (kernel_size,) float64.

    Raises:
        SpecError: unknown kernel, even or non-positive kernel_size, sigma not above 0.
    """
    if kernel_size < 1 or kernel_size % 2 == 0:
        raise SpecError(f"kernel_size must be an odd number of bins, at least 1; got {kernel_size}")
    if not sigma > 0:
        raise SpecError(f"sigma must be above 0; got {sigma}")
    half = (kernel_size - 1) // 2
    distance = np.abs(np.arange(-half, half + 1, dtype=np.float64))
    if kernel == "gaussian":
        values = np.asarray(gaussian_filter1d((distance == 0).astype(np.float64), sigma=sigma))
    elif kernel == "gaussian_plain":
        values = np.exp(-0.5 * (distance / sigma) ** 2)
    elif kernel == "laplace":
        values = np.exp(-distance / sigma)
    elif kernel == "triang":
        values = 1.0 - distance / (half + 1)
        if normalize == "max":  # to the last digit as released: truncated densities depend on it
            values = (half + 1 - distance) / (half + 1)
    else:
        raise SpecError(f"unknown kernel '{kernel}' (known: {', '.join(KERNELS)})")
    scaled: NDArray[np.float64] = values / (values.max() if normalize == "max" else values.sum())
    return scaled


def odd(kernel_size: int) -> int:
    """Check a window's size in a config.

    Raises:
        ValueError: it is even.
    """
    if kernel_size % 2 == 0:
        raise ValueError(f"must be odd (the window is centred on a bin); got {kernel_size}")
    return kernel_size


#: parameters of a window in a config, with their checks and default search ranges
KernelField = Annotated[Kernel, Choice(("gaussian", "triang", "laplace"))]
KernelSizeField = Annotated[
    int, Field(ge=1), AfterValidator(odd), Choice((3, 5, 7, 9, 11, 15)), LabelScaled("bins")
]
SigmaField = Annotated[float, Field(gt=0), LogUniform(0.5, 5.0), LabelScaled("bins")]


def inner_edges(bin_edges: ArrayLike | Tensor) -> Tensor:
    """Compute the thresholds for ``bin_index``, see ``domain.bin_thresholds``.

    Args:
        bin_edges: (B + 1,) ascending.

    Returns:
        (B - 1,) float64, on the CPU.

    Raises:
        SpecError: fewer than two edges, or edges that do not ascend.
    """
    source = bin_edges.detach().cpu().numpy() if isinstance(bin_edges, Tensor) else bin_edges
    edges = np.asarray(source, dtype=np.float64)
    widths = np.diff(edges)
    if edges.ndim != 1 or len(edges) < 2 or not (widths > 0).all():
        raise SpecError("bin_edges must be two or more ascending numbers")
    return torch.from_numpy(bin_thresholds(edges))


def bin_index(labels: Tensor, inner: Tensor) -> Tensor:
    """Find the bin of each label on any device, as ``domain.bin_of`` does for arrays.

    Args:
        labels: (N,), label unit.
        inner: (B - 1,) of ``inner_edges``, on the labels' device.

    Returns:
        (N,) int64; labels outside all edges fall into the first or last bin.
    """
    return torch.bucketize(labels.to(inner.dtype), inner, right=True)
