"""Standard output and standard error that end no command in a traceback.

What a terminal cannot encode is replaced by ASCII. A reader that has left (``| head``) and a device
that is full end a command with one line at most.
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

from dirsweep.errors import DirSweepError, in_words
from dirsweep.marks import stand_in

#: name of the error handler that replaces what an encoding lacks
REPLACE = "dirsweep-ascii"


class OutputLostError(DirSweepError):
    """Standard output cannot be written to any more."""


def _replace(error: UnicodeError) -> tuple[str | bytes, int]:
    """Replace one character that cannot be encoded."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    code = ord(error.object[error.start])
    # a byte of a file name that is no text in the file system's encoding
    if 0xDC80 <= code <= 0xDCFF:
        return bytes([code - 0xDC00]), error.start + 1
    return stand_in(chr(code)), error.start + 1


class SafeStream(io.TextIOWrapper):
    """A standard stream that turns a failed write into ``OutputLostError``, or ignores it.

    Args:
        stream: what it takes the place of.
        required: whether the command has failed if this cannot be written.

    Attributes:
        problem: the first failed write; everything after it goes to the null device.
    """

    def __init__(self, stream: TextIO, *, required: bool) -> None:
        codecs.register_error(REPLACE, _replace)
        super().__init__(
            stream.buffer,
            encoding=stream.encoding,
            errors=REPLACE,
            line_buffering=bool(stream.line_buffering),
        )
        self.required = required
        self.problem: OSError | None = None

    def write(self, text: str) -> int:
        """Write text; see the class for what happens where that fails."""
        try:
            return super().write(text)
        except OSError as error:
            self._lose(error)
        return len(text)

    def flush(self) -> None:
        """Write what is buffered; see the class for what happens where that fails."""
        try:
            super().flush()
        except OSError as error:
            self._lose(error)

    def write_bytes(self, data: bytes) -> None:
        """Write bytes; see the class for what happens where that fails."""
        try:
            self.buffer.write(data)
            self.buffer.flush()
        except OSError as error:
            self._lose(error)

    def _lose(self, error: OSError) -> None:
        if self.problem is None:
            self.problem = error
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, self.fileno())
        os.close(null)
        if self.required:
            raise OutputLostError(f"standard output: cannot write: {in_words(error)}") from error

    @property
    def complaint(self) -> str | None:
        """What to say about a failed write; None if nothing failed or the reader has left."""
        if self.problem is None or self.problem.errno == errno.EPIPE:
            return None
        return f"standard output: cannot write: {in_words(self.problem)}"


@contextmanager
def safe_streams() -> Iterator[None]:
    """Let standard output and standard error be safe; a closed one takes everything silently."""
    earlier = sys.stdout, sys.stderr
    with open(os.devnull, "w", encoding="utf-8") as null:
        sys.stdout = _safe(earlier[0], null, required=True)
        sys.stderr = _safe(earlier[1], null, required=False)
        safe = sys.stdout, sys.stderr
        try:
            yield
        finally:
            sys.stdout, sys.stderr = earlier
            for stream in safe:
                if isinstance(stream, SafeStream):
                    stream.required = False
                    stream.flush()
                    stream.detach()


def _safe(stream: TextIO | None, null: TextIO, *, required: bool) -> TextIO:
    if stream is None:
        return null
    try:
        stream.fileno()
        return SafeStream(stream, required=required)
    except (AttributeError, OSError, ValueError):  # not a file: replaced by a test or a notebook
        return stream


def write_bytes(data: bytes) -> None:
    """Write bytes to standard output, which may be closed."""
    if isinstance(sys.stdout, SafeStream):
        sys.stdout.write_bytes(data)
    else:
        sys.stdout.buffer.write(data)


def keep_exit_code() -> None:
    """Let the command's exit code stand even if standard output cannot be written."""
    if isinstance(sys.stdout, SafeStream):
        sys.stdout.required = False


def flushed(code: int) -> int:
    """Write what is buffered and say what failed.

    Args:
        code: the command's exit code.

    Returns:
        The exit code; 1 where the output of a command that had succeeded is incomplete.
    """
    stream = sys.stdout
    required = not isinstance(stream, SafeStream) or stream.required
    with suppress(OutputLostError):
        stream.flush()
    if not isinstance(stream, SafeStream) or stream.complaint is None:
        return code
    print(f"dirsweep: {stream.complaint}", file=sys.stderr)
    return code or int(required)
