"""The BiLSTM on sentence pairs: vocabulary, encoding, features, GloVe files."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from dirsweep.backbones.bilstm import (
    BiLSTM,
    BiLSTMConfig,
    pair_features,
)
from dirsweep.config.trial import TrialConfig
from dirsweep.data.sts_b_dir import STSBConfig
from dirsweep.errors import DataError, SpecError
from tests.small_pairs import small_benchmark


def small(dropout: float = 0.0) -> BiLSTM:
    torch.manual_seed(0)
    words = np.full((9, 3), np.nan, dtype=np.float32)
    return BiLSTM(words, hidden=4, num_layers=2, dropout=dropout, train_words=True)


def sample(folder: Path, patch: pytest.MonkeyPatch) -> BiLSTMConfig:
    """For the contract tests."""
    return BiLSTMConfig(hidden=4, word_dim=3)


def test_encode_uses_the_training_words_only(tmp_path: Path) -> None:
    benchmark = small_benchmark(tmp_path)
    # counts: dog 4; a 3 ("A dog runs." twice and "a DOG"), . 3; ' 2, 5 2, runs 2; then by alphabet
    order = [
        "dog",
        ".",
        "a",
        "'",
        "5",
        "runs",
        "!",
        "cat",
        "clock",
        "is",
        "it",
        "o",
        "running",
        "s",
    ]
    number = {word: place for place, word in enumerate(order, start=2)}
    config = BiLSTMConfig(max_length=5)
    val = config.encode(benchmark.split("val"), benchmark, tmp_path)
    assert val.dtype == np.int64
    assert val.tolist() == [[[number["a"], 1, number["runs"]], [number["dog"], 0, 0]]]
    test = config.encode(benchmark.split("test"), benchmark, tmp_path)
    assert test.tolist() == [
        [[number["it"], number["is"], number["a"], 1, 1], [number["cat"], 0, 0, 0, 0]]
    ]


def lstm_by_hand(layer: nn.LSTM, inputs: Tensor) -> Tensor:
    """(T, E) -> (T, 2 H), a plain loop over time in each direction."""
    outputs = []
    for suffix, steps in (("l0", range(len(inputs))), ("l0_reverse", reversed(range(len(inputs))))):
        w_in, w_state = getattr(layer, f"weight_ih_{suffix}"), getattr(layer, f"weight_hh_{suffix}")
        bias = getattr(layer, f"bias_ih_{suffix}") + getattr(layer, f"bias_hh_{suffix}")
        state = cell = torch.zeros(layer.hidden_size)
        found: dict[int, Tensor] = {}
        for step in steps:
            gate_in, forget, candidate, out = (w_in @ inputs[step] + w_state @ state + bias).chunk(
                4
            )
            cell = forget.sigmoid() * cell + gate_in.sigmoid() * candidate.tanh()
            state = out.sigmoid() * cell.tanh()
            found[step] = state
        outputs.append(torch.stack([found[step] for step in range(len(inputs))]))
    return torch.cat(outputs, dim=1)


def test_features_are_those_of_a_plain_loop() -> None:
    backbone = small().eval()
    pairs = torch.tensor([[[2, 3, 4, 0], [5, 0, 0, 0]], [[6, 2, 0, 0], [7, 8, 2, 3]]])
    with torch.no_grad():
        for pair, features in zip(pairs, backbone(pairs), strict=True):
            vectors = []
            for numbers in pair:
                sequence = backbone.words[numbers[numbers > 0]]
                for layer in backbone.layers:
                    assert isinstance(layer, nn.LSTM)
                    sequence = lstm_by_hand(layer, sequence)
                vectors.append(sequence.max(dim=0).values)
            u, v = vectors
            torch.testing.assert_close(features, torch.cat([u, v, (u - v).abs(), u * v]))
    assert backbone.feature_dim == features.shape[0] == 32


def test_padding_does_not_change_features() -> None:
    backbone = small().eval()
    pairs = torch.tensor([[[2, 3, 4], [5, 0, 0]], [[6, 0, 0], [7, 8, 0]]])
    longer = torch.cat([pairs, torch.zeros(2, 2, 6, dtype=torch.int64)], dim=2)
    torch.testing.assert_close(backbone(longer), backbone(pairs), rtol=0, atol=0)
    torch.testing.assert_close(backbone(pairs[1:]), backbone(pairs)[1:])


def test_gradient_reaches_words_but_not_padding() -> None:
    backbone = small()
    backbone(torch.tensor([[[2, 3, 0], [5, 0, 0]]])).square().sum().backward()
    grad = backbone.words.grad
    assert grad is not None
    assert (grad.abs().sum(dim=1) > 0).tolist() == [
        False,
        False,
        True,
        True,
        False,
        True,
        False,
        False,
        False,
    ]


def test_dropout_makes_a_second_view_in_training_only() -> None:
    backbone, pairs = small(dropout=0.5), torch.tensor([[[2, 3], [5, 6]]])
    assert not torch.equal(backbone(pairs), backbone(pairs))
    backbone.eval()
    assert torch.equal(backbone(pairs), backbone(pairs))


class Recorder(nn.Module):
    """Takes dropout's place and notes the shape of what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: list[tuple[int, ...]] = []

    def forward(self, inputs: Tensor) -> Tensor:
        self.shapes.append(tuple(inputs.shape))
        return inputs


@pytest.mark.parametrize(
    ("between", "shapes"),
    [
        # embeddings of 4 sentences of up to 3 words (7 words in all); between the layers; features
        (True, [(4, 3, 3), (7, 8), (2, 32)]),
        # embeddings; the last layer's outputs, before the maximum
        (False, [(4, 3, 3), (7, 8)]),
    ],
)
def test_places_of_dropout(between: bool, shapes: list[tuple[int, ...]]) -> None:
    words = np.full((9, 3), np.nan, dtype=np.float32)
    backbone = BiLSTM(
        words, hidden=4, num_layers=2, dropout=0.2, train_words=True, dropout_between=between
    )
    recorder = Recorder()
    vars(backbone)["_modules"]["dropout"] = recorder
    backbone(torch.tensor([[[2, 3, 4], [5, 0, 0]], [[6, 0, 0], [7, 8, 0]]]))
    assert recorder.shapes == shapes


def test_a_dropped_output_is_zero_before_the_maximum() -> None:
    """The release drops entries of a word's output, of which the maximum may still be positive."""
    torch.manual_seed(0)
    words = np.full((9, 3), np.nan, dtype=np.float32)
    released = BiLSTM(
        words, hidden=64, num_layers=1, dropout=0.5, train_words=True, dropout_between=False
    )
    one_word = released.sentence_vectors(torch.tensor([[2]]))
    assert 40 < int((one_word == 0).sum()) < 88, "half of 128 entries"
    two_words = released.sentence_vectors(torch.tensor([[2, 3]]))
    assert int((two_words == 0).sum()) > 0
    assert int((two_words < 0).sum()) < int((two_words > 0).sum())


def test_pair_features_by_hand() -> None:
    u, v = torch.tensor([[1.0, -2.0]]), torch.tensor([[3.0, 0.5]])
    assert pair_features(u, v).tolist() == [[1.0, -2.0, 3.0, 0.5, 2.0, 2.5, 3.0, -1.0]]


def test_default_sizes(tmp_path: Path) -> None:
    backbone = BiLSTMConfig(hidden=3, word_dim=2).build(small_benchmark(tmp_path), tmp_path)
    # 14 words, padding, unknown; per direction 4 gates of inputs, state and two biases
    lstm = sum(2 * 4 * 3 * (inputs + 3 + 2) for inputs in (2, 6))
    assert sum(p.numel() for p in backbone.parameters() if p.requires_grad) == 16 * 2 + lstm
    assert backbone.words[0].tolist() == [0.0, 0.0]
    defaults = BiLSTMConfig()
    assert (defaults.hidden, defaults.num_layers, defaults.word_dim, defaults.dropout) == (
        1500,
        2,
        300,
        0.2,
    )


def test_glove_vectors_are_read_once_and_frozen_unless_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "glove.txt"
    file.write_text("the 9 9\ndog 0.5 -1\n. . 3 4\ncat 1e-1 2\n")
    benchmark = small_benchmark(tmp_path)
    config = BiLSTMConfig(hidden=2, word_dim=2, glove=str(file))
    torch.manual_seed(0)
    backbone = config.build(benchmark, tmp_path)
    words = backbone.words
    # the trainer unfreezes every parameter, so frozen vectors must be none
    assert all(parameter is not words for parameter in backbone.parameters())
    assert not words.requires_grad
    assert "words" not in backbone.state_dict()
    number = {"dog": 2, "cat": 9}
    assert words[number["dog"]].tolist() == [0.5, -1.0]
    assert words[number["cat"]].tolist() == [float(np.float32(0.1)), 2.0]
    assert words[0].tolist() == [0.0, 0.0]
    assert bool(torch.isfinite(words).all())
    monkeypatch.setattr(
        "dirsweep.backbones.bilstm.read_glove", None
    )  # the kept vectors serve from now on
    again = config.model_copy(update={"train_glove": True}).build(benchmark, tmp_path).words
    assert again.requires_grad
    assert again[2].tolist() == [0.5, -1.0]


def test_words_without_a_vector_are_drawn_as_long_as_the_given_ones() -> None:
    words = np.full((5000, 4), np.nan, dtype=np.float32)
    words[2:1000] = np.random.default_rng(0).normal(0, 0.1, (998, 4))
    torch.manual_seed(0)
    weight = BiLSTM(words, hidden=1, num_layers=1, dropout=0.0, train_words=False).words
    assert float(weight[1000:].std()) == pytest.approx(0.1, rel=0.05)


def test_words_without_a_vector_are_standard_normal_in_the_release(tmp_path: Path) -> None:
    file = tmp_path / "glove.txt"
    file.write_text("dog " + " ".join(["0.01"] * 300) + "\n")
    benchmark = small_benchmark(tmp_path)
    torch.manual_seed(0)
    config = BiLSTMConfig(hidden=1, glove=str(file), unknown_words="normal")
    words = config.build(benchmark, tmp_path).words
    assert words[0].tolist() == [0.0] * 300, "padding"
    drawn = torch.cat([words[1:2], words[3:]])
    assert float(drawn.std()) == pytest.approx(1.0, rel=0.05)
    assert float(drawn.mean()) == pytest.approx(0.0, abs=0.05)
    torch.manual_seed(0)
    scaled = BiLSTMConfig(hidden=1, glove=str(file)).build(benchmark, tmp_path).words
    assert float(scaled[3:].std()) < 1e-6, "as the given ones, which are all alike"


def test_a_file_that_cannot_hold_vectors_is_refused_before_anything_is_trained(
    tmp_path: Path,
) -> None:
    benchmark, file = small_benchmark(tmp_path), tmp_path / "glove.txt"
    file.write_text("the 1 2 3\ndog 1 2 3\n")
    config = BiLSTMConfig(word_dim=2, glove=str(file))
    with pytest.raises(SpecError, match=r"^backbone\.glove: .*glove\.txt: vectors of 3 numbers"):
        config.conflict(cast(TrialConfig, None), STSBConfig())
    with pytest.raises(DataError, match="vectors of 3 numbers"):
        config.prepare(benchmark, tmp_path)
    file.write_text("the 1 2\ndog 1 2\ncat 2")  # only reading all of it shows that it is cut off
    assert config.conflict(cast(TrialConfig, None), STSBConfig()) is None
    with pytest.raises(DataError, match=r"glove\.txt:3: 1 numbers"):
        config.prepare(benchmark, tmp_path)
    with pytest.raises(DataError, match=r"no GloVe file .*absent\.txt; unpack .*or leave backbone"):
        BiLSTMConfig(glove=str(tmp_path / "absent.txt")).build(benchmark, tmp_path)


def test_a_stored_network_keeps_its_vocabulary_and_needs_no_glove_file(tmp_path: Path) -> None:
    benchmark = small_benchmark(tmp_path)
    config = BiLSTMConfig(word_dim=3, hidden=4, glove=str(tmp_path / "gone.txt"))
    stored = config.restored({"words": ["dog", "zebra"]})
    assert stored.encode(benchmark.split("val"), benchmark, tmp_path).tolist() == [
        [[1, 3, 1], [2, 0, 0]]
    ]
    assert stored.build(benchmark, tmp_path).words.shape == (4, 3)
