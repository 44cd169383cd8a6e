"""RRT: train the network as usual, then its last layer again with inverse weights."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from dirsweep.config.model import AddedLater
from dirsweep.config.ranges import Choice, InEpochs
from dirsweep.config.trial import TrialConfig, build_named
from dirsweep.data.base import BenchmarkConfig
from dirsweep.methods.base import Schedule, Setup, Stage, TechniqueConfig
from dirsweep.methods.reweighting.inv import InvConfig
from dirsweep.methods.reweighting.lds import LDSConfig
from dirsweep.methods.reweighting.sqinv import SqinvConfig
from dirsweep.registry import register


@register("schedule", "rrt")
class RRTConfig(TechniqueConfig):
    """Two stages: the whole network, then the last layer alone.

    The second stage starts from the first one's best epoch on validation and keeps the parameters
    of the backbone as they are. Regularizers and feature smoothing act on what the backbone learns,
    so they belong to the first stage only.

    The papers' protocol trains the first stage without weights, and a fresh last layer with the
    weights of the row: ``first_reweighting: none``, ``reweighting: trial`` and ``reset_regressor:
    true``, beside the trial's ``reweighting: inv``, or ``lds`` in rows with LDS.

    Source: Yang et al., ICML 2021, Section 4.1 (RRT), after Kang et al., ICLR 2020; RankSim,
    Appendix A.
    """

    display_name: ClassVar[str] = "RRT"

    epochs: Annotated[int | None, Field(ge=1), InEpochs(), Choice((5, 10, 30, None))] = None
    """epochs of the second stage; null takes as many as the first"""

    reweighting: Annotated[
        Literal["inv", "sqinv", "lds", "trial"], Choice(("inv", "sqinv", "lds"))
    ] = "inv"
    """weights of the second stage: inv (counts clipped to 5..1000), sqinv, lds (inverse counts,
    smoothed by gaussian 5, 2), or trial: those of the trial's own reweighting
    """

    first_reweighting: Annotated[Literal["trial", "none"], AddedLater()] = "trial"
    """weights of the first stage: those of the trial's own reweighting, or none, as in the papers
    """

    reset_regressor: Annotated[bool, Choice((True, False))] = False
    """whether the last layer is initialised again, as in the papers, or starts from the first
    stage's
    """

    batch_norm: Annotated[Literal["frozen", "released"], AddedLater()] = "frozen"
    """the backbone in the second stage: frozen (evaluation mode: running statistics are kept and
    dropout is off), or released (the released code: training mode, so batches are normalised by
    their own statistics and the running ones move on)
    """

    first_stage: Annotated[Literal["own", "shared"], AddedLater()] = "own"
    """where the first stage is trained: within the trial, or shared: in the trial with schedule
    plain that is equal otherwise (without weights where first_reweighting is none); it is trained
    once for all that start from it, also where it is a point of its own
    """

    def conflict(self, trial: TrialConfig, benchmark: BenchmarkConfig) -> str | None:
        """Refuse labels that are no scalars, unless the trial's own weights are used."""
        if self.reweighting != "trial" and benchmark.label_dim != 1:
            return (
                f"rrt with reweighting '{self.reweighting}' counts labels in bins and needs scalar "
                "labels"
            )
        return None

    def total_epochs(self, epochs: int) -> int:
        """Return the number of epochs that a trial trains itself, in all stages.

        Args:
            epochs: of the first stage.
        """
        second = self.epochs or epochs
        return second if self.first_stage == "shared" else epochs + second

    def first_trial(self, trial: TrialConfig) -> TrialConfig | None:
        """Return the plain training from whose best epoch the second stage starts, if shared."""
        if self.first_stage == "own":
            return None
        changes = {"schedule": build_named("schedule", "plain")}
        if self.first_reweighting == "none":
            changes["reweighting"] = build_named("reweighting", "none")
        return trial.model_copy(update=changes)

    def alone(self) -> RRTConfig:
        """Return the same with a first stage of its own."""
        return self.model_copy(update={"first_stage": "own"})

    def build(self, setup: Setup) -> Schedule:
        """Make both stages; the second alone where the first is shared.

        Raises:
            SpecError: labels are not scalar, unless reweighting is 'trial'.
        """
        num_samples = len(setup.train_labels)
        first = Stage(
            num_epochs=setup.num_epochs,
            sample_weights=torch.ones(num_samples) if self.first_reweighting == "none" else None,
        )
        second = Stage(
            num_epochs=self.epochs or setup.num_epochs,
            trains="regressor",
            regularize=False,
            sample_weights=self._weights(setup),
            starts_from="best",
            reset_regressor=self.reset_regressor,
            backbone_mode="train" if self.batch_norm == "released" else "eval",
        )
        return Schedule((second,) if self.first_stage == "shared" else (first, second))

    def _weights(self, setup: Setup) -> Tensor | None:
        if self.reweighting == "trial":
            return None
        configs = {"inv": InvConfig(), "sqinv": SqinvConfig(), "lds": LDSConfig(base="inv")}
        return configs[self.reweighting].build(setup).sample_weights  # type: ignore[no-any-return]
