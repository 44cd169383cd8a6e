"""Consoles that print texts as they are.

Names, labels and paths come from users: square brackets in them are no markup, ``:name:`` is no
emoji, and control characters are left out. Styles are given as ``rich.text.Text``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import IO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import TextColumn
from rich.segment import Segment

#: control characters, which move the cursor or change colours, except tab and end of line
_CONTROLS = dict.fromkeys(
    code for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\t\n"
)


def printable(text: str) -> str:
    """Return the text without control characters; tabs and ends of lines are kept."""
    return text.translate(_CONTROLS)


class PlainConsole(Console):
    """A console without markup, emoji codes and highlighting, and without raw control characters.

    Args:
        stderr: whether it writes to standard error instead of standard output.
        file: where it writes instead of both.
        width: in columns; by default that of the terminal.
        colours: False for text without styles.
        force_terminal: whether to write as to a terminal, whatever the file is.
    """

    def __init__(
        self,
        *,
        stderr: bool = False,
        file: IO[str] | None = None,
        width: int | None = None,
        colours: bool = True,
        force_terminal: bool | None = None,
    ) -> None:
        super().__init__(
            stderr=stderr,
            file=file,
            width=width,
            color_system="auto" if colours else None,
            force_terminal=force_terminal,
            markup=False,
            emoji=False,
            highlight=False,
        )

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """See ``Console.render``; texts become printable."""
        for segment in super().render(renderable, options):
            if segment.control or segment.text.isprintable():
                yield segment
            else:
                yield Segment(printable(segment.text), segment.style)


def text_column(format_: str) -> TextColumn:
    """Return a column of a progress bar whose text is no markup.

    Args:
        format_: filled with the ``task``, such as ``{task.description}``.
    """
    return TextColumn(format_, markup=False)
