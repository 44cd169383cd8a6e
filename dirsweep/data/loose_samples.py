"""Samples outside of a benchmark's splits: a file of sentence pairs, pictures, a list of pictures.

They are what a stored network predicts. Labels may be absent; they are NaN then.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dirsweep.data import pictures
from dirsweep.data.base import InputKind, Split
from dirsweep.data.text_files import check_header, csv_rows, lines_of, number_of, read_bytes
from dirsweep.domain import plural
from dirsweep.errors import DataError

#: endings of files that are taken for pictures in a folder
PICTURES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp")


def is_root(path: Path, kind: InputKind) -> bool:
    """Return whether a path is a benchmark's root folder, rather than a file or loose pictures."""
    if not path.is_dir():
        return False
    return kind != "image" or any(file.suffix == ".csv" for file in path.iterdir())


def read_pair_file(file: Path, name: str) -> Split:
    """Read sentence pairs: a header, then one pair a line, tab-separated, unquoted.

    Args:
        file: with the columns ``sentence1``, ``sentence2`` and, where they are known, ``score``.
        name: of the samples: their ids are ``name-0``, ``name-1`` ...

    Raises:
        DataError: ``file:line: what`` for an absent column, another number of columns than the
            header's, an empty sentence, a score that is no number; a file without pairs.
    """
    lines = lines_of(read_bytes(file), file)
    header = lines[0].split("\t")
    check_header(header, ("sentence1", "sentence2"), file)
    rows = [_fields(line, len(header), f"{file}:{number}") for number, line in _numbered(lines)]
    if not rows:
        raise DataError(f"{file}: a header but no pair")
    first, second = (
        _sentences(rows, header.index(column), file) for column in ("sentence1", "sentence2")
    )
    place = header.index("score") if "score" in header else None
    labels = _labels([None if place is None else row[place] for row in rows], file)
    return Split(tuple(f"{name}-{row}" for row in range(len(rows))), (first, second), labels)


def read_picture_list(file: Path, size: int) -> Split:
    """Read the pictures that a CSV file lists.

    Args:
        file: with the column ``path``, relative to its folder, and, where they are known, ``age``.
        size: height and width, pixels.

    Raises:
        DataError: ``file:line: what``; a picture that cannot be read.
    """
    numbered = csv_rows(lines_of(read_bytes(file), file), file)
    _, header = next(numbered, (1, []))
    check_header(header, ("path",), file)
    rows = [fields for _, fields in numbered]
    if not rows:
        raise DataError(f"{file}: a header but no picture")
    paths = [row[header.index("path")] for row in rows]
    place = header.index("age") if "age" in header else None
    labels = _labels([None if place is None else row[place] for row in rows], file)
    return Split(tuple(paths), _decoded([file.parent / path for path in paths], size), labels)


def read_pictures(path: Path, size: int) -> Split:
    """Read a picture, or every picture below a folder in the order of their names.

    Args:
        path: of a file or a folder.
        size: height and width, pixels.

    Raises:
        DataError: no such file, no picture in the folder, or one that cannot be read.
    """
    if not path.exists():
        raise DataError(f"{path}: no such file or folder")
    if path.is_file():
        ids, files = [path.name], [path]
    else:
        files = sorted(file for file in path.rglob("*") if file.suffix.lower() in PICTURES)
        ids = [file.relative_to(path).as_posix() for file in files]
    if not files:
        raise DataError(f"{path}: no pictures ({', '.join(PICTURES)}) in this folder")
    return Split(tuple(ids), _decoded(files, size), np.full(len(files), np.nan, np.float32))


def _numbered(lines: Sequence[str]) -> list[tuple[int, str]]:
    """Return the lines below the header with their numbers."""
    return list(enumerate(lines[1:], start=2))


def _fields(line: str, num_columns: int, where: str) -> list[str]:
    fields = line.split("\t")
    if len(fields) != num_columns:
        found = plural(len(fields), "column")
        raise DataError(f"{where}: {found}; expected {num_columns} as in the header")
    return fields


def _sentences(rows: Sequence[Sequence[str]], place: int, file: Path) -> list[str]:
    sentences = [row[place] for row in rows]
    empty = next((row for row, text in enumerate(sentences) if not text.strip()), None)
    if empty is not None:
        raise DataError(f"{file}:{empty + 2}: an empty sentence; expected text")
    return sentences


def _labels(texts: Sequence[str | None], file: Path) -> NDArray[np.float32]:
    """Return the labels; NaN where there is none."""
    labels = np.array([np.nan if not text else number_of(text) for text in texts], np.float32)
    for text, label in zip(texts, labels, strict=True):
        if text and np.isnan(label):
            raise DataError(f"{file}: label '{text}'; expected a number, or nothing")
    return labels


def _decoded(files: Sequence[Path], size: int) -> NDArray[np.uint8]:
    # Pillow releases the interpreter's lock while it decodes
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return np.stack(list(pool.map(lambda file: pictures.decode_picture(file, size), files)))
