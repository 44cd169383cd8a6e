"""Residual networks: torchvision's module without its classifier, weights from a file on demand."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, ClassVar

import torch
from torch import Tensor, nn

from dirsweep.backbones.base import Backbone, BackboneConfig
from dirsweep.config.file_content import ContentPath, absolute_path
from dirsweep.config.trial import TrialConfig
from dirsweep.data.base import Benchmark, BenchmarkConfig
from dirsweep.errors import DataError, SpecError

_CLASSIFIER = ("fc.weight", "fc.bias")


class ResNet(Backbone):
    """A residual network without its classifier: pooled features (He et al., CVPR 2016).

    Args:
        network: torchvision's module with a linear layer ``fc`` at its end.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.feature_dim = int(network.get_submodule("fc").in_features)  # type: ignore[arg-type]
        network.fc = nn.Identity()
        self.network = network

    def forward(self, inputs: Tensor) -> Tensor:
        """Compute features, (N, 3, H, W) -> (N, D)."""
        features: Tensor = self.network(inputs)
        return features


class ResNetConfig(BackboneConfig):
    """Settings of every residual network."""

    #: torchvision's name of the architecture
    architecture: ClassVar[str]

    pretrained: Annotated[str | None, ContentPath()] = None
    """file with a state dict of torchvision's architecture (its classifier is ignored); null starts
    at random
    """

    def conflict(self, trial: TrialConfig, benchmark: BenchmarkConfig) -> str | None:
        """Refuse an absent file of weights before a worker starts.

        Raises:
            SpecError: there is none, with the key that names it.
        """
        if self.pretrained is not None and (
            absence := _absence(self.pretrained, self.architecture)
        ):
            raise SpecError(absence, key="backbone.pretrained")
        return None

    def prepare(self, benchmark: Benchmark, cache: Path) -> None:
        """Check the file of weights.

        Raises:
            DataError: the file is absent, no state dict, or of another architecture.
        """
        super().prepare(benchmark, cache)
        if self.pretrained is not None:
            with torch.device("meta"):  # shapes only
                network = self._network()
            read_weights(network, self.pretrained, self.architecture)

    def build(self, benchmark: Benchmark, cache: Path) -> ResNet:
        """Make the network, initialised from torch's global generator, or from the file.

        Raises:
            DataError: the file is absent, no state dict, or of another architecture.
        """
        network = self._network()
        if self.pretrained is not None and self._stored is None:
            network.load_state_dict(read_weights(network, self.pretrained, self.architecture))
        return ResNet(network)

    def _network(self) -> nn.Module:
        # torchvision takes a second to import, and only these networks need it
        from torchvision import models

        network: nn.Module = getattr(models, self.architecture)(weights=None)
        return network


def _absence(pretrained: str, architecture: str) -> str | None:
    if os.path.isfile(absolute_path(pretrained)):
        return None
    return (
        f"{pretrained}: no such file; pretrained takes a torchvision {architecture} state dict, "
        "null starts at random"
    )


def read_weights(network: nn.Module, pretrained: str, architecture: str) -> dict[str, Tensor]:
    """Read a file's state dict, and check that it fits a network.

    Args:
        network: torchvision's, with its classifier; only the shapes of its entries count.
        pretrained: the file.
        architecture: torchvision's name, for messages.

    Returns:
        Every entry of the network, the network's own classifier included.

    Raises:
        DataError: the file is absent, no state dict, of another architecture, or holds numbers
            that are not finite.
    """
    if absence := _absence(pretrained, architecture):
        raise DataError(absence)
    file = absolute_path(pretrained)
    state = _state_dict(file)
    own = network.state_dict()
    wanted = {name: value for name, value in own.items() if name not in _CLASSIFIER}
    given = {name: value for name, value in state.items() if name not in _CLASSIFIER}
    unfit = sorted(wanted.keys() ^ given.keys()) + sorted(
        name for name in wanted.keys() & given.keys() if wanted[name].shape != given[name].shape
    )
    if unfit:
        raise DataError(
            f"{file}: not of a torchvision {architecture}: {len(unfit)} entries are absent, "
            f"superfluous or of another shape (first: {', '.join(unfit[:3])})"
        )
    broken = [name for name, value in given.items() if not bool(value.isfinite().all())]
    if broken:
        raise DataError(
            f"{file}: {len(broken)} entries hold numbers that are not finite "
            f"(first: {', '.join(broken[:3])})"
        )
    return {**own, **given}


def _state_dict(file: Path) -> dict[str, Tensor]:
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # a broken archive may raise anything
        reason = (str(error).splitlines() or ["empty"])[0]
        if isinstance(error, OSError):
            reason = error.strerror or reason
        raise DataError(f"{file}: not a state dict saved by torch.save ({reason})") from error
    if not isinstance(state, dict) or not all(
        isinstance(value, Tensor) for value in state.values()
    ):
        raise DataError(
            f"{file}: expected a mapping of names to tensors, as model.state_dict() gives it"
        )
    return state
