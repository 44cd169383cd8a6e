"""Files of a room whose import fails: one line for each, and only for who needs the file."""

from __future__ import annotations

import re
import traceback
from dataclasses import dataclass
from pathlib import Path

from dirsweep.errors import DirSweepError

#: the package's parent folder, which file names in messages are relative to
_ABOVE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class BrokenFile:
    """A file that cannot be imported.

    Attributes:
        file: its path.
        reason: the error and where it was raised.
        names: what the file registers, by its text, as (room, name).
    """

    file: Path
    reason: str
    names: frozenset[tuple[str, str]]

    @classmethod
    def of(cls, file: Path, error: BaseException) -> BrokenFile:
        """Describe a failed import.

        Args:
            file: of the module.
            error: what its import raised.
        """
        return cls(file, _reason(file, error), frozenset(_registered_names(file)))

    def __str__(self) -> str:
        return f"{short_path(self.file)}: cannot be imported ({self.reason})"


def short_path(file: Path) -> str:
    """Return a path relative to the package's parent folder, where it lies below it."""
    return str(file.relative_to(_ABOVE) if file.is_relative_to(_ABOVE) else file)


def _reason(file: Path, error: BaseException) -> str:
    """Return ``NameError: name 'x' is not defined; dirsweep/data/prices.py:12``."""
    first_line = next(iter(str(error).splitlines()), "")
    kind = type(error).__name__
    if isinstance(error, DirSweepError):
        return first_line
    if isinstance(error, SyntaxError) and error.filename:
        return f"{kind}: {error.msg}; {short_path(Path(error.filename))}:{error.lineno}"
    text = f"{kind}: {first_line}" if first_line else kind
    frames = [(Path(f.filename), f.lineno) for f in traceback.extract_tb(error.__traceback__)]
    # what comes before Python's import machinery asked for the file
    start = next((n for n, (path, _) in enumerate(frames) if "<frozen" in str(path)), 0)
    own = [
        f"{short_path(path)}:{line}"
        for path, line in frames[start:]
        if path == file or path.is_relative_to(_ABOVE / "dirsweep")
    ]
    return f"{text}; {own[-1]}" if own else text


def _registered_names(file: Path) -> list[tuple[str, str]]:
    """Find ``register("room", "name")`` in a file's text, which may be no valid Python."""
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    found = re.findall(r"""\bregister\(\s*["']([^"']+)["']\s*,\s*["']([^"']+)["']""", text)
    return [(room, name) for room, name in found]
