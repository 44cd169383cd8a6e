from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from dirsweep.errors import NotWritableError
from dirsweep.run.output_file import output_file


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_refuses_what_is_no_regular_file(tmp_path: Path) -> None:
    fifo, link, folder = tmp_path / "fifo", tmp_path / "link", tmp_path / "folder"
    os.mkfifo(fifo)
    link.symlink_to(fifo)
    folder.mkdir()
    for path, found in ((fifo, "FIFO"), (link, "FIFO"), (folder, "folder")):
        with pytest.raises(NotWritableError) as caught:
            output_file(path)
        words = f"{path}: cannot write: it is a {found}, not a regular file"
        assert str(caught.value) == words
    assert fifo.is_fifo()
    assert names(tmp_path) == ["fifo", "folder", "link"]


def test_refuses_a_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, device, plain_stat = tmp_path / "device", os.stat(os.devnull), os.stat

    def as_device(file: Any, **options: Any) -> os.stat_result:
        return device if file == path else plain_stat(file, **options)

    monkeypatch.setattr(os, "stat", as_device)
    with pytest.raises(NotWritableError, match="it is a device, not a regular file"):
        output_file(path)
    assert names(tmp_path) == []


def test_goes_through_a_symbolic_link(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    target, link, second = tmp_path / "deep" / "a.txt", tmp_path / "link", tmp_path / "second"
    link.symlink_to("deep/a.txt")
    second.symlink_to(link)
    for path, text in ((link, b"made"), (second, b"replaced")):  # at first the link leads nowhere
        output_file(path).write(text)
        assert target.read_bytes() == text
    assert (link.readlink(), second.readlink()) == (Path("deep/a.txt"), link)
    assert names(tmp_path / "deep") == ["a.txt"]


def test_refuses_a_link_to_itself(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with pytest.raises(NotWritableError, match="loop: cannot write: too many levels"):
        output_file(loop)
    assert loop.is_symlink()
