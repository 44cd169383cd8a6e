"""What a run shows while its modules are loaded: a spinner on a terminal, nothing elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.status import Status
from rich.text import Text

from dirsweep.terminal import PlainConsole


@contextmanager
def starting(what: str, console: Console | None = None) -> Iterator[None]:
    """Show a spinner until the block ends; it leaves no trace.

    Args:
        what: is starting, such as the sweep file.
        console: where; None for standard error.
    """
    console = console or PlainConsole(stderr=True)
    if not console.is_terminal or console.is_dumb_terminal:
        yield
        return
    with Status(Text(what), console=console, spinner="line"):
        yield
