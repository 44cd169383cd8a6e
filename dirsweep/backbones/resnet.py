"""Residual networks: torchvision's module without its classifier, weights from a file on demand."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn

from dirsweep.backbones.base import Backbone, BackboneConfig
from dirsweep.config.trial import TrialConfig
from dirsweep.data.base import Benchmark, BenchmarkConfig
from dirsweep.errors import DataError

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

    pretrained: str | None = None
    """file with a state dict of torchvision's architecture (its classifier is ignored); null starts
    at random
    """

    def conflict(self, trial: TrialConfig, benchmark: BenchmarkConfig) -> str | None:
        """Report an absent file of weights before a worker starts."""
        return None if self.pretrained is None else _absence(self.pretrained, self.architecture)

    def build(self, benchmark: Benchmark, cache: Path) -> ResNet:
        """Make the network, initialised from torch's global generator, or from the file.

        Raises:
            DataError: the file is absent, no state dict, or of another architecture.
        """
        # torchvision takes a second to import, and only these networks need it
        from torchvision import models

        backbone = ResNet(getattr(models, self.architecture)(weights=None))
        if self.pretrained is not None:
            load_weights(backbone.network, self.pretrained, self.architecture)
        return backbone


def _absence(pretrained: str, architecture: str) -> str | None:
    if Path(pretrained).expanduser().is_file():
        return None
    return (
        f"{pretrained}: no such file; pretrained takes a torchvision {architecture} state dict, "
        "null starts at random"
    )


def load_weights(network: nn.Module, pretrained: str, architecture: str) -> None:
    """Fill a network with a file's state dict; a classifier in it is ignored.

    Args:
        network: to be filled.
        pretrained: the file.
        architecture: torchvision's name, for messages.

    Raises:
        DataError: the file is absent, no state dict, or of another architecture.
    """
    if absence := _absence(pretrained, architecture):
        raise DataError(absence)
    file = Path(pretrained).expanduser()
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        reason = (str(error).splitlines() or ["empty"])[0]
        raise DataError(f"{file}: not a state dict saved by torch.save ({reason})") from error
    if not isinstance(state, dict) or not all(
        isinstance(value, Tensor) for value in state.values()
    ):
        raise DataError(
            f"{file}: expected a mapping of names to tensors, as model.state_dict() gives it"
        )
    wanted = network.state_dict()
    given = {name: value for name, value in state.items() if name not in _CLASSIFIER}
    unfit = sorted(wanted.keys() ^ given.keys()) + sorted(
        name for name in wanted.keys() & given.keys() if wanted[name].shape != given[name].shape
    )
    if unfit:
        raise DataError(
            f"{file}: not of a torchvision {architecture}: {len(unfit)} entries are absent, "
            f"superfluous or of another shape (first: {', '.join(unfit[:3])})"
        )
    network.load_state_dict(given)
