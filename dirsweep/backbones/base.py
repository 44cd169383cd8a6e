"""Base types of backbones: inputs -> features (N, D)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor, nn

from dirsweep.config.trial import NamedConfig
from dirsweep.data.base import SPLITS, Benchmark, Split


class Backbone(nn.Module):
    """A module whose ``forward`` maps a batch of prepared inputs to features."""

    #: D, length of a feature vector
    feature_dim: int

    def forward(self, inputs: Tensor) -> Tensor:
        """Compute features, (N, ...) -> (N, D)."""
        raise NotImplementedError


class BackboneConfig(NamedConfig):
    """Parent of every backbone's settings."""

    #: the kinds of benchmark inputs it takes: ``image``, ``text_pair``
    accepts: ClassVar[frozenset[str]] = frozenset({"image"})

    def encode(self, split: Split, benchmark: Benchmark, cache: Path) -> Any:
        """Turn a split's inputs into one array or tensor that can be indexed by sample.

        Called once per process. Images pass through as they are.

        Args:
            split: to encode.
            benchmark: it belongs to; gives the training split for a vocabulary, say.
            cache: folder for what is costly, kept under a hash of its content.

        Returns:
            (N, ...).

        Raises:
            DataError: something that is needed is absent or broken.
        """
        return split.inputs

    def prepare(self, benchmark: Benchmark, cache: Path) -> None:
        """Build what ``encode`` keeps on disk, once, before any worker starts.

        Args:
            benchmark: whose splits are encoded.
            cache: folder for what is kept.

        Raises:
            DataError: something that is needed is absent or broken.
        """
        for name in SPLITS:
            self.encode(benchmark.split(name), benchmark, cache)

    def build(self, benchmark: Benchmark, cache: Path) -> Backbone:
        """Make the module, randomly initialised from torch's global generator.

        The trainer has seeded that generator with the trial's seed.

        Args:
            benchmark: it is trained on.
            cache: folder for what is derived from files.

        Raises:
            DataError: something that is needed is absent or broken.
        """
        raise NotImplementedError
