"""What ``dirsweep check`` prints, and its exit code."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from rich.console import Console

from dirsweep.cli import main
from dirsweep.config.varied_keys import VariedKey
from dirsweep.diagnose import inert_key_report
from dirsweep.diagnose.inert_key_report import print_check
from dirsweep.diagnose.inert_keys import Finding
from tests.diagnose.small_sweeps import sweep, write


def test_prints_what_is_inert_and_returns_one(tmp_path: Path) -> None:
    spec = sweep(
        tmp_path,
        {"dead": {"grid": {"regularizers.conr.tau": [0.1, 0.5], "optimizer.lr": [0.01, 0.1]}}},
        regularizers={"conr": {"formulation": "released"}},
    )
    console = Console(record=True, width=120)
    assert print_check(spec, steps=4, cache=None, console=console) == 1
    text = console.export_text()
    assert "INERT: regularizers.conr.tau (dead): 0.1 -> 0.5 changes nothing" in text
    assert "keys varied: 2, inert: 1, not checked: 0; 4 steps in 4 epochs each, seed 0" in text
    assert "SYNTHETIC" in text


def test_choices_that_train_alike_are_named(tmp_path: Path) -> None:
    spec = sweep(tmp_path, {"o": {"grid": {"optimizer.name": ["adam", "adamw", "sgd"]}}})
    console = Console(record=True, width=120)
    assert print_check(spec, steps=4, cache=None, console=console) == 1
    text = console.export_text()
    assert "INERT: optimizer.name (o): adam and adamw train alike" in text
    assert "inert: 0, not checked: 0, with choices that train alike: 1; 4 steps" in text


def test_the_command_ends_with_its_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def code(*arguments: str) -> object:
        monkeypatch.setattr("sys.argv", ["dirsweep", "check", *arguments])
        try:
            main()
        except SystemExit as end:
            return end.code
        return 0

    file = write(tmp_path, {"a": {"grid": {"optimizer.lr": [0.01, 0.1]}}})
    assert code(str(file), "--steps", "4") in (0, None)
    assert "keys varied: 1, inert: 0" in capsys.readouterr().out
    assert code(str(file), "--set", "base.optimizer.lr=-1") == 2
    assert "must be > 0" in capsys.readouterr().err


def test_changes_and_notes_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = sweep(tmp_path, {"a": {"grid": {"optimizer.lr": [0.01, 0.1]}}})
    key = VariedKey(("a", "b"), "optimizer.lr", (), ())
    findings = [
        Finding(key, (0.01, 0.123456), "active", "", 3.14159e-4, math.inf),
        Finding(key, ("l1", [1, 2]), "not checked", "why [not]"),
        Finding(key, (1, 2), "INERT", "changes nothing", 0.0, 0.0),
    ]
    monkeypatch.setattr(inert_key_report, "check_sweep", lambda *_, **__: findings)
    console = Console(record=True, width=120)
    assert print_check(spec, steps=4, cache=None, console=console) == 1
    lines = [" ".join(line.split()) for line in console.export_text().splitlines()]
    assert "a, b optimizer.lr 0.01 -> 0.1235 3.1e-04 other active" in lines
    assert "a, b optimizer.lr l1 -> [1, 2] - - not checked (why [not])" in lines
    assert "a, b optimizer.lr 1 -> 2 0 0 INERT" in lines
    assert lines[-1].startswith("keys varied: 3, inert: 1, not checked: 1; 4 steps in 4 epochs")
