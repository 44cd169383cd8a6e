"""Tokenizers, vocabulary and encoding; what share of STS-B-DIR's test pairs has unknown words."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from dirsweep.backbones.bilstm import BiLSTMConfig
from dirsweep.backbones.vocabulary import (
    UNKNOWN,
    build_vocabulary,
    encode_sentences,
    nltk_tokenizer,
    tokenize,
)
from dirsweep.data.base import Split
from dirsweep.data.sts_b_dir import STSB, STSBConfig
from dirsweep.errors import DataError
from tests.small_pairs import small_benchmark


def test_words_are_lower_cased_and_signs_stand_alone() -> None:
    found = tokenize("It's 5.5 o'Clock, déjà!")
    assert found == ["it", "'", "s", "5", ".", "5", "o", "'", "clock", ",", "déjà", "!"]
    assert tokenize("  ") == []


@pytest.mark.slow  # loading NLTK takes seconds
@pytest.mark.parametrize(
    ("sentence", "words"),
    [
        ("It's 5.5 o'Clock, déjà!", ["It", "'s", "5.5", "o'Clock", ",", "déjà", "!"]),
        ("They can't; I'll wait...", ["They", "ca", "n't", ";", "I", "'ll", "wait", "..."]),
        # a period ends a word only at the end of the text
        ("U.S. stocks rose. He ran.", ["U.S.", "stocks", "rose.", "He", "ran", "."]),
        ('A "fast" (red) car', ["A", "``", "fast", "''", "(", "red", ")", "car"]),
        # later versions of NLTK split these otherwise
        ("the 'Grenade a 'to", ["the", "'Grenade", "a", "'to"]),
        ("1990\u20132000 \u2014 now", ["1990\u20132000", "\u2014", "now"]),
        ("", []),
    ],
)
def test_nltk_keeps_the_case_and_splits_alike_in_every_version(
    sentence: str, words: list[str]
) -> None:
    pytest.importorskip("nltk")
    assert nltk_tokenizer()(sentence) == words


def test_without_nltk_one_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nltk_tokenizer.cache_clear()
    monkeypatch.setitem(sys.modules, "nltk.tokenize", None)
    with pytest.raises(DataError) as caught:
        BiLSTMConfig(tokenizer="nltk").prepare(small_benchmark(tmp_path), tmp_path)
    nltk_tokenizer.cache_clear()
    assert str(caught.value) == (
        "bilstm: tokenizer 'nltk' needs the package nltk, which is not installed; pip install "
        '"dirsweep[text]", or set backbone.tokenizer: words'
    )


def test_vocabulary_is_ordered_by_count_then_alphabet() -> None:
    assert build_vocabulary(["b a b", "c B a"]) == {"b": 2, "a": 3, "c": 4}
    assert build_vocabulary(["b a b", "c B a"], min_count=2) == {"b": 2, "a": 3}
    assert build_vocabulary(["b a b", "c B a"], max_words=1) == {"b": 2}
    assert build_vocabulary(["b a b", "c B a"], split=str.split) == {
        "a": 2,
        "b": 3,
        "B": 4,
        "c": 5,
    }


def test_words_without_a_number_are_unknown_and_long_sentences_are_cut() -> None:
    numbers = {"a": 2, "b": 3}
    assert encode_sentences(["a c b a", ""], numbers, 3) == [[2, UNKNOWN, 3], [UNKNOWN]]


def test_the_vocabulary_of_all_splits_knows_every_word(tmp_path: Path) -> None:
    benchmark = small_benchmark(tmp_path)
    known = BiLSTMConfig(vocabulary="all")
    for name in ("train", "val", "test"):
        assert not (known.encode(benchmark.split(name), benchmark, tmp_path) == UNKNOWN).any()
    val = benchmark.split("val")
    assert (BiLSTMConfig().encode(val, benchmark, tmp_path) == UNKNOWN).sum() == 1  # zebra
    few = BiLSTMConfig(vocabulary="all", max_words=2)  # a and dog, six times each
    assert few.encode(val, benchmark, tmp_path).tolist() == [[[2, 1, 1], [3, 0, 0]]]


def _pairs_with_unknown_words(config: BiLSTMConfig, benchmark: STSB, split: Split) -> int:
    encoded = config.encode(split, benchmark, Path())
    return int((encoded == UNKNOWN).any(axis=(1, 2)).sum())


@pytest.mark.slow
def test_share_of_test_pairs_with_an_unknown_word(data_dir: Path, tmp_path: Path) -> None:
    pytest.importorskip("nltk")
    benchmark = STSBConfig(root=str(data_dir / "sts-b-dir")).build(tmp_path)
    test = benchmark.split("test")
    found = {
        (vocabulary, tokenizer): _pairs_with_unknown_words(
            BiLSTMConfig(vocabulary=vocabulary, tokenizer=tokenizer), benchmark, test
        )
        for vocabulary in ("train", "all")
        for tokenizer in ("words", "nltk")
    }
    assert len(test) == 1000
    assert found == {
        ("train", "words"): 515,
        ("train", "nltk"): 584,
        ("all", "words"): 0,
        ("all", "nltk"): 0,
    }


@pytest.mark.slow
def test_the_vocabulary_of_the_release_is_below_its_limit(data_dir: Path, tmp_path: Path) -> None:
    pytest.importorskip("nltk")
    benchmark = STSBConfig(root=str(data_dir / "sts-b-dir")).build(tmp_path)
    released = BiLSTMConfig(vocabulary="all", tokenizer="nltk", max_words=30_000)
    assert len(released.learnt_encoding(benchmark, tmp_path)["words"]) == 17_145
