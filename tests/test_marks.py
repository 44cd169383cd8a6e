"""ASCII stand-ins for marks: every mark that the package prints has one."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from dirsweep.marks import STAND_INS, stand_in

PACKAGE = Path(__file__).resolve().parents[1] / "dirsweep"


def printed_characters(file: Path) -> set[str]:
    """The characters beyond ASCII in the file's texts, docstrings left out."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    texts = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in docstrings
    ]
    return {character for text in texts for character in text if not character.isascii()}


def test_every_mark_of_the_package_has_a_stand_in() -> None:
    # LaTeX, figures and the signs that split words are not written to a terminal
    elsewhere = {
        PACKAGE / "backbones" / "vocabulary.py",
        PACKAGE / "report" / "latex_text.py",
        PACKAGE / "marks.py",
    }
    found = {
        character
        for file in PACKAGE.rglob("*.py")
        if file not in elsewhere and "plots" not in file.parts
        for character in printed_characters(file)
    }
    assert "★" in found
    assert found <= set(STAND_INS)


@pytest.mark.parametrize(
    ("character", "expected"), [("★", "*"), ("é", "e"), ("ß", "?"), ("猫", "?")]
)
def test_stand_ins(character: str, expected: str) -> None:
    assert stand_in(character) == expected


def test_stand_ins_are_ascii() -> None:
    assert all(text.isascii() and text for text in STAND_INS.values())
