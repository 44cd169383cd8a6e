"""What a backbone promises: inputs -> features (N, D)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor, nn

from dirsweep.config.trial import NamedConfig
from dirsweep.data.base import SPLITS, Benchmark, Split


class Backbone(nn.Module):
    """A module whose ``forward`` maps a batch of prepared inputs to features (N,
    ``feature_dim``).
    """

    feature_dim: int

    def forward(self, inputs: Tensor) -> Tensor:
        """(N, ...) -> (N, D)."""
        raise NotImplementedError


class BackboneConfig(NamedConfig):
    """Parent of every backbone's settings."""

    #: the kinds of benchmark inputs it takes: ``image``, ``text_pair``
    accepts: ClassVar[frozenset[str]] = frozenset({"image"})

    def encode(self, split: Split, benchmark: Benchmark, cache: Path) -> Any:
        """The split's inputs as one array or tensor (N, ...) that can be indexed by sample, made
        once per process and, where costly, kept on disk in ``cache`` under a hash of its content.
        Images pass through as they are.
        """
        return split.inputs

    def prepare(self, benchmark: Benchmark, cache: Path) -> None:
        """Build what ``encode`` keeps on disk, once, before any worker starts. Raises:
        DataError.
        """
        for name in SPLITS:
            self.encode(benchmark.split(name), benchmark, cache)

    def build(self, benchmark: Benchmark, cache: Path) -> Backbone:
        """The module, randomly initialised from torch's global generator (the trainer has seeded
        it).
        """
        raise NotImplementedError
