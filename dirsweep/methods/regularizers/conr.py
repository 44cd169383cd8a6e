"""ConR: pull together similar labels, push apart what only looks similar (ICLR 2024)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, get_args

import torch
from pydantic import Field, model_validator
from torch import Tensor

from dirsweep.config.label_scale import LabelScaled
from dirsweep.config.model import AddedLater
from dirsweep.config.ranges import Choice, LogUniform
from dirsweep.config.trial import TrialConfig
from dirsweep.data.base import BenchmarkConfig
from dirsweep.errors import ShapeError, SpecError
from dirsweep.methods.base import Regularizer, Setup, Step, TechniqueConfig
from dirsweep.methods.checks import check_choice, check_shapes
from dirsweep.methods.pairwise import cosine_similarities, label_distances
from dirsweep.methods.reweighting.inv import inv_weights
from dirsweep.methods.reweighting.sqinv import sqinv_weights
from dirsweep.registry import register

Variant = Literal["full", "contrastive", "contrastive_no_s", "no_s", "no_sim", "no_eta"]
Similar = Literal["at_most", "below"]
Formulation = Literal["paper", "released"]
PushingWeights = Literal["inv", "sqinv", "reweighting", "none"]
VARIANTS: tuple[Variant, ...] = get_args(Variant)
#: all dissimilar labels are negatives, however they are predicted
CONTRASTIVE = ("contrastive", "contrastive_no_s")
#: Appendix A.4 for the paper's form; the released age code runs with 0.07 whatever is set
RELEASED_TAU = 0.07
DEFAULT_TAU = {"paper": 0.2, "released": RELEASED_TAU}


@dataclass(frozen=True)
class ConRSettings:
    """What ``conr`` depends on besides the batch.

    Attributes:
        omega: > 0, in 1 / label unit; two labels (predictions) are similar when their distance is
            within 1 / omega.
        tau: > 0, temperature.
        eta: >= 0, in 1 / label unit, pushing power.
        variant: what is taken away (Table 6): ``contrastive`` has all dissimilar labels as
            negatives, ``no_s`` S = 1, ``contrastive_no_s`` both, ``no_sim`` no distance in S,
            ``no_eta`` no weight w_j in S.
        formulation: ``paper`` or ``released``, see ``conr``.
        similar: ``at_most`` (distance <= 1 / omega, Section 3.2.1 and the released code) or
            ``below`` (<, Appendix A.4).
        tolerance: >= 0, share of 1 / omega; a distance that differs from 1 / omega by no more than
            that counts as equal to it.

    Raises:
        ValueError: a number is out of its range, or an unknown choice.
    """

    omega: float
    tau: float
    eta: float
    variant: Variant = "full"
    formulation: Formulation = "paper"
    similar: Similar = "at_most"
    tolerance: float = 0.0

    def __post_init__(self) -> None:
        for name, number in (("omega", self.omega), ("tau", self.tau)):
            if not number > 0:
                raise ValueError(f"conr: {name} must be > 0, got {number}")
        for name, number in (("eta", self.eta), ("tolerance", self.tolerance)):
            if not number >= 0:
                raise ValueError(f"conr: {name} must be >= 0, got {number}")
        check_choice("conr", "variant", self.variant, VARIANTS)
        check_choice("conr", "formulation", self.formulation, DEFAULT_TAU)
        check_choice("conr", "similar", self.similar, get_args(Similar))

    def within(self, distances: Tensor) -> Tensor:
        """Return where distances of labels or predictions are those of similar ones."""
        window = 1.0 / self.omega
        if self.similar == "below":
            return distances < window * (1.0 - self.tolerance)
        return distances <= window * (1.0 + self.tolerance)


def conr(
    features: Tensor, labels: Tensor, preds: Tensor, weights: Tensor, settings: ConRSettings
) -> Tensor:
    r"""Contrast each sample whose prediction is confused with that of differently labelled ones.

    Two labels (predictions) are similar when their distance d is at most 1 / omega (Section 3.2.1
    and the released code; Appendix A.4 prints "less than"). Positives of j: similar labels, j left
    out. Negatives: dissimilar labels, yet similar predictions. Anchors have at least one of each;
    other samples contribute 0. With unit-length features and
    :math:`e_{jk} = \exp(z_j \cdot z_k / \tau)`:

    .. math::
        L = \frac{1}{2N} \sum_{j \in \text{anchors}} -\log \frac{1}{N_j^+}
        \sum_{i \in K_j^+} \frac{e_{ji}}{\sum_{p \in K_j^+} e_{jp} + \sum_{q \in K_j^-} S_{jq} \,
        e_{jq}}, \quad S_{jq} = \eta \, w_j \, d(y_j, y_q)

    Source: Keramati et al., ICLR 2024, Eqs. 1 to 3 and Appendix A.4. ``formulation="released"`` is
    what the authors' code computes: the mean over positives of the minus log; entries that are no
    positives (j itself among them) enter the denominator as exp(0) = 1; S = w_j exp(eta d); the
    anchor's loss is multiplied by w_j. For maps (depth) it computes S = eta w_j d, divides by the
    number of positives plus one, and leaves out the factor w_j. The released age code always runs
    with tau = 0.07; in this function the tau that is passed counts. A sample without positives
    gives 0/0 there and 0 here.

    Args:
        features: (2N, D) float, further dimensions are flattened; any number of views, gradient
            flows.
        labels: (2N,), (2N, K) with MAE as distance, or maps (2N, H, W), (2N, 1, H, W) with the
            distance of their means.
        preds: the labels' shape and unit; they only select pairs, so no gradient flows.
        weights: (2N,) >= 0, the density weight w of each sample; or the labels' shape, then the
            mean of each sample's.
        settings: omega, tau, eta, and the form of the loss.

    Returns:
        Scalar; the caller multiplies it by beta.

    Raises:
        ShapeError: shapes do not fit.
    """
    _check(features, labels, preds, weights)
    with torch.autocast(features.device.type, enabled=False):
        features = features.flatten(1)
        features = features if features.dtype == torch.float64 else features.float()
        logits = cosine_similarities(features) / settings.tau  # (2N, 2N)
        weights = weights if weights.ndim == 1 else weights.flatten(1).mean(1)
        weights = weights.detach().to(features.dtype)
        positives, negatives, push = _pairs(features, labels, preds, weights, settings)
        if settings.formulation == "paper":
            losses = _paper(logits, positives, negatives, push)
        else:
            is_map = labels.ndim > 2
            losses = _released(logits, positives, negatives, push, count_self=is_map)
            losses = losses if is_map else losses * weights
        anchors = positives.any(1) & negatives.any(1)
        return torch.where(anchors, losses, 0.0).sum() / len(features)


@torch.no_grad()
def _pairs(
    features: Tensor, labels: Tensor, preds: Tensor, weights: Tensor, settings: ConRSettings
) -> tuple[Tensor, Tensor, Tensor]:
    """Positives and negatives, (2N, 2N) bool, and S, (2N, 2N), row j for anchor j."""
    distances = label_distances(labels).to(features.dtype)
    similar = settings.within(distances)
    itself = torch.eye(len(features), dtype=torch.bool, device=features.device)
    negatives = ~similar
    if settings.variant not in CONTRASTIVE:
        negatives = negatives & settings.within(label_distances(preds))
    exponential = settings.formulation == "released" and labels.ndim <= 2
    push = _pushing_weights(distances, weights, settings, exponential=exponential)
    return similar & ~itself, negatives, push


def _pushing_weights(
    distances: Tensor, weights: Tensor, settings: ConRSettings, *, exponential: bool
) -> Tensor:
    """S (Eq. 2, Appendix A.4): (2N, 2N), row j for anchor j."""
    variant = settings.variant
    if variant in ("no_s", "contrastive_no_s"):
        return torch.ones_like(distances)
    by_anchor = torch.ones_like(weights) if variant == "no_eta" else weights
    far = torch.ones_like(distances) if variant == "no_sim" else distances
    if exponential:
        return by_anchor[:, None] * torch.exp(settings.eta * far * (variant != "no_sim"))
    return settings.eta * by_anchor[:, None] * far


def _denominators(logits: Tensor, positives: Tensor, negatives: Tensor, push: Tensor) -> Tensor:
    """Log of the sum over positives plus the weighted sum over negatives: (2N,)."""
    # the lowest finite number, not -inf: a row with no pair at all must not turn its gradient into
    # NaN
    nothing = torch.finfo(logits.dtype).min
    pushed = torch.where(negatives, logits + push.log(), nothing)
    return torch.logsumexp(torch.where(positives, logits, pushed), dim=1)


def _paper(logits: Tensor, positives: Tensor, negatives: Tensor, push: Tensor) -> Tensor:
    """Eq. 1 as printed: (2N,)."""
    nothing = torch.finfo(logits.dtype).min
    pulled = torch.logsumexp(torch.where(positives, logits, nothing), dim=1)
    num_positives = positives.sum(1).clamp_min(1).to(logits.dtype)
    return num_positives.log() + _denominators(logits, positives, negatives, push) - pulled


def _released(
    logits: Tensor, positives: Tensor, negatives: Tensor, push: Tensor, *, count_self: bool
) -> Tensor:
    """The released form without the anchor's weight: (2N,)."""
    num_positives = positives.sum(1)
    # exp(0) for every entry that is no positive
    ones = (len(logits) - num_positives).to(logits.dtype)
    log_denominator = torch.logaddexp(_denominators(logits, positives, negatives, push), ones.log())
    total = num_positives * log_denominator - torch.where(positives, logits, 0.0).sum(1)
    return total / (num_positives + count_self).clamp_min(1)


def _check(features: Tensor, labels: Tensor, preds: Tensor, weights: Tensor) -> None:
    check_shapes("conr", features, labels, "(N,), (N, K) or maps", max_dims=4)
    if preds.shape != labels.shape:
        raise ShapeError(
            f"conr: preds must have the labels' shape {tuple(labels.shape)}, "
            f"got {tuple(preds.shape)}"
        )
    if weights.shape not in (labels.shape[:1], labels.shape):
        raise ShapeError(f"conr: weights must be ({labels.shape[0]},), got {tuple(weights.shape)}")


class ConR(Regularizer):
    """``conr`` over all views of a step, times beta.

    One forward pass of both views serves regression and contrast.

    Args:
        config: checked settings.
        sample_weights: (N_train,) float32, w of each training sample.
    """

    num_views = 2

    def __init__(self, config: ConRConfig, sample_weights: Tensor) -> None:
        super().__init__()
        self.config = config
        self.settings = config.settings
        self.regression_weight = config.resolved_alpha
        self.sample_weights: Tensor
        # made from the training labels at each start, so no part of a checkpoint
        self.register_buffer("sample_weights", sample_weights, persistent=False)

    def forward(self, step: Step) -> Tensor:
        """Compute beta times ConR."""
        weights = self.sample_weights.to(step.features.device)[step.indices].repeat(step.num_views)
        loss = conr(step.features, step.labels, step.preds, weights, self.settings)
        return self.config.beta * loss


@register("regularizers", "conr")
class ConRConfig(TechniqueConfig):
    """ConR's settings; the defaults are those of the age benchmarks (Appendix A.4).

    With ``formulation: released`` three of them change nothing, as in the released code: it has no
    alpha, overwrites tau by 0.07, and its w_j are the regression loss's own sample weights.
    """

    display_name: ClassVar[str] = "ConR"

    alpha: Annotated[float, Field(ge=0), LogUniform(0.1, 10.0)] = 1.0
    """weight of the regression loss (Eq. 4); the released form has none"""

    beta: Annotated[float, Field(ge=0), LogUniform(0.1, 10.0), LabelScaled("loss")] = 4.0
    """weight of the term (Eq. 4)"""

    eta: Annotated[float, Field(ge=0), LogUniform(1e-3, 1.0), LabelScaled("label", -1)] = 0.01
    """pushing power of a sample of mean weight, in 1 / label unit"""

    omega: Annotated[float, Field(gt=0), LogUniform(0.2, 5.0), LabelScaled("label", -1)] = 1.0
    """two labels (predictions) are similar when their distance is within 1 / omega; in 1 / label
    unit
    """

    tau: Annotated[float | None, Field(gt=0), LogUniform(0.05, 1.0)] = None
    """temperature; defaults to 0.2; the released form has 0.07 whatever is given"""

    variant: Annotated[Variant, Choice(VARIANTS)] = "full"
    """what is taken away (Table 6): all or a part of the pushing weight S (no_s, no_sim, no_eta),
    the choice of negatives by their predictions (contrastive), or both (contrastive_no_s)
    """

    formulation: Annotated[Formulation, Choice(("paper", "released"))] = "paper"
    """Eq. 1 as printed, or what the released code computes"""

    pushing_weights: Annotated[PushingWeights, Choice(("inv", "sqinv", "reweighting", "none"))] = (
        "inv"
    )
    """w_j: inverse (5 to 1000 training labels in the bin count) or inverse root frequency of the
    label's bin, the regression loss's own sample weights, or 1; the released form has the
    regression loss's whatever is given
    """

    similar: Annotated[Similar, AddedLater()] = "at_most"
    """whether a distance of exactly 1 / omega is similar: at_most (Section 3.2.1, released code) or
    below (Appendix A.4), where with omega 1 only equal ages are
    """

    tolerance: Annotated[float, Field(ge=0, lt=1), AddedLater()] = 0.0
    """distances that differ from 1 / omega by no more than this share of it count as equal to it;
    scores need it: 3.4 - 3.2 is not 0.2 in float32
    """

    @model_validator(mode="before")
    @classmethod
    def _resolve(cls, value: Any) -> Any:
        if not isinstance(value, dict) or value.get("tau") is not None:
            return value
        formulation = value.get("formulation", "paper")
        return {
            **value,
            "tau": DEFAULT_TAU.get(formulation) if isinstance(formulation, str) else None,
        }

    @property
    def settings(self) -> ConRSettings:
        """What the formula needs of them."""
        names = ("omega", "eta", "variant", "formulation", "similar", "tolerance")
        return ConRSettings(tau=self.resolved_tau, **{name: getattr(self, name) for name in names})

    @property
    def resolved_tau(self) -> float:
        """The tau in effect, never None."""
        if self.formulation == "released":
            return RELEASED_TAU
        assert self.tau is not None
        return self.tau

    @property
    def resolved_alpha(self) -> float:
        """The alpha in effect."""
        return 1.0 if self.formulation == "released" else self.alpha

    @property
    def resolved_weights(self) -> PushingWeights:
        """The w_j in effect."""
        return "reweighting" if self.formulation == "released" else self.pushing_weights

    def uses(self, name: str) -> bool:
        """The released form has no alpha, no tau and no weights of its own."""
        released = self.formulation == "released"
        if name == "eta":
            return not self.variant.endswith("no_s") and (self.variant != "no_sim" or not released)
        return not released or name not in ("alpha", "tau", "pushing_weights")

    def equal_setting(self, trial: TrialConfig, benchmark: BenchmarkConfig) -> str | None:
        """Name the full variant where no_eta leaves out weights that are all 1."""
        ones = {"none": True, "reweighting": trial.reweighting.registered_name == "none"}
        if self.variant != "no_eta" or not ones.get(self.resolved_weights):
            return None
        return "variant no_eta equals variant full: all weights w_j are 1 here"

    @property
    def min_batch_size(self) -> int:
        """Two: the views of one sample have no dissimilar label to be pushed from."""
        return 2

    def conflict(self, trial: TrialConfig, benchmark: BenchmarkConfig) -> str | None:
        """Refuse frequencies of labels that are no scalars, and a window over all labels."""
        if benchmark.label_dim != 1 and self.resolved_weights in ("inv", "sqinv"):
            return (
                f"pushing_weights '{self.pushing_weights}' needs scalar labels; "
                "use 'reweighting' or 'none'"
            )
        if benchmark.label_dim == 1:
            low, high = benchmark.label_range
            if (reason := self._window_conflict(high - low)) is not None:
                return reason
        return super().conflict(trial, benchmark)

    def label_conflict(self, labels: Tensor) -> str | None:
        """Refuse labels that are all similar."""
        if labels.ndim > 1:
            return None
        return self._window_conflict(float(labels.max() - labels.min()))

    def _window_conflict(self, span: float) -> str | None:
        """Say that no two labels are dissimilar; None where some are."""
        if not self.settings.within(torch.tensor(span, dtype=torch.float64)):
            return None
        return (
            f"conr with omega {self.omega:g} takes labels up to {1 / self.omega:g} apart for "
            f"similar, and these span {span:g}: nothing is pushed apart and its term is always 0; "
            f"set omega above {1 / span:.3g}"
        )

    def build(self, setup: Setup) -> ConR:
        """Make the module with one weight per training sample.

        Raises:
            SpecError: frequencies of labels with several dimensions are asked for.
        """
        return ConR(self, self._sample_weights(setup))

    def _sample_weights(self, setup: Setup) -> Tensor:
        """(N_train,) float32, mean 1."""
        ones = torch.ones(setup.train_labels.shape[0])
        if self.resolved_weights == "none":
            return ones
        if self.resolved_weights == "reweighting":
            return ones if setup.reweighting is None else setup.reweighting.float()
        if setup.label_dim > 1:
            raise SpecError(
                f"'{self.pushing_weights}' needs scalar labels, and these have {setup.label_dim} "
                "dimensions; use 'reweighting' or 'none'",
                key="regularizers.conr.pushing_weights",
            )
        by_frequency = inv_weights if self.pushing_weights == "inv" else sqinv_weights
        return by_frequency(setup.train_labels, bin_edges=setup.bins.edges).float()
