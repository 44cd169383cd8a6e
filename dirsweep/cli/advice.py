"""What to do when a command cannot write: it depends on what the command can be told."""

from __future__ import annotations

from collections.abc import Sequence

from dirsweep.errors import DirSweepError, NotWritableError

_OTHER_FOLDER = "choose another folder with --out"
_OTHER_FILE = "choose another file with --out"
_COPY = "copy the run to a folder that you may write to, and use the copy"

#: command -> what its user can do
ADVICE = {
    "run": _OTHER_FOLDER,
    "train": _OTHER_FOLDER,
    "export": _OTHER_FOLDER,
    "report": _OTHER_FILE,
    "published": _OTHER_FILE,
    "resume": _COPY,
    "collect": _COPY,
    "confirm": _COPY,
    "stop": "only a user who may write to the run's folder can stop it",
}


def with_advice(error: DirSweepError, arguments: Sequence[str]) -> str:
    """Return the error's message, with what to do where a file cannot be written.

    Args:
        error: what ended the command.
        arguments: of the command line, the command first.
    """
    command = arguments[0] if arguments else ""
    if not isinstance(error, NotWritableError) or command not in ADVICE:
        return str(error)
    return f"{error}; {ADVICE[command]}"
