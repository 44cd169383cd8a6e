"""GloVe files: every vector, and every kind of file that is none."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import numpy as np
import pytest

from dirsweep.backbones.glove import glove_problem, read_glove
from dirsweep.errors import DataError

WORDS = {"dog": 2, ". .": 3, "cat": 4}
GLOVE = "the 9 9\ndog 0.5 -1\n. . 3 4\n5 1 2\ncat 1e-1 2\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "glove.txt"


def test_vectors_of_the_vocabulary_by_hand(file: Path) -> None:
    for content in (GLOVE, GLOVE.rstrip("\n"), GLOVE.replace("\n", " \r\n"), GLOVE + "\n"):
        file.write_text(content)
        words = read_glove(file, WORDS, 2)
        assert np.isnan(words[:2]).all()
        np.testing.assert_array_equal(words[2:], np.float32([[0.5, -1], [3, 4], [0.1, 2]]))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        # one number would be spread over all dimensions
        ("the 9 9\ndog 0.5 1\ncat 2", "glove.txt:3: 1 numbers; expected a word and 2 numbers (is"),
        ("the 9 9\ndog 0.5\ncat 2 2\n", "glove.txt:2: 1 numbers; expected a word and 2 numbers"),
        ("the 9 9\nunknown 0.5\ncat 2 2\n", "glove.txt:2: 1 numbers; expected"),
        ("the 9 9\ncat\ndog 1 1\n", "glove.txt:2: 0 numbers; expected a word and 2 numbers"),
        ("the 1 2\ndog 1 x\n", "glove.txt:2: expected a word and 2 numbers"),
        ("the 1 2\ndog 1 nan\n", "glove.txt:2: a number that is not finite; expected finite ones"),
        ("the 1 2\ndog 1e99 1\n", "glove.txt:2: a number that is not finite"),
        ("the 1 2\n", "glove.txt: none of the 3 words of the vocabulary has a vector in it"),
    ],
)
def test_every_vector_is_checked(file: Path, content: str, says: str) -> None:
    file.write_text(content)
    with pytest.raises(DataError) as caught:
        read_glove(file, WORDS, 2)
    assert f"{file.parent}/{says}" in str(caught.value)
    assert "\n" not in str(caught.value)


OTHER = {
    "400000 2\nthe 9 9\ndog 1 1\n": "its first line '400000 2' is the header of word2vec and fastT",
    "the 1 2 3\ndog 1 2 3\n": "vectors of 3 numbers; set backbone.word_dim: 3 (it is 2)",
    "the 1\ndog 1\n": "vectors of 1 numbers; set backbone.word_dim: 1 (it is 2)",
    "the\t1\t2\n": "separated by tabs; expected blanks",
    "words only\nand more\n": "no numbers after the words",
    "": "empty; expected a word and its numbers in each line",
    "<!DOCTYPE html>\n": "a web page or XML; expected GloVe vectors as text",
    "version https://git-lfs.github.com/spec/v1\n": "a Git LFS pointer; fetch the file",
    "3 2\nthe \0\1\2": "a binary file; expected GloVe vectors as text (word2vec's .bin",
}


@pytest.mark.parametrize("content", OTHER)
def test_other_files_are_recognised_by_their_first_lines(file: Path, content: str) -> None:
    file.write_text(content)
    problem = glove_problem(str(file), 2)
    assert problem is not None
    assert problem.startswith(f"{file}: {OTHER[content]}")
    with pytest.raises(DataError) as caught:
        read_glove(file, WORDS, 2)
    assert str(caught.value) == problem


def test_archives_other_encodings_and_folders_are_recognised(tmp_path: Path) -> None:
    packed, squeezed, wide = (tmp_path / name for name in ("a.zip", "a.gz", "wide.txt"))
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("glove.txt", GLOVE)
    squeezed.write_bytes(gzip.compress(GLOVE.encode()))
    wide.write_text(GLOVE, encoding="utf-16")
    for path, says in (
        (packed, f"{packed}: a zip archive; unpack it"),
        (squeezed, f"{squeezed}: a gzip archive; unpack it"),
        (wide, f"{wide}: UTF-16 text; save it as UTF-8"),
        (tmp_path / "absent", f"no GloVe file {tmp_path}/absent; unpack glove.840B.300d.zip"),
        (tmp_path, f"no GloVe file {tmp_path}; unpack"),
        (tmp_path / ("x" * 300), "no GloVe file "),
    ):
        problem = glove_problem(str(path), 2)
        assert problem is not None
        assert says in problem


def test_a_sound_file_has_no_problem(file: Path) -> None:
    file.write_text(GLOVE)
    assert glove_problem(str(file), 2) is None
