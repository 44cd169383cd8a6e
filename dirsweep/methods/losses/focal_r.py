"""Focal-R: errors scaled by how hard the sample is."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from dirsweep.config.label_scale import LabelScaled
from dirsweep.config.ranges import Choice, LogUniform, Uniform
from dirsweep.config.trial import TrialConfig
from dirsweep.data.base import BenchmarkConfig
from dirsweep.errors import SpecError
from dirsweep.methods.base import Loss, Setup, TechniqueConfig
from dirsweep.methods.losses.per_sample import per_sample, same_shape
from dirsweep.registry import register


def focal_r(
    preds: Tensor,
    labels: Tensor,
    *,
    beta: float,
    gamma: float,
    base: str = "l1",
    formulation: str = "released",
) -> Tensor:
    r"""Scale each error by how hard the sample is (Focal-R).

    .. math:: \ell_i = s(\beta |e_i|)^\gamma \, |e_i|^p, \quad e_i = \hat{y}_i - y_i

    with p = 1 (``l1``) or 2 (``mse``), and :math:`s(x) = 2\sigma(x) - 1` (``released``: an exact
    prediction weighs 0) or :math:`s(x) = \sigma(x)` (``paper``: it weighs :math:`2^{-\gamma}`).

    Source: Yang et al., ICML 2021, Section 4.1; RankSim (Gong et al., ICML 2022), Appendix A, which
    prints L1, beta 0.2 and gamma 1 for all benchmarks; on STS-B-DIR (score / 5) the released code
    has the squared error and beta 20. The paper prints sigma, the code computes 2 sigma - 1.
    The released code of RankSim and ConR drops sample weights here; the trainer applies them.

    Args:
        preds: (N,) or (N, K) float.
        labels: same shape and unit.
        beta: > 0, in 1 / that unit.
        gamma: >= 0, dimensionless; 0 gives the base loss.
        base: ``l1`` or ``mse``.
        formulation: ``released`` or ``paper``.

    Returns:
        (N,) float, >= 0; the mean over K where labels are (N, K). The caller applies weights and
        the mean over N.

    Raises:
        ShapeError: preds and labels differ in shape.
        SpecError: unknown base or formulation.
    """
    same_shape(preds, labels)
    if base not in ("l1", "mse"):
        raise SpecError(f"unknown base '{base}' (known: l1, mse)")
    if formulation not in ("released", "paper"):
        raise SpecError(f"unknown formulation '{formulation}' (known: paper, released)")
    error = (preds - labels).abs()
    # 2 sigmoid(x) - 1 is tanh(x / 2), without the cancellation near 0
    released = formulation == "released"
    hardness = torch.tanh(0.5 * beta * error) if released else torch.sigmoid(beta * error)
    # at 0 the slope of x ** gamma is infinite for gamma below 1; times an error of 0 it is NaN
    scale = hardness.clamp_min(torch.finfo(hardness.dtype).tiny) ** gamma
    return per_sample(scale * (error if base == "l1" else error.square()))


class FocalR(Loss):
    """``focal_r`` as the trainer calls it."""

    def __init__(self, *, beta: float, gamma: float, base: str, formulation: str) -> None:
        super().__init__()
        self.beta, self.gamma, self.base, self.formulation = beta, gamma, base, formulation

    def forward(self, preds: Tensor, targets: Tensor) -> Tensor:
        """Compute the loss of each sample, (N,) or (N, K) -> (N,)."""
        return focal_r(
            preds,
            targets,
            beta=self.beta,
            gamma=self.gamma,
            base=self.base,
            formulation=self.formulation,
        )


@register("loss", "focal_r")
class FocalRConfig(TechniqueConfig):
    """Parameters of ``focal_r``."""

    display_name: ClassVar[str] = "Focal-R"

    beta: Annotated[float, Field(gt=0), LogUniform(0.02, 2.0), LabelScaled("target", -1)] = 0.2
    """1 / (label / target_scale): how fast an error counts as hard"""

    gamma: Annotated[float, Field(ge=0), Uniform(0.0, 3.0)] = 1.0
    """0 gives the base loss"""

    base: Annotated[Literal["l1", "mse"], Choice(("l1", "mse"))] = "l1"
    """the error that is scaled: l1 (RankSim, Appendix A) or mse (released, on STS-B-DIR)"""

    formulation: Annotated[Literal["released", "paper"], Choice(("released", "paper"))] = "released"
    """released: 2 sigmoid - 1, as the published numbers were made; paper: sigmoid, as printed"""

    @property
    def loss_power(self) -> int:
        """2 over squared errors."""
        return 2 if self.base == "mse" else 1

    def equal_setting(self, trial: TrialConfig, benchmark: BenchmarkConfig) -> str | None:
        """Name the plain loss where no error is hard: beta times the largest one is small."""
        if self.gamma == 0:
            return f"gamma 0 equals loss {self.base}"
        low, high = benchmark.label_range
        largest = self.beta * (high - low) / benchmark.target_scale
        # tanh(x / 2) is x / 2 to within 8 % at 1; sigmoid(x) is 1 / 2 to within 5 % at 0.1
        if self.formulation == "paper":
            return self._plain(self.base, 0.5**self.gamma, benchmark) if largest <= 0.1 else None
        if largest > 1:
            return None
        power = self.loss_power + self.gamma
        name = "mse" if power == 2 else f"errors to the power {power:g}"
        return self._plain(name, (self.beta / 2) ** self.gamma, benchmark)

    def _plain(self, loss: str, factor: float, benchmark: BenchmarkConfig) -> str:
        stated = [item for item in benchmark.technique_defaults if item.technique == "focal_r"]
        usual = ", ".join(f"{item.key} {item.value}" for item in stated)
        return (
            f"base {self.base}, beta {self.beta:g}, gamma {self.gamma:g} is nearly {loss} times "
            f"{factor:.3g} on these labels, so regularizers weigh {1 / factor:.3g} times as much "
            "beside it" + (f"; the default here is {usual}" if usual else "")
        )

    def build(self, setup: Setup) -> FocalR:
        """Make the loss."""
        return FocalR(
            beta=self.beta, gamma=self.gamma, base=self.base, formulation=self.formulation
        )
