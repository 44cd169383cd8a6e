"""RRT: train the network as usual, then its last layer again with inverse weights."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field
from torch import Tensor

from dirsweep.config.ranges import Choice, InEpochs
from dirsweep.config.trial import TrialConfig
from dirsweep.data.base import BenchmarkConfig
from dirsweep.methods.base import Schedule, Setup, Stage, TechniqueConfig
from dirsweep.methods.reweighting.inv import InvConfig
from dirsweep.methods.reweighting.lds import LDSConfig
from dirsweep.methods.reweighting.sqinv import SqinvConfig
from dirsweep.registry import register


@register("schedule", "rrt")
class RRTConfig(TechniqueConfig):
    """Two stages: the whole network with the trial's own weights, then the last layer alone.

    The second stage starts from the first one's best epoch on validation and keeps the backbone as
    it is, in evaluation mode. Regularizers and feature smoothing act on what the backbone learns,
    so they belong to the first stage only.

    Source: Yang et al., ICML 2021, Section 4.1 (RRT), after Kang et al., ICLR 2020; RankSim,
    Appendix A.
    """

    display_name: ClassVar[str] = "RRT"

    epochs: Annotated[int | None, Field(ge=1), InEpochs(), Choice((5, 10, 30, None))] = None
    """epochs of the second stage; null takes as many as the first"""

    reweighting: Annotated[
        Literal["inv", "sqinv", "lds", "trial"], Choice(("inv", "sqinv", "lds"))
    ] = "inv"
    """weights of the second stage: inv (the paper's: counts clipped to 5..1000), sqinv, lds
    (inverse counts, smoothed by gaussian 5, 2), or trial: those of the trial's own reweighting
    """

    reset_regressor: Annotated[bool, Choice((True, False))] = False
    """whether the last layer is initialised again, or starts from the first stage's"""

    def conflict(self, trial: TrialConfig, benchmark: BenchmarkConfig) -> str | None:
        """Refuse labels that are no scalars, unless the trial's own weights are used."""
        if self.reweighting != "trial" and benchmark.label_dim != 1:
            return (
                f"rrt with reweighting '{self.reweighting}' counts labels in bins and needs scalar "
                "labels"
            )
        return None

    def total_epochs(self, epochs: int) -> int:
        """Return the number of epochs of both stages.

        Args:
            epochs: of the first one.
        """
        return epochs + (self.epochs or epochs)

    def build(self, setup: Setup) -> Schedule:
        """Make both stages.

        Raises:
            SpecError: labels are not scalar, unless reweighting is 'trial'.
        """
        first = Stage(num_epochs=setup.num_epochs)
        second = Stage(
            num_epochs=self.total_epochs(setup.num_epochs) - setup.num_epochs,
            trains="regressor",
            regularize=False,
            sample_weights=self._weights(setup),
            starts_from="best",
            reset_regressor=self.reset_regressor,
        )
        return Schedule((first, second))

    def _weights(self, setup: Setup) -> Tensor | None:
        if self.reweighting == "trial":
            return None
        configs = {"inv": InvConfig(), "sqinv": SqinvConfig(), "lds": LDSConfig(base="inv")}
        return configs[self.reweighting].build(setup).sample_weights  # type: ignore[no-any-return]
