"""Balanced MSE (GAI, BMC, BNI): the squared error, corrected for the training distribution."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import AfterValidator, Field
from torch import Tensor, nn

from dirsweep.config.label_scale import LabelScaled
from dirsweep.config.model import AddedLater
from dirsweep.config.ranges import Choice, IntUniform, LogUniform
from dirsweep.config.trial import TrialConfig
from dirsweep.data.base import BenchmarkConfig
from dirsweep.errors import ShapeError, SpecError
from dirsweep.methods.base import Loss, Setup, TechniqueConfig
from dirsweep.methods.kernels import Kernel, odd
from dirsweep.methods.losses.label_distribution import (
    CountSmoothing,
    label_distribution,
    no_label_below,
)
from dirsweep.methods.losses.per_sample import same_shape
from dirsweep.registry import register

LOG_2_PI = math.log(2 * math.pi)


def gai(
    preds: Tensor,
    labels: Tensor,
    *,
    means: Tensor,
    variances: Tensor,
    mixture_weights: Tensor,
    noise_sigma: Tensor | float,
) -> Tensor:
    r"""Compute Balanced MSE over a Gaussian mixture of training labels, in closed form (GAI).

    .. math::
        \ell_i = 2\bar\sigma^2 \Big[ -\log \mathcal{N}(y_i; \hat{y}_i, \sigma^2)
            + \log \sum_{m=1}^{M} \phi_m \, \mathcal{N}(\hat{y}_i; \mu_m, v_m + \sigma^2) \Big]

    The factor (twice the noise variance, without gradient) keeps the size of the squared error
    whatever the noise.

    Source: Ren et al., "Balanced MSE for Imbalanced Visual Regression", CVPR 2022, Section 4.1.

    Args:
        preds: (N,) or (N, 1) float.
        labels: same shape and unit.
        means: (M,) of the mixture's components, same unit.
        variances: (M,), unit squared.
        mixture_weights: (M,), sum 1.
        noise_sigma: scalar, not 0, same unit; its square is used, so its sign does not matter. May
            carry gradient.

    Returns:
        (N,) float, in the unit squared; can be negative.

    Raises:
        ShapeError: preds and labels differ in shape, or are (N, K).
    """
    pred, label = _columns(preds, labels)
    noise_var = _square(noise_sigma, pred)
    means, variances, mixture_weights = (
        part.to(pred).flatten() for part in (means, variances, mixture_weights)
    )
    densities = _log_normal(pred, means, variances + noise_var)  # (N, M)
    balance = torch.logsumexp(mixture_weights.log() + densities, dim=1)  # (N,)
    return (balance - _log_normal(label, pred, noise_var).squeeze(1)) * (2 * noise_var).detach()


def bmc(preds: Tensor, labels: Tensor, *, noise_sigma: Tensor | float) -> Tensor:
    r"""Compute Balanced MSE with the integral estimated from the batch's labels (BMC).

    .. math::
        \ell_i = 2\bar\sigma^2 \Big[ -\log \frac{\exp(-\|\hat{y}_i - y_i\|^2 / 2\sigma^2)}
            {\sum_{j=1}^{N} \exp(-\|\hat{y}_i - y_j\|^2 / 2\sigma^2)} \Big]

    Source: Ren et al., CVPR 2022, Section 4.2 (BMC): the cross-entropy of finding one's own label
    among the batch's.

    Args:
        preds: (N,) or (N, K) float; K-dimensional labels are compared by Euclidean distance.
        labels: same shape and unit.
        noise_sigma: scalar, not 0, same unit; its square is used. May carry gradient.

    Returns:
        (N,) float, >= 0, in the unit squared; 0 for a batch of one.

    Raises:
        ShapeError: preds and labels differ in shape.
    """
    same_shape(preds, labels)
    pred, label = preds.reshape(len(preds), -1), labels.reshape(len(labels), -1)
    noise_var = _square(noise_sigma, pred)
    distance = (pred[:, None] - label[None]).square().sum(2)  # (N, N)
    logits = -0.5 * distance / noise_var
    return (torch.logsumexp(logits, dim=1) - logits.diagonal()) * (2 * noise_var).detach()


def bni(
    preds: Tensor,
    labels: Tensor,
    *,
    centers: Tensor,
    center_weights: Tensor,
    noise_sigma: Tensor | float,
) -> Tensor:
    r"""Compute Balanced MSE with the integral taken over bins of the training labels (BNI).

    .. math::
        \ell_i = 2\bar\sigma^2 \Big[ \frac{(\hat{y}_i - y_i)^2}{2\sigma^2}
            + \log \sum_{b=1}^{B} p_b \exp\big(-(\hat{y}_i - c_b)^2 / 2\sigma^2\big) \Big]

    Source: Ren et al., CVPR 2022, Section 4.2 (BNI).

    Args:
        preds: (N,) or (N, 1) float.
        labels: same shape and unit.
        centers: (B,), same unit.
        center_weights: (B,) >= 0, share of training labels, sum 1.
        noise_sigma: scalar, not 0, same unit; its square is used. May carry gradient.

    Returns:
        (N,) float, in the unit squared; can be negative.

    Raises:
        ShapeError: preds and labels differ in shape, or are (N, K).
    """
    pred, label = _columns(preds, labels)
    noise_var = _square(noise_sigma, pred)
    centers, center_weights = centers.to(pred).flatten(), center_weights.to(pred).flatten()
    exponents = center_weights.log() - 0.5 * (pred - centers).square() / noise_var  # (N, B)
    balance = torch.logsumexp(exponents, dim=1)  # (N,)
    error = 0.5 * (pred - label).square().squeeze(1) / noise_var
    return (balance + error) * (2 * noise_var).detach()


def _columns(preds: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """(N,) or (N, 1) each -> (N, 1) each."""
    same_shape(preds, labels)
    if preds.numel() != len(preds):
        raise ShapeError(
            f"this variant takes scalar labels (N,), got {tuple(labels.shape)}; 'bmc' takes (N, K)"
        )
    return preds.reshape(-1, 1), labels.reshape(-1, 1)


def _square(noise_sigma: Tensor | float, like: Tensor) -> Tensor:
    return torch.as_tensor(noise_sigma, dtype=like.dtype, device=like.device).square()


def _log_normal(x: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    return -0.5 * ((x - mean).square() / variance + variance.log() + LOG_2_PI)


#: formula of each variant
FORMULAS: dict[str, Callable[..., Tensor]] = {"gai": gai, "bmc": bmc, "bni": bni}


class BalancedMSE(Loss):
    """One variant with its label distribution as buffers.

    Args:
        variant: ``gai``, ``bmc`` or ``bni``.
        noise_sigma: at the start, label / target_scale.
        learn_noise: whether the noise is a parameter, else a buffer.
        noise_lr: learning rate of the noise.
        distribution: further arguments of the variant's formula.
    """

    noise_sigma: Tensor

    def __init__(
        self,
        variant: str,
        *,
        noise_sigma: float,
        learn_noise: bool,
        noise_lr: float,
        distribution: dict[str, Tensor],
    ) -> None:
        super().__init__()
        self.variant, self.noise_lr = variant, noise_lr
        self.names = tuple(distribution)
        for name, values in distribution.items():
            self.register_buffer(name, values)
        sigma = torch.tensor(float(noise_sigma), dtype=torch.float32)
        if learn_noise:
            self.noise_sigma = nn.Parameter(sigma)
        else:
            self.register_buffer("noise_sigma", sigma)

    def forward(self, preds: Tensor, targets: Tensor) -> Tensor:
        """Compute the loss of each sample, (N,) each ((N, K) for bmc) -> (N,)."""
        distribution = {name: getattr(self, name) for name in self.names}
        formula = FORMULAS[self.variant]
        return formula(preds, targets, noise_sigma=self.noise_sigma, **distribution)

    def param_groups(self, lr: float) -> list[dict[str, Any]]:
        """Return the noise, which learns at its own rate, without weight decay."""
        return [{**group, "lr": self.noise_lr} for group in super().param_groups(lr)]


@register("loss", "balanced_mse")
class BalancedMSEConfig(TechniqueConfig):
    """Parameters of Balanced MSE. All lengths are in units of label / target_scale."""

    display_name: ClassVar[str] = "Balanced MSE"

    variant: Annotated[Literal["gai", "bmc", "bni"], Choice(("gai", "bmc", "bni"))] = "gai"
    """gai: Gaussian mixture of the training labels; bmc: labels of the batch; bni: bins of the
    training labels
    """

    noise: Annotated[Literal["learnt", "fixed"], Choice(("learnt", "fixed"))] = "learnt"
    """learnt: the noise is a parameter of the model; fixed: it stays at init_noise_sigma"""

    init_noise_sigma: Annotated[
        float, Field(gt=0), LogUniform(0.1, 20.0), LabelScaled("target")
    ] = 1.0
    """standard deviation of the labels around their prediction, at the start"""

    noise_lr: Annotated[float, Field(gt=0), LogUniform(1e-4, 1e-1), LabelScaled("target")] = 1e-2
    """learning rate of the noise (learnt only)"""

    num_components: Annotated[int, Field(ge=1), IntUniform(1, 32, log=True)] = 8
    """Gaussians in the mixture (gai only)"""

    density: Annotated[Literal["counts", "lds"], AddedLater()] = "counts"
    """distribution of the labels (bni only): counts, or counts smoothed over bins as by LDS"""

    kernel: Annotated[Kernel, AddedLater()] = "gaussian"
    """of density lds"""

    kernel_size: Annotated[
        int, Field(ge=1), AfterValidator(odd), LabelScaled("bins"), AddedLater()
    ] = 5
    """number of bins, odd (density lds)"""

    sigma: Annotated[float, Field(gt=0), LabelScaled("bins"), AddedLater()] = 2.0
    """number of bins; triang does not use it (density lds)"""

    truncate: Annotated[bool, AddedLater()] = False
    """whether smoothed counts are cut to whole numbers, as in the released code (density lds)"""

    label_high: Annotated[float | None, AddedLater()] = None
    """upper edge of the last bin, label unit, at and above which labels are left out (bni only);
    null takes the benchmark's bins
    """

    @property
    def loss_power(self) -> int:
        """It squares errors."""
        return 2

    def uses(self, name: str) -> bool:
        """Learnt noise has a rate, a mixture components, bins a density and perhaps a kernel."""
        if name == "num_components":
            return self.variant == "gai"
        if name == "noise_lr":
            return self.noise == "learnt"
        if name in ("density", "label_high"):
            return self.variant == "bni"
        if name in ("kernel", "kernel_size", "sigma", "truncate"):
            smooths = self.variant == "bni" and self.density == "lds"
            return smooths and (name != "sigma" or self.kernel != "triang")
        return True

    @property
    def min_batch_size(self) -> int:
        """Two for bmc, which classifies each sample among the labels of its batch."""
        return 2 if self.variant == "bmc" else 1

    def conflict(self, trial: TrialConfig, benchmark: BenchmarkConfig) -> str | None:
        """Refuse labels of K dimensions for gai and bni, which describe scalar labels."""
        if self.variant != "bmc" and benchmark.label_dim != 1:
            return (
                f"balanced_mse variant '{self.variant}' takes scalar labels; "
                "'bmc' takes K-dimensional ones"
            )
        return super().conflict(trial, benchmark)

    def label_conflict(self, labels: Tensor) -> str | None:
        """Refuse bins that hold no training label (bni)."""
        if self.variant != "bni" or self.label_high is None or (labels < self.label_high).any():
            return None
        return f"balanced_mse: {no_label_below(self.label_high)}"

    def build(self, setup: Setup) -> BalancedMSE:
        """Make the loss; gai fits its mixture.

        Raises:
            SpecError: K-dimensional labels with gai or bni, fewer distinct labels than Gaussians,
                or no label below label_high.
        """
        if self.variant != "bmc" and setup.label_dim != 1:
            raise SpecError(
                f"takes scalar labels, this benchmark's have {setup.label_dim} dimensions; "
                "use 'bmc'",
                key="variant",
            )
        distributions = {"gai": self._mixture, "bmc": lambda _: {}, "bni": self._bins}
        distribution = distributions[self.variant](setup)
        return BalancedMSE(
            self.variant,
            noise_sigma=self.init_noise_sigma,
            learn_noise=self.noise == "learnt",
            noise_lr=self.noise_lr,
            distribution=distribution,
        )

    def _mixture(self, setup: Setup) -> dict[str, Tensor]:
        """Fit the mixture to the training targets."""
        # slow to import, and every start of dirsweep reads this file
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.mixture import GaussianMixture

        targets = setup.train_labels.numpy().astype(np.float64).reshape(-1, 1) / setup.target_scale
        distinct = len(np.unique(targets))
        if distinct < self.num_components:
            raise SpecError(
                f"must not exceed the {distinct} distinct training labels; "
                f"got {self.num_components}",
                key="num_components",
            )
        mixture = GaussianMixture(self.num_components, random_state=setup.seed % 2**32)
        with warnings.catch_warnings():
            # 100 rounds of EM are what the method prescribes, converged to the last digit or not
            warnings.simplefilter("ignore", ConvergenceWarning)
            mixture.fit(targets)
        return {
            "means": torch.from_numpy(mixture.means_[:, 0]).float(),
            "variances": torch.from_numpy(mixture.covariances_[:, 0, 0]).float(),
            "mixture_weights": torch.from_numpy(mixture.weights_).float(),
        }

    def _bins(self, setup: Setup) -> dict[str, Tensor]:
        """Count training labels in bins."""
        smoothing = CountSmoothing(self.kernel, self.kernel_size, self.sigma, self.truncate)
        found = label_distribution(
            setup.train_labels.numpy(),
            setup.bins,
            label_high=self.label_high,
            smoothing=smoothing if self.density == "lds" else None,
        )
        return {
            "centers": torch.from_numpy(found.centers / setup.target_scale).float(),
            "center_weights": torch.from_numpy(found.shares).float(),
        }
