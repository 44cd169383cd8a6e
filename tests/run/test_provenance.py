from __future__ import annotations

import platform
import subprocess
from pathlib import Path

import pytest
import torch

import dirsweep
from dirsweep.run import provenance as provenance_file
from dirsweep.run.folder import RunPaths
from dirsweep.run.provenance import provenance, write_provenance


def test_what_it_says() -> None:
    found = provenance(seeds=[0, 7], command=["dirsweep", "run", "a b.yaml"])
    assert found["command"] == "dirsweep run 'a b.yaml'"
    assert found["seeds"] == [0, 7]
    assert found["versions"]["python"] == platform.python_version()
    assert found["versions"]["torch"].split("+")[0] == torch.__version__.split("+")[0]
    assert found["hardware"]["num_cpus"] >= 1
    assert found["hardware"]["memory_mib"] > 100
    assert found["started_at"] <= provenance()["started_at"]


def test_revision_of_the_checkout_that_tracks_the_code(tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        settings = ("-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false")
        done = subprocess.run(
            ["git", *settings, "-C", str(tmp_path), *arguments], capture_output=True, text=True
        )
        if done.returncode:
            pytest.skip("git is not usable here")
        return done.stdout.strip()

    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    assert provenance_file._git(package) is None
    git("init")
    assert provenance_file._git(package) is None, (
        "the checkout around an installed copy is not the code's"
    )
    git("add", ".")
    git("commit", "-m", "first")
    assert provenance_file._git(package) == {"revision": git("rev-parse", "HEAD"), "dirty": False}
    (package / "__init__.py").write_text("changed = True")
    assert provenance_file._git(package) == {"revision": git("rev-parse", "HEAD"), "dirty": True}


def test_gpus_as_the_driver_lists_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        provenance_file, "_output", lambda *_: "GPU A, 81559, 550.1\nGPU B, [N/A], 550.1"
    )
    assert provenance_file._gpus() == [
        {"name": "GPU A", "memory_mib": 81559, "driver": "550.1"},
        {"name": "GPU B", "memory_mib": None, "driver": "550.1"},
    ]
    monkeypatch.setattr(provenance_file, "_output", lambda *_: None)
    assert provenance_file._gpus() == []


def test_sessions_add_up(tmp_path: Path) -> None:
    paths = RunPaths(tmp_path)
    first, second = {"started_at": "1", "ended_at": None}, {"started_at": "2", "ended_at": None}
    write_provenance(paths, first)
    write_provenance(paths, second)
    write_provenance(paths, {**second, "ended_at": "3"})
    assert paths.provenance.read_json() == {
        "sessions": [first, {"started_at": "2", "ended_at": "3"}]
    }
    paths.provenance.write(b"{")
    write_provenance(paths, first)
    assert paths.provenance.read_json() == {"sessions": [first]}


def test_package_has_a_version() -> None:
    assert provenance()["versions"]["dirsweep"] == dirsweep.__version__
