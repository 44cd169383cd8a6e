"""MoCo v1 and v2 beside the regression loss, as ConR compares with it (Table 19).

Sources: He et al., CVPR 2020 (v1); Chen et al., arXiv 2003.04297 (v2).
"""

from __future__ import annotations

import copy
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from dirsweep.config.label_scale import LabelScaled
from dirsweep.config.ranges import Choice, LogUniform
from dirsweep.config.trial import TrialConfig
from dirsweep.data.base import BenchmarkConfig
from dirsweep.errors import ShapeError, SpecError
from dirsweep.methods.base import Regularizer, Setup, Step, TechniqueConfig
from dirsweep.registry import register

Variant = Literal["v1", "v2"]

#: the original papers' temperatures
DEFAULT_TAU = {"v1": 0.07, "v2": 0.2}


def info_nce(queries: Tensor, keys: Tensor, queue: Tensor, *, tau: float) -> Tensor:
    r"""Find each query's own key among the keys of earlier batches.

    .. math::
        L = \frac{1}{N} \sum_i -\log \frac{\exp(q_i \cdot k_i / \tau)}
        {\exp(q_i \cdot k_i / \tau) + \sum_{u \in \text{queue}} \exp(q_i \cdot u / \tau)}

    Source: He et al., CVPR 2020, Eq. 1.

    Args:
        queries: (N, C) float, rows of length 1; gradient flows.
        keys: (N, C) float, rows of length 1; no gradient flows.
        queue: (K, C) float, rows of length 1; no gradient flows.
        tau: > 0, temperature.

    Returns:
        Scalar, >= 0.

    Raises:
        ShapeError: the shapes do not fit.
        ValueError: tau is not > 0.
    """
    if queries.ndim != 2 or keys.shape != queries.shape:
        raise ShapeError(
            f"info_nce: queries and keys must both be (N, C), got {tuple(queries.shape)} "
            f"and {tuple(keys.shape)}"
        )
    if queue.ndim != 2 or queue.shape[1] != queries.shape[1]:
        raise ShapeError(
            f"info_nce: queue must be (K, {queries.shape[1]}), got {tuple(queue.shape)}"
        )
    if not tau > 0:
        raise ValueError(f"info_nce: tau must be > 0, got {tau}")
    own = (queries * keys.detach()).sum(1, keepdim=True)  # (N, 1)
    others = queries @ queue.detach().T  # (N, K)
    logits = torch.cat([own, others], dim=1) / tau
    return (logits.logsumexp(1) - logits[:, 0]).mean()


def projection_head(feature_dim: int, dim: int, variant: Variant) -> nn.Module:
    """Make the head (N, D) -> (N, ``dim``): one linear layer (v1), or two with a ReLU (v2)."""
    if variant == "v1":
        return nn.Linear(feature_dim, dim)
    return nn.Sequential(
        nn.Linear(feature_dim, feature_dim), nn.ReLU(), nn.Linear(feature_dim, dim)
    )


class MoCo(Regularizer):
    """``info_nce`` between two views of a sample, the second seen by a momentum encoder.

    v1: the query is the step's first view, the one that the regression loss sees, and the key its
    second. v2 needs both strongly augmented, so it asks for two views besides the first. The copy
    (backbone and head) has no gradient, follows by ``momentum`` after each optimiser step, and
    keeps batch statistics of its own; the original shuffles samples between GPUs before them, which
    on one device changes nothing. Copy, head, queue and its position are in ``state_dict``, so a
    resumed training continues with the same numbers.

    Args:
        config: checked settings.
        feature_dim: D of the backbone's features.
        seed: of the queue's first content, random directions.
    """

    queue: Tensor
    position: Tensor

    def __init__(self, config: MoCoConfig, feature_dim: int, seed: int) -> None:
        super().__init__()
        self.config = config
        self.num_views = 2 if config.variant == "v1" else 3
        self.views = "standard" if config.variant == "v1" else "strong"
        self.head = projection_head(feature_dim, config.dim, config.variant)
        self.key_head = _frozen_copy(self.head)
        self.key_backbone: nn.Module | None = None
        directions = torch.randn(
            config.queue_size, config.dim, generator=torch.Generator().manual_seed(seed)
        )
        self.register_buffer("queue", F.normalize(directions, dim=1))
        self.register_buffer("position", torch.zeros((), dtype=torch.int64))
        self._waiting: Tensor | None = None

    def attach(self, backbone: nn.Module) -> None:
        """Copy the encoder in its present state."""
        self.key_backbone = _frozen_copy(backbone)

    def forward(self, step: Step) -> Tensor:
        """Compute weight times the contrast; ``after_step`` puts the keys into the queue."""
        assert self.key_backbone is not None, "attach(backbone) comes first"
        num = step.num_samples
        last = slice((self.num_views - 1) * num, self.num_views * num)
        before_last = slice((self.num_views - 2) * num, (self.num_views - 1) * num)
        with torch.no_grad():
            keys = F.normalize(self.key_head(self.key_backbone(step.inputs[last])), dim=1)
        queries = F.normalize(self.head(step.features[before_last]), dim=1)
        # not enqueued here: the backward pass still needs the queue as it is
        self._waiting = keys
        return self.config.weight * info_nce(
            queries, keys, self.queue, tau=self.config.resolved_tau
        )

    @torch.no_grad()
    def after_step(self, backbone: nn.Module) -> None:
        """Move the copy towards the encoder (Eq. 2); put the batch's keys into the queue."""
        assert self.key_backbone is not None, "attach(backbone) comes first"
        for followed, follower in ((backbone, self.key_backbone), (self.head, self.key_head)):
            torch._foreach_lerp_(
                list(follower.parameters()), list(followed.parameters()), 1 - self.config.momentum
            )
        if self._waiting is not None:
            places = torch.arange(len(self._waiting), device=self.queue.device) + self.position
            self.queue.index_copy_(0, places % len(self.queue), self._waiting.to(self.queue.dtype))
            self.position.copy_((self.position + len(self._waiting)) % len(self.queue))
            self._waiting = None


def _frozen_copy(module: nn.Module) -> nn.Module:
    return copy.deepcopy(module).requires_grad_(False)


@register("regularizers", "moco")
class MoCoConfig(TechniqueConfig):
    """MoCo's settings, those of the original papers, since ConR prints none."""

    display_name: ClassVar[str] = "MoCo"

    variant: Annotated[Variant, Choice(("v1", "v2"))] = "v1"
    """v1: linear head, tau 0.07; v2: two-layer head, tau 0.2, both views strongly augmented"""

    weight: Annotated[float, Field(ge=0), LogUniform(0.01, 10.0), LabelScaled("loss")] = 1.0
    """weight of the term, in the regression loss's unit"""

    tau: Annotated[float | None, Field(gt=0), LogUniform(0.05, 1.0)] = None
    """temperature; defaults to the variant's"""

    momentum: Annotated[float, Field(ge=0, lt=1), Choice((0.9, 0.99, 0.999))] = 0.999
    """share of the old weights at each step of the copy (Eq. 2)"""

    queue_size: Annotated[int, Field(ge=1), Choice((1024, 4096, 16384))] = 4096
    """K, keys kept of earlier batches; the original's 65536 suit a million images, not twelve
    thousand
    """

    dim: Annotated[int, Field(ge=1)] = 128
    """C, dimension of queries and keys"""

    @model_validator(mode="before")
    @classmethod
    def _resolve(cls, value: Any) -> Any:
        if not isinstance(value, dict) or value.get("tau") is not None:
            return value
        variant = value.get("variant", "v1")
        return {**value, "tau": DEFAULT_TAU.get(variant) if isinstance(variant, str) else None}

    @property
    def resolved_tau(self) -> float:
        """The tau in effect, never None."""
        assert self.tau is not None
        return self.tau

    def conflict(self, trial: TrialConfig, benchmark: BenchmarkConfig) -> str | None:
        """Refuse what gives equal views: texts without dropout in the backbone.

        Images are augmented. A queue smaller than a batch is refused, too.
        """
        if self.queue_size < trial.batch_size:
            return f"queue_size {self.queue_size} holds less than a batch of {trial.batch_size}"
        if benchmark.kind == "image":
            return None
        if self.variant == "v2":
            return "moco v2 needs stronger augmentation, which only images have; use variant v1"
        if not getattr(trial.backbone, "dropout", 0):
            return (
                "moco needs two views that differ: give the backbone dropout above 0, or use images"
            )
        return None

    def build(self, setup: Setup) -> MoCo:
        """Make the module, its queue drawn from the trial's seed.

        The head is initialised from torch's global generator.

        Raises:
            SpecError: the queue holds less than a batch.
        """
        if self.queue_size < setup.batch_size:
            raise SpecError(
                f"must be at least the batch size ({setup.batch_size}), got {self.queue_size}",
                key="regularizers.moco.queue_size",
            )
        return MoCo(self, setup.feature_dim, setup.seed)
