"""Python blocks of CONTRIBUTING.md, by the file that each one names in its first line."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
CONTRIBUTING = PROJECT / ".github" / "CONTRIBUTING.md"


def templates() -> dict[str, str]:
    """Return path below the project -> content."""
    blocks = re.findall(r"```python\n# (\S+)\n(.*?)```", CONTRIBUTING.read_text(), re.S)
    return dict(blocks)


def write_project(folder: Path) -> None:
    """Copy the package and its tests into ``folder`` and add every template to them."""
    ignored = shutil.ignore_patterns("__pycache__")
    for part in ("dirsweep", "tests"):
        shutil.copytree(PROJECT / part, folder / part, ignore=ignored)
    shutil.copy(PROJECT / "pyproject.toml", folder)
    for name, text in templates().items():
        assert not (folder / name).exists(), f"{name} is a file of the package already"
        (folder / name).write_text(text)
