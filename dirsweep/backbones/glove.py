"""GloVe word vectors in a text file: recognised by their first lines, and every vector checked.

Source: Pennington et al., GloVe, EMNLP 2014 (a word and its numbers a line, blanks between them).
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dirsweep.config.file_content import absolute_path
from dirsweep.errors import DataError

HOW_TO_OBTAIN = (
    "unpack glove.840B.300d.zip (nlp.stanford.edu/projects/glove) there, or leave backbone.glove "
    "out to learn the embeddings"
)
#: beginnings of files that are no vectors as text
_OTHER_FORMATS: Mapping[bytes, str] = {
    b"PK\x03\x04": "a zip archive; unpack it",
    b"\x1f\x8b": "a gzip archive; unpack it",
    b"\xff\xfe": "UTF-16 text; save it as UTF-8",
    b"\xfe\xff": "UTF-16 text; save it as UTF-8",
    b"version https://git-lfs": "a Git LFS pointer; fetch the file with git lfs pull",
    b"<": "a web page or XML",
}
#: bytes from which a file's format is recognised
_HEAD = 1 << 16
#: lines from which a file's dimension is recognised
_NUM_LINES = 100


def glove_problem(path: str, dim: int) -> str | None:
    """Say why a file cannot hold GloVe vectors, by its first lines.

    Args:
        path: of the file.
        dim: numbers of a vector.

    Returns:
        What is wrong and what would be right, with the file's path; None where it can.
    """
    file = absolute_path(path)
    try:
        if not os.path.isfile(file):
            return f"no GloVe file {file}; {HOW_TO_OBTAIN}"
        stat = file.stat()
        problem = _format_problem(file, stat.st_size, stat.st_mtime_ns, dim)
    except OSError as error:
        problem = f"cannot be read ({error.strerror or error})"
    return problem and f"{file}: {problem}"


@lru_cache(maxsize=64)
def _format_problem(file: Path, size: int, mtime_ns: int, dim: int) -> str | None:
    with file.open("rb") as content:
        head = content.read(_HEAD)
    if not head.strip():
        return "empty; expected a word and its numbers in each line"
    for beginning, what in _OTHER_FORMATS.items():
        if head.startswith(beginning):
            return f"{what}; expected GloVe vectors as text"
    if b"\0" in head:
        return "a binary file; expected GloVe vectors as text (word2vec's .bin has to be converted)"
    lines = head.decode("utf-8", errors="replace").split("\n")
    # the last line may be cut by the end of the head
    return _line_problem([line.rstrip() for line in lines[:-1] or lines][:_NUM_LINES], dim)


def _line_problem(lines: list[str], dim: int) -> str | None:
    if "\t" in lines[0]:
        return "separated by tabs; expected blanks between a word and its numbers"
    first = lines[0].split(" ")
    if dim > 1 and len(first) == 2 and all(part.isdecimal() for part in first):
        return (
            f"its first line '{lines[0]}' is the header of word2vec and fastText files; delete that"
            " line"
        )
    counts = Counter(_num_numbers(line) for line in lines if line)
    usual = counts.most_common(1)[0][0]
    if usual == 0:
        return "no numbers after the words; expected GloVe vectors as text"
    if usual != dim:
        return f"vectors of {usual} numbers; set backbone.word_dim: {usual} (it is {dim})"
    return None


def _num_numbers(line: str) -> int:
    """Count the numbers at the end of a line, after at least one word."""
    parts = line.split(" ")
    for place in range(len(parts) - 1, 0, -1):
        if not _is_number(parts[place]):
            return len(parts) - 1 - place
    return len(parts) - 1


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def read_glove(file: Path, vocabulary: Mapping[str, int], dim: int) -> NDArray[np.float32]:
    """Read the vectors of the vocabulary's words from a GloVe text file.

    Args:
        file: one word and its numbers a line.
        vocabulary: V - 2 words -> their rows, from 2 on.
        dim: numbers of a vector.

    Returns:
        (V, dim) float32; NaN where the file has none, and in rows 0 and 1.

    Raises:
        DataError: the file cannot hold such vectors; or ``file:line: what`` for a vector of another
            length, a field that is no number, one that is not finite; no word found.
    """
    problem = glove_problem(str(file), dim)
    if problem:
        raise DataError(problem)
    words = np.full((len(vocabulary) + 2, dim), np.nan, dtype=np.float32)
    try:
        with file.open(encoding="utf-8", errors="replace", newline="\n") as lines:
            for line_number, line in enumerate(lines, start=1):
                # from the right: a few GloVe words contain a space
                word, *values = line.rstrip().rsplit(" ", dim)
                if len(values) != dim and (word or values):
                    raise DataError(f"{file}:{line_number}: {_length_text(len(values), dim, line)}")
                number = vocabulary.get(word)
                if number is not None:
                    words[number] = _vector(values, f"{file}:{line_number}")
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror or error})") from error
    if bool(np.isnan(words[:, 0]).all()):
        raise DataError(
            f"{file}: none of the {len(vocabulary)} words of the vocabulary has a vector in it"
        )
    return words


def _length_text(num_values: int, dim: int, line: str) -> str:
    found = f"{num_values} numbers; expected a word and {dim} numbers"
    return found if line.endswith("\n") else f"{found} (is the file cut off?)"


def _vector(values: list[str], where: str) -> NDArray[np.float32]:
    """(dim,) float32."""
    try:
        with np.errstate(over="ignore"):  # becomes infinite, which is refused below
            vector = np.array(values, dtype=np.float32)
    except ValueError as error:
        raise DataError(f"{where}: expected a word and {len(values)} numbers") from error
    if not np.isfinite(vector).all():
        raise DataError(f"{where}: a number that is not finite; expected finite ones")
    return vector
