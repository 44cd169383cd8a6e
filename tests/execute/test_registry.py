"""Places to run are found by the names of their files."""

from __future__ import annotations

from pathlib import Path

import pytest

from dirsweep import execute
from dirsweep.errors import RegistryError
from dirsweep.execute import inline
from dirsweep.execute.registry import executor_names, require_executor


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose files belong to the package for one test."""
    monkeypatch.setattr(execute, "__path__", [*execute.__path__, str(tmp_path)])
    return tmp_path


def test_only_files_with_an_open_executor_are_places(folder: Path) -> None:
    known = executor_names()
    (folder / "zz_place.py").write_text("from dirsweep.execute.inline import open_executor\n")
    (folder / "zz_parts.py").write_text("ANSWER = 42\n")
    assert executor_names() == [*known, "zz_place"]
    assert require_executor("zz_place") is inline.open_executor
    with pytest.raises(RegistryError, match=r"no place to run 'zz_parts'; did you mean 'zz_place'"):
        require_executor("zz_parts")


def test_a_broken_file_is_told_to_who_names_it(folder: Path) -> None:
    known = executor_names()
    (folder / "zz_broken.py").write_text("1 / 0\n")
    assert executor_names() == known
    with pytest.raises(RegistryError, match=r"zz_broken\.py: cannot be imported \(ZeroDivision"):
        require_executor("zz_broken")
    with pytest.raises(RegistryError) as caught:
        require_executor("a/b")
    assert str(caught.value) == f"no place to run 'a/b'; known: {', '.join(known)}"
