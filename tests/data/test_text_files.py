"""Text files of users: lines, CSV fields and numbers, and one line for each mistake."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from dirsweep.data.text_files import check_header, csv_rows, lines_of, number_of, read_bytes
from dirsweep.errors import DataError

FILE = Path("folder/a.csv")


def rows(text: str) -> list[tuple[int, list[str]]]:
    return list(csv_rows(lines_of(text.encode(), FILE), FILE))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_whatever_ends_them(end: str) -> None:
    content = ("\ufeffa" + end + "b\u2028c" + end).encode()
    assert [line for line in lines_of(content, FILE) if line] == ["a", "b\u2028c"]


def test_csv_fields() -> None:
    text = 'a,b\n1,"x, y"\n\n2,"say ""no"""\n  \n'
    assert rows(text) == [(1, ["a", "b"]), (2, ["1", "x, y"]), (4, ["2", 'say "no"'])]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b'a,b\n1,x\n2,"y\n3,z\n', ':3: a quote (") is opened and not closed in its line'),
        (b'a,b\n1,"x"y\n', ':2: text behind a closing quote ("); remove the quote'),
        (b"a,b\n1,x,z\n", ":2: 3 columns; expected 2 as in the header"),
        (b"a,b\n1\n", ":2: 1 column; expected 2 as in the header"),
        (b"a,b\n1,\0\n", ":2: a NUL character; the file is damaged or no text"),
        (b"a,b\n1,\xff\n", ":2: not UTF-8 text"),
        ("a,b\n1,x\n".encode("utf-16"), ": UTF-16 text; save it as UTF-8"),
        (b"a,b\n" + b'1,"' + b"x" * 140_000 + b'"\n', ":2: field larger than field limit"),
    ],
)
def test_mistakes_are_named_by_line(content: bytes, says: str) -> None:
    with pytest.raises(DataError) as caught:
        list(csv_rows(lines_of(content, FILE), FILE))
    assert str(caught.value).startswith(f"{FILE}{says}")
    assert "\n" not in str(caught.value)


def test_headers() -> None:
    check_header(["", "b", "a", ""], ["a", "b"], FILE)
    with pytest.raises(DataError, match=r"a\.csv:1: expected a header .* a, b, found a, c$"):
        check_header(["a", "c"], ["a", "b"], FILE)
    with pytest.raises(DataError, match=r"a\.csv:1: column 'a' occurs twice; expected it once"):
        check_header(["a", "b", "a"], ["a", "b"], FILE)


def test_numbers() -> None:
    assert [number_of(text) for text in ("3", " -1.5 ", "+.5", "2.", "1e3")] == [
        3.0,
        -1.5,
        0.5,
        2.0,
        1000.0,
    ]
    for text in ("", "1_0", "nan", "inf", "infinity", "٣", "0x10", "1,5", "3 years"):
        assert math.isnan(number_of(text)), text


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for file, says in (
        (tmp_path, "cannot be read (Is a directory)"),
        (tmp_path / "absent", "cannot be read (No such file or directory)"),
        (tmp_path / ("x" * 300), "cannot be read (File name too long)"),
        (tmp_path / "a\0b", "cannot be read (embedded null byte)"),
    ):
        with pytest.raises(DataError) as caught:
            read_bytes(file)
        assert str(caught.value) == f"{file}: {says}"
