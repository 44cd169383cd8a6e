"""The papers' backbone for sentence pairs: word embeddings, two-layer BiLSTM, max-pooling.

Sources: Wang et al., GLUE, ICLR 2019 (BiLSTM of 1,500 units a direction on 300-dimensional GloVe
embeddings); used on STS-B-DIR by Yang et al., ICML 2021, RankSim (Gong et al., ICML 2022,
Appendix B) and ConR (Keramati et al., ICLR 2024).
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import Annotated, ClassVar, cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from dirsweep.backbones.base import Backbone, BackboneConfig
from dirsweep.backbones.glove import glove_problem, read_glove
from dirsweep.config.file_content import ContentPath, absolute_path, content_hash, path_content
from dirsweep.config.model import PlainData
from dirsweep.config.ranges import Choice, Uniform
from dirsweep.config.trial import TrialConfig
from dirsweep.data.base import Benchmark, BenchmarkConfig, Split
from dirsweep.data.cache import build_once
from dirsweep.errors import DataError, SpecError
from dirsweep.registry import register

PAD, UNKNOWN = 0, 1
_TOKEN = re.compile(r"\w+|[^\w\s]")

Vocabulary = dict[str, int]


def pair_features(first: Tensor, second: Tensor) -> Tensor:
    """Join two sentence vectors, (N, D) u and v -> (N, 4 D) [u, v, abs(u - v), u * v]."""
    return torch.cat([first, second, (first - second).abs(), first * second], dim=-1)


def tokenize(sentence: str) -> list[str]:
    """Split into lower-cased words and single other signs: ``It's 5.5`` -> it ' s 5 . 5."""
    return _TOKEN.findall(sentence.lower())


def build_vocabulary(sentences: list[str], min_count: int) -> Vocabulary:
    """Number the words that occur at least ``min_count`` times.

    Returns:
        Word -> its number from 2 on; frequent words first, then by alphabet.
    """
    counts = Counter(word for sentence in sentences for word in tokenize(sentence))
    kept = [word for word, count in counts.items() if count >= min_count]
    kept.sort(key=lambda word: (-counts[word], word))
    return {word: number for number, word in enumerate(kept, start=UNKNOWN + 1)}


def encode_sentences(
    sentences: list[str], vocabulary: Vocabulary, max_length: int
) -> list[list[int]]:
    """Turn each sentence into word numbers, at most ``max_length``.

    A sentence without a word becomes one unknown word.
    """
    return [
        [vocabulary.get(word, UNKNOWN) for word in tokenize(sentence)[:max_length]] or [UNKNOWN]
        for sentence in sentences
    ]


class BiLSTM(Backbone):
    """Sentence pairs as word numbers -> (N, 8 * hidden) pair features.

    Each sentence's vector is the maximum over its words of the last layer's outputs in both
    directions (2 * hidden). Padding never takes part: the sequences are packed, which costs one
    synchronisation with the GPU a forward pass.

    Args:
        words: (V, E) float32 word embeddings, rows ``PAD`` and ``UNKNOWN`` included; NaN where a
            vector is to be drawn.
        hidden: units of each direction.
        num_layers: stacked BiLSTMs.
        dropout: probability at which an entry of the word embeddings, of what goes from layer to
            layer, and of the features is dropped in training.
        train_words: whether the word embeddings are learnt.
    """

    words: Tensor

    def __init__(
        self,
        words: NDArray[np.float32],
        *,
        hidden: int,
        num_layers: int,
        dropout: float,
        train_words: bool,
    ) -> None:
        super().__init__()
        self.feature_dim = 8 * hidden
        weight = torch.from_numpy(words.copy())
        given = ~weight[:, 0].isnan()
        # drawn vectors are as long as the given ones, so that none stands out
        scale = float(weight[given].std()) if bool(given.any()) else 1.0
        weight[~given] = scale * torch.randn(int((~given).sum()), weight.shape[1])
        weight[PAD] = 0.0
        if train_words:
            self.words = nn.Parameter(weight)
        else:
            # no parameter: the trainer unfreezes all of those; not in checkpoints: drawing them
            # again gives the same
            self.register_buffer("words", weight, persistent=False)
        # one module a layer: the dropout between layers is torch's own, whose generator a
        # checkpoint restores
        self.layers = nn.ModuleList(
            nn.LSTM(
                2 * hidden if layer else words.shape[1],
                hidden,
                batch_first=True,
                bidirectional=True,
            )
            for layer in range(num_layers)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, inputs: Tensor) -> Tensor:
        """Compute features of sentence pairs.

        Args:
            inputs: (N, 2, L) int64 word numbers, padded with 0 at the end, at least one word each.

        Returns:
            (N, 8 * hidden).
        """
        num = len(inputs)
        both = inputs.transpose(0, 1).reshape(2 * num, -1)  # (2 N, L)
        first, second = self.sentence_vectors(both).split(num)
        features: Tensor = self.dropout(pair_features(first, second))
        return features

    def sentence_vectors(self, numbers: Tensor) -> Tensor:
        """Compute one vector a sentence, (M, L) word numbers -> (M, 2 * hidden)."""
        # pack_padded_sequence takes lengths on the CPU only
        lengths = (numbers != PAD).sum(dim=1).cpu()
        sequence = pack_padded_sequence(
            self.dropout(F.embedding(numbers, self.words, padding_idx=PAD)),
            lengths,
            batch_first=True,
            enforce_sorted=False,
        )
        for number, layer in enumerate(self.layers):
            if number:
                sequence = sequence._replace(data=self.dropout(sequence.data))
            sequence, _ = layer(sequence)
        # (M, L, 2 * hidden)
        outputs, _ = pad_packed_sequence(sequence, batch_first=True, padding_value=-torch.inf)
        return outputs.amax(dim=1)


@register("backbone", "bilstm")
class BiLSTMConfig(BackboneConfig):
    """Settings of ``BiLSTM``; sizes, dropout and max_length default to the papers'."""

    display_name: ClassVar[str] = "BiLSTM"

    accepts: ClassVar[frozenset[str]] = frozenset({"text_pair"})

    hidden: Annotated[int, Field(ge=1), Choice((256, 512, 1024, 1500))] = 1500
    """units of each direction; the features have 8 times as many entries"""

    num_layers: Annotated[int, Field(ge=1)] = 2
    """stacked BiLSTMs"""

    word_dim: Annotated[int, Field(ge=1)] = 300
    """length of a word embedding"""

    glove: Annotated[str | None, ContentPath()] = None
    """GloVe vectors of ``word_dim`` as a text file (the papers: glove.840B.300d.txt); null draws
    and learns embeddings
    """

    train_glove: bool = False
    """whether GloVe vectors are learnt further; drawn ones always are"""

    min_count: Annotated[int, Field(ge=1)] = 1
    """words that occur less often in the training split share the embedding of unknown words"""

    max_length: Annotated[int, Field(ge=1)] = 40
    """words of a sentence beyond this are cut off"""

    dropout: Annotated[float, Field(ge=0, lt=1), Uniform(0.0, 0.5)] = 0.2
    """probability at which an embedding's, a layer's or a feature's entry is dropped in training"""

    def conflict(self, trial: TrialConfig, benchmark: BenchmarkConfig) -> str | None:
        """Refuse a file that cannot hold GloVe vectors before a worker starts.

        Raises:
            SpecError: it cannot, with the key that names it.
        """
        problem = None if self.glove is None else glove_problem(self.glove, self.word_dim)
        if problem:
            raise SpecError(problem, key="backbone.glove")
        return None

    def prepare(self, benchmark: Benchmark, cache: Path) -> None:
        """Encode the splits, and read the GloVe file.

        Raises:
            DataError: the GloVe file is absent or broken.
        """
        super().prepare(benchmark, cache)
        self._words(self._vocabulary(benchmark), cache)

    def encode(self, split: Split, benchmark: Benchmark, cache: Path) -> NDArray[np.int64]:
        """Turn sentences into word numbers by the vocabulary of the training split.

        Returns:
            (N, 2, L) int64, padded with 0 to the split's longest sentence.
        """
        vocabulary = self._vocabulary(benchmark)
        sides = [encode_sentences(list(side), vocabulary, self.max_length) for side in split.inputs]
        length = max((len(numbers) for side in sides for numbers in side), default=1)
        encoded = np.full((len(split), 2, length), PAD, dtype=np.int64)
        for place, side in enumerate(sides):
            for row, numbers in enumerate(side):
                encoded[row, place, : len(numbers)] = numbers
        return encoded

    def build(self, benchmark: Benchmark, cache: Path) -> BiLSTM:
        """Make the module, drawn from torch's global generator.

        Raises:
            DataError: the GloVe file is absent or broken.
        """
        vocabulary = self._vocabulary(benchmark)
        return BiLSTM(
            self._words(vocabulary, cache),
            hidden=self.hidden,
            num_layers=self.num_layers,
            dropout=self.dropout,
            train_words=self.glove is None or self.train_glove,
        )

    def learnt_encoding(self, benchmark: Benchmark, cache: Path) -> PlainData:
        """Return the vocabulary's words in the order of their numbers."""
        return {"words": list(self._vocabulary(benchmark))}

    def _vocabulary(self, benchmark: Benchmark) -> Vocabulary:
        """Return the vocabulary: a stored network's own, else that of the benchmark."""
        if self._stored is None:
            return _vocabulary(benchmark, self.min_count)
        return {word: number for number, word in enumerate(self._stored["words"], UNKNOWN + 1)}

    def _words(self, vocabulary: Vocabulary, cache: Path) -> NDArray[np.float32]:
        """(V, E) with NaN where GloVe has no vector; kept on disk, as GloVe is large."""
        if self.glove is None or self._stored is not None:
            return np.full((len(vocabulary) + 2, self.word_dim), np.nan, dtype=np.float32)
        if problem := glove_problem(self.glove, self.word_dim):
            raise DataError(problem)
        file = absolute_path(self.glove)
        key = content_hash(path_content(self.glove, cache), self.word_dim, *vocabulary)
        kept = cache / "glove" / f"{key}.npy"
        dim = self.word_dim
        build_once(kept, lambda path: np.save(path, read_glove(file, vocabulary, dim)))
        return cast(NDArray[np.float32], np.load(kept))


@lru_cache(maxsize=4)
def _vocabulary(benchmark: Benchmark, min_count: int) -> Vocabulary:
    """Vocabulary of the training split, made once per process and benchmark."""
    first, second = benchmark.split("train").inputs
    return build_vocabulary([*first, *second], min_count)
