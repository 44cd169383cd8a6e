"""Text files of users: every problem of the operating system, encoding or CSV is one line."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from dirsweep.domain import plural
from dirsweep.errors import DataError

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def read_bytes(file: Path) -> bytes:
    """Read a file.

    Raises:
        DataError: one line with the file and what the operating system says.
    """
    try:
        return file.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a name that cannot be one
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"{file}: cannot be read ({reason})") from error


def lines_of(content: bytes, file: Path) -> list[str]:
    """Return the lines of UTF-8 text without their ends; empty ones at the end are left out.

    Only line feeds, with or without a carriage return, end a line: a text may hold Unicode's other
    line separators.

    Args:
        content: of the file, with or without a byte order mark.
        file: where it comes from, for messages.

    Raises:
        DataError: ``file:line: what`` for text that is not UTF-8 or holds a NUL.
    """
    if content.startswith(_UTF_16):
        raise DataError(f"{file}: UTF-16 text; save it as UTF-8")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(f"{file}:{line}: not UTF-8 text") from error
    nul = text.find("\0")
    if nul >= 0:
        line = text.count("\n", 0, nul) + 1
        raise DataError(f"{file}:{line}: a NUL character; the file is damaged or no text")
    text = text.replace("\r\n", "\n").rstrip("\n")
    if "\n" not in text:  # carriage returns alone end the lines of an old Mac's file
        text = text.replace("\r", "\n")
    return text.split("\n")


def check_header(header: Sequence[str], needed: Sequence[str], file: Path) -> None:
    """Refuse a header that lacks a needed column or has it twice.

    Raises:
        DataError: ``file:1: what``.
    """
    if any(column not in header for column in needed):
        found = ", ".join(header) or "nothing"
        raise DataError(
            f"{file}:1: expected a header with the columns {', '.join(needed)}, found {found}"
        )
    twice = [column for column in needed if header.count(column) > 1]
    if twice:
        raise DataError(f"{file}:1: column '{twice[0]}' occurs twice; expected it once")


def csv_rows(lines: Sequence[str], file: Path) -> Iterator[tuple[int, list[str]]]:
    """Split each line of a comma-separated file into its fields; empty lines are left out.

    A field does not extend over lines, so that a stray quote cannot swallow the rows below it.

    Args:
        lines: of the file, the header included.
        file: where they come from, for messages.

    Yields:
        The line's number from 1, and its fields, as many as the header has.

    Raises:
        DataError: ``file:line: what`` for a quote that is not closed or in a wrong place, and for
            another number of fields than the header's.
    """
    num_columns = 0
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            fields = next(csv.reader([line], strict=True))
        except csv.Error as error:
            raise DataError(f"{file}:{number}: {_csv_text(str(error))}") from error
        num_columns = num_columns or len(fields)
        if len(fields) != num_columns:
            found = plural(len(fields), "column")
            raise DataError(f"{file}:{number}: {found}; expected {num_columns} as in the header")
        yield number, fields


def _csv_text(error: str) -> str:
    if "unexpected end" in error:
        return 'a quote (") is opened and not closed in its line; remove it, or double it'
    if "expected after" in error:
        return 'text behind a closing quote ("); remove the quote, or double it'
    return error


def number_of(text: str) -> float:
    """Return a decimal number as files write it; NaN for anything else.

    Python's ``float`` takes ``1_0``, ``infinity`` and digits of other scripts, too.
    """
    stripped = text.strip()
    return float(stripped) if _NUMBER.fullmatch(stripped) else float("nan")
