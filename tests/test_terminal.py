"""Consoles that print the texts of users as they are."""

from __future__ import annotations

import ast
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from dirsweep.terminal import PlainConsole, printable, text_column

PACKAGE = Path(__file__).resolve().parents[1] / "dirsweep"
HOSTILE = ["exp[lr]/run", "a[/b]", "[bold]x[/]", ":warning:", "\\[x]", "[link=x]y"]


@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_in_a_text_is_markup(name: str) -> None:
    console = PlainConsole(file=io.StringIO(), width=80, force_terminal=True)
    grid = Table(name, box=None)
    grid.add_row(name)
    with console.capture() as captured:
        console.print(f"folder {name}")
        console.print(grid)
        console.print(Text(name))
    assert captured.get().count(name) == 4


def test_no_control_characters_reach_the_terminal() -> None:
    console = PlainConsole(file=io.StringIO(), width=80)
    with console.capture() as captured:
        console.print("a\x1b[31mb\x9bc")
        console.print(Text("d\x07e\x08"))
    assert captured.get() == "a[31mbc\nde\n"
    assert printable("a\tb\nc\rd\x7f") == "a\tb\ncd"


def test_styles_still_work() -> None:
    console = PlainConsole(file=io.StringIO(), width=80, force_terminal=True)
    with console.capture() as captured:
        console.print(Text("red", style="red"))
    assert captured.get() == "\x1b[31mred\x1b[0m\n"


@pytest.mark.parametrize("name", HOSTILE)
def test_progress_bars(name: str) -> None:
    console = PlainConsole(file=io.StringIO(), width=80, force_terminal=True)
    with Progress(text_column("{task.description}"), console=console) as bar:
        bar.add_task(name)
        bar.refresh()
    assert name in console.file.getvalue()  # type: ignore[attr-defined]


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield node


def test_no_other_file_opens_a_console_or_reads_markup() -> None:
    forbidden = {"Console", "TextColumn", "from_markup", "get_console"}
    found = []
    for file in PACKAGE.rglob("*.py"):
        if file.name == "terminal.py" or file.parent.name == "bench":  # no text of users there
            continue
        for call in calls(ast.parse(file.read_text(encoding="utf-8"))):
            name = getattr(call.func, "attr", getattr(call.func, "id", ""))
            if name in forbidden:
                found.append(f"{file.relative_to(PACKAGE)}:{call.lineno}: {name}")
    assert not found, "use PlainConsole and text_column of dirsweep.terminal"
