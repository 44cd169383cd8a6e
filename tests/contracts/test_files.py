"""Every file of the rooms that contributors extend has its test file."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.contracts.rooms import PACKAGE, TESTS

FILES = [
    file.relative_to(PACKAGE)
    for room in ("domain", "methods", "data", "backbones", "published", "execute")
    for file in sorted((PACKAGE / room).rglob("*.py"))
    if file.name != "__init__.py"
]


def missing_test(file: Path, tests: Path = TESTS) -> str | None:
    """What is wrong with the test of a file of the package; None when it has one."""
    mirrored = tests / file.with_name(f"test_{file.name}")
    if not mirrored.is_file():
        return f"dirsweep/{file} has no tests/{mirrored.relative_to(tests)}"
    tree = ast.parse(mirrored.read_text())
    if any(isinstance(node, ast.FunctionDef) and node.name[:5] == "test_" for node in tree.body):
        return None
    return f"{mirrored} tests nothing"


@pytest.mark.parametrize("file", FILES, ids=str)
def test_every_file_has_its_test(file: Path) -> None:
    assert missing_test(file) is None


def test_the_check_sees_an_absent_and_an_empty_test(tmp_path: Path) -> None:
    file = Path("data/new.py")
    assert missing_test(file, tmp_path) == "dirsweep/data/new.py has no tests/data/test_new.py"
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "test_new.py").write_text("def helper(): ...\n")
    assert "tests nothing" in (missing_test(file, tmp_path) or "")
    (tmp_path / "data" / "test_new.py").write_text("def test_it(): ...\n")
    assert missing_test(file, tmp_path) is None
