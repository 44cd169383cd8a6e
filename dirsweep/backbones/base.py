"""Base types of backbones: inputs -> features (N, D)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import PrivateAttr
from torch import Tensor, nn

from dirsweep.config.model import PlainData
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

    #: what a stored network's backbone took from its training data; None where none is stored
    _stored: PlainData | None = PrivateAttr(None)

    def learnt_encoding(self, benchmark: Benchmark, cache: Path) -> PlainData:
        """Return what ``encode`` and ``build`` take from the training data, such as a vocabulary.

        It is stored beside the weights, so that a network predicts without its training data.

        Args:
            benchmark: it is trained on.
            cache: folder for what is kept.

        Returns:
            Plain data for JSON; empty where they take nothing.
        """
        return {}

    def restored(self, encoding: PlainData) -> Self:
        """Return the same settings for a stored network.

        ``encode`` and ``build`` then take ``encoding`` in the place of the training data, and
        ``build`` reads no initial weights: the stored ones replace them.

        Args:
            encoding: what ``learnt_encoding`` gave when the network was stored.
        """
        restored = self.model_copy()
        restored._stored = encoding
        return restored

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
