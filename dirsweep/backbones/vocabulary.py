"""Words of sentences and their numbers: tokenizers, vocabulary, encoding.

Source of the choices of the papers' release: Yang et al., ICML 2021 (STS-B-DIR; NLTK's word
tokenizer with case kept, up to 30,000 words of all three splits).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from typing import Literal

from dirsweep.errors import DataError

PAD, UNKNOWN = 0, 1
INSTALL = 'pip install "dirsweep[text]"'

Vocabulary = dict[str, int]
TokenizerName = Literal["words", "nltk"]
#: splits a sentence into words
Tokenizer = Callable[[str], list[str]]

_TOKEN = re.compile(r"\w+|[^\w\s]")
#: rules of NLTK 3.5 to 3.9.2; NLTK 3.9.3 and 3.10.2 changed them (dashes, opening quotes), and with
#: them the vocabulary
_STARTING_QUOTES = (
    (re.compile(r"([«“‘„]|[`]+)"), r" \1 "),
    (re.compile(r"^\""), r"``"),
    (re.compile(r"(``)"), r" \1 "),
    (re.compile(r"([ \(\[{<])(\"|\'{2})"), r"\1 `` "),
    (re.compile(r"(?i)(\')(?!re|ve|ll|m|t|s|d|n)(\w)\b"), r"\1 \2"),
)
_PUNCTUATION = (
    (re.compile(r'([^\.])(\.)([\]\)}>"\'»”’ ]*)\s*$'), r"\1 \2 \3 "),
    (re.compile(r"([:,])([^\d])"), r" \1 \2"),
    (re.compile(r"([:,])$"), r" \1 "),
    (re.compile(r"\.{2,}"), r" \g<0> "),
    (re.compile(r"[;@#$%&]"), r" \g<0> "),
    (re.compile(r'([^\.])(\.)([\]\)}>"\']*)\s*$'), r"\1 \2\3 "),
    (re.compile(r"[?!]"), r" \g<0> "),
    (re.compile(r"([^'])' "), r"\1 ' "),
    (re.compile(r"[*]"), r" \g<0> "),
)


def tokenize(sentence: str) -> list[str]:
    """Split into lower-cased words and single other signs: ``It's 5.5`` -> it ' s 5 . 5."""
    return _TOKEN.findall(sentence.lower())


@cache
def nltk_tokenizer() -> Tokenizer:
    """Return NLTK's word tokenizer, which keeps the case: ``It's 5.5.`` -> It 's 5.5 .

    It needs no download. ``nltk.word_tokenize`` splits the text into sentences first, with a model
    that has to be downloaded; on STS-B-DIR that changes the words of 54 of 14,498 sentences.

    Raises:
        DataError: the package is not installed.
    """
    try:
        from nltk.tokenize import NLTKWordTokenizer
    except ImportError as error:
        raise DataError(
            f"bilstm: tokenizer 'nltk' needs the package nltk, which is not installed; {INSTALL}, "
            "or set backbone.tokenizer: words"
        ) from error

    tokenizer = NLTKWordTokenizer()
    tokenizer.STARTING_QUOTES = list(_STARTING_QUOTES)
    tokenizer.PUNCTUATION = list(_PUNCTUATION)

    def split(sentence: str) -> list[str]:
        words: list[str] = tokenizer.tokenize(sentence)
        return words

    return split


def tokenizer_of(name: TokenizerName) -> Tokenizer:
    """Return a tokenizer by its name.

    Raises:
        DataError: its package is not installed.
    """
    return nltk_tokenizer() if name == "nltk" else tokenize


def build_vocabulary(
    sentences: Sequence[str],
    min_count: int = 1,
    max_words: int | None = None,
    split: Tokenizer = tokenize,
) -> Vocabulary:
    """Number the words that occur at least ``min_count`` times.

    Args:
        sentences: whose words are counted.
        min_count: fewest occurrences of a word.
        max_words: largest number of words, the most frequent ones; None for all.
        split: the tokenizer.

    Returns:
        Word -> its number from 2 on; frequent words first, then by alphabet.
    """
    counts = Counter(word for sentence in sentences for word in split(sentence))
    kept = [word for word, count in counts.items() if count >= min_count]
    kept.sort(key=lambda word: (-counts[word], word))
    return {word: number for number, word in enumerate(kept[:max_words], start=UNKNOWN + 1)}


def encode_sentences(
    sentences: Sequence[str],
    vocabulary: Vocabulary,
    max_length: int,
    split: Tokenizer = tokenize,
) -> list[list[int]]:
    """Turn each sentence into word numbers, at most ``max_length``.

    A sentence without a word becomes one unknown word.
    """
    return [
        [vocabulary.get(word, UNKNOWN) for word in split(sentence)[:max_length]] or [UNKNOWN]
        for sentence in sentences
    ]
