"""The papers' backbone for sentence pairs: word embeddings, two-layer BiLSTM, max-pooling.

Sources: Wang et al., GLUE, ICLR 2019 (BiLSTM of 1,500 units a direction on 300-dimensional GloVe
embeddings); used on STS-B-DIR by Yang et al., ICML 2021, RankSim (Gong et al., ICML 2022,
Appendix B) and ConR (Keramati et al., ICLR 2024).
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Annotated, ClassVar, Literal, cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from dirsweep.backbones.base import Backbone, BackboneConfig
from dirsweep.backbones.glove import glove_problem, read_glove
from dirsweep.backbones.vocabulary import (
    PAD,
    UNKNOWN,
    TokenizerName,
    Vocabulary,
    build_vocabulary,
    encode_sentences,
    tokenizer_of,
)
from dirsweep.config.file_content import ContentPath, absolute_path, content_hash, path_content
from dirsweep.config.model import AddedLater, PlainData
from dirsweep.config.ranges import Choice, Uniform
from dirsweep.config.trial import TrialConfig
from dirsweep.data.base import SPLITS, Benchmark, BenchmarkConfig, Split, SplitName
from dirsweep.data.cache import build_once
from dirsweep.errors import DataError, SpecError
from dirsweep.registry import register


def pair_features(first: Tensor, second: Tensor) -> Tensor:
    """Join two sentence vectors, (N, D) u and v -> (N, 4 D) [u, v, abs(u - v), u * v]."""
    return torch.cat([first, second, (first - second).abs(), first * second], dim=-1)


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
        dropout: probability at which an entry is dropped in training: of the word embeddings, and
            see ``dropout_between``.
        train_words: whether the word embeddings are learnt.
        dropout_between: whether dropout acts between the layers and on the features too; else, as
            in the papers' release, on the last layer's outputs before their maximum is taken.
        drawn_std: standard deviation of drawn vectors; None takes that of the given ones, so that
            none stands out (1 where none is given).
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
        dropout_between: bool = True,
        drawn_std: float | None = None,
    ) -> None:
        super().__init__()
        self.feature_dim, self.dropout_between = 8 * hidden, dropout_between
        weight = torch.from_numpy(words.copy())
        given = ~weight[:, 0].isnan()
        if drawn_std is None:
            drawn_std = float(weight[given].std()) if bool(given.any()) else 1.0
        weight[~given] = drawn_std * torch.randn(int((~given).sum()), weight.shape[1])
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
        features = pair_features(first, second)
        return self.dropout(features) if self.dropout_between else features

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
            if number and self.dropout_between:
                sequence = sequence._replace(data=self.dropout(sequence.data))
            sequence, _ = layer(sequence)
        if not self.dropout_between:
            sequence = sequence._replace(data=self.dropout(sequence.data))
        # (M, L, 2 * hidden)
        outputs, _ = pad_packed_sequence(sequence, batch_first=True, padding_value=-torch.inf)
        return outputs.amax(dim=1)


@register("backbone", "bilstm")
class BiLSTMConfig(BackboneConfig):
    """Settings of ``BiLSTM``; sizes, dropout and max_length default to the papers'.

    The release of Yang et al. (ICML 2021) for STS-B-DIR also has ``vocabulary: all``, ``max_words:
    30000``, ``tokenizer: nltk``, ``dropout_between: false`` and ``unknown_words: normal``.
    """

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
    """words that occur less often in the vocabulary's splits share the embedding of unknown words
    """

    vocabulary: Annotated[Literal["train", "all"], AddedLater()] = "train"
    """splits whose words are numbered: train, or all three, as in the papers' release; other words
    are unknown
    """

    max_words: Annotated[int | None, Field(ge=1), AddedLater()] = None
    """largest number of words, the most frequent ones (30000 in the papers' release); null for no
    limit
    """

    tokenizer: Annotated[TokenizerName, AddedLater()] = "words"
    """words: runs of letters and digits, lower-cased; nltk: NLTK's word tokenizer, case kept, as in
    the papers' release (needs the extra text)
    """

    max_length: Annotated[int, Field(ge=1)] = 40
    """words of a sentence beyond this are cut off"""

    dropout: Annotated[float, Field(ge=0, lt=1), Uniform(0.0, 0.5)] = 0.2
    """probability at which an embedding's, a layer's or a feature's entry is dropped in training"""

    dropout_between: Annotated[bool, AddedLater()] = True
    """whether dropout acts on embeddings, between layers and on features; false, as in the papers'
    release: on embeddings and on the last layer's outputs
    """

    unknown_words: Annotated[Literal["scaled", "normal"], AddedLater()] = "scaled"
    """vectors of words that glove lacks: as long as the given ones, or standard normal, as in the
    papers' release; without glove they are the same
    """

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
            DataError: the GloVe file is absent or broken, or the tokenizer is not installed.
        """
        super().prepare(benchmark, cache)
        self._words(self._vocabulary(benchmark), cache)

    def encode(self, split: Split, benchmark: Benchmark, cache: Path) -> NDArray[np.int64]:
        """Turn sentences into word numbers.

        Returns:
            (N, 2, L) int64, padded with 0 to the split's longest sentence.

        Raises:
            DataError: the tokenizer is not installed.
        """
        vocabulary = self._vocabulary(benchmark)
        split_words = tokenizer_of(self.tokenizer)
        sides = [
            encode_sentences(side, vocabulary, self.max_length, split_words)
            for side in split.inputs
        ]
        length = max((len(numbers) for side in sides for numbers in side), default=1)
        encoded = np.full((len(split), 2, length), PAD, dtype=np.int64)
        for place, side in enumerate(sides):
            for row, numbers in enumerate(side):
                encoded[row, place, : len(numbers)] = numbers
        return encoded

    def build(self, benchmark: Benchmark, cache: Path) -> BiLSTM:
        """Make the module, drawn from torch's global generator.

        Raises:
            DataError: the GloVe file is absent or broken, or the tokenizer is not installed.
        """
        return BiLSTM(
            self._words(self._vocabulary(benchmark), cache),
            hidden=self.hidden,
            num_layers=self.num_layers,
            dropout=self.dropout,
            train_words=self.glove is None or self.train_glove,
            dropout_between=self.dropout_between,
            drawn_std=1.0 if self.unknown_words == "normal" else None,
        )

    def learnt_encoding(self, benchmark: Benchmark, cache: Path) -> PlainData:
        """Return the vocabulary's words in the order of their numbers."""
        return {"words": list(self._vocabulary(benchmark))}

    def _vocabulary(self, benchmark: Benchmark) -> Vocabulary:
        """Return the vocabulary: a stored network's own, else that of the benchmark."""
        if self._stored is not None:
            return {word: number for number, word in enumerate(self._stored["words"], UNKNOWN + 1)}
        splits = SPLITS if self.vocabulary == "all" else SPLITS[:1]
        return _vocabulary(benchmark, splits, self.min_count, self.max_words, self.tokenizer)

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
def _vocabulary(
    benchmark: Benchmark,
    splits: tuple[SplitName, ...],
    min_count: int,
    max_words: int | None,
    tokenizer: TokenizerName,
) -> Vocabulary:
    """Number the words of some splits, once per process and benchmark."""
    sides = [side for name in splits for side in benchmark.split(name).inputs]
    sentences = [sentence for side in sides for sentence in side]
    return build_vocabulary(sentences, min_count, max_words, tokenizer_of(tokenizer))
