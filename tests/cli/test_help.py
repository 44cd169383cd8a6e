"""dirsweep.cli: help texts on a terminal of 80 columns."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from dirsweep.cli import app
from dirsweep.errors import DirSweepError

PANELS = (
    "Run a sweep",
    "Monitor and control a run",
    "Report",
    "Use stored networks and predictions",
    "Tools",
)


def help_of(*arguments: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERMINAL_WIDTH", "80")
    result = CliRunner().invoke(app, [*arguments, "--help"], prog_name="dirsweep")
    assert result.exit_code == 0
    return result.output


def test_main_help_fits_80_columns_in_panels(monkeypatch: pytest.MonkeyPatch) -> None:
    text = help_of(monkeypatch=monkeypatch)
    lines = text.splitlines()
    assert max(len(line.rstrip()) for line in lines) <= 80
    assert "…" not in text
    found = [line.split("─")[1].strip() for line in lines if line.startswith("╭─ ")]
    assert tuple(found[1:]) == PANELS


def test_every_summary_is_one_whole_line(monkeypatch: pytest.MonkeyPatch) -> None:
    text = help_of(monkeypatch=monkeypatch)
    commands = get_command(app).commands  # type: ignore[attr-defined]
    for name, command in commands.items():
        if command.hidden:
            continue
        summary = (command.help or "").split("\n\n")[0].strip()
        assert summary.endswith("."), name
        assert any(name in line and summary in line for line in text.splitlines()), (name, summary)


def walk(command: object, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = [path]
    for name, child in getattr(command, "commands", {}).items():
        found += walk(child, (*path, name))
    return found


@pytest.mark.parametrize("path", walk(get_command(app)), ids=" ".join)
def test_help_loses_no_text_and_fits(
    path: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = help_of(*path, monkeypatch=monkeypatch)
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 80
    assert "…" not in text
    command = get_command(app)
    for name in path:
        command = command.commands[name]  # type: ignore[attr-defined]
    words = "".join(text.split())
    for parameter in command.params:
        wanted = "".join((getattr(parameter, "help", None) or "").split())
        # a help text may be wrapped over several lines of its column; its words stay in order
        remaining = iter(words.replace("│", ""))
        assert all(letter in remaining for letter in wanted), (path, parameter.name)


def test_help_loads_neither_torch_nor_ray() -> None:
    code = (
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from dirsweep.cli import app\n"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0\n"
        "heavy = ('torch', 'ray', 'optuna', 'pyarrow', 'matplotlib')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--inline", "--executor", "ray"], "--inline and --executor ray exclude each other"),
        (
            ["--inline", "--address", "auto"],
            "--address is that of a Ray cluster, and trials run in 'inline'",
        ),
        (["--executor", "inlne"], "no place to run 'inlne'; did you mean 'inline'"),
    ],
)
def test_a_wrong_executor_is_refused_before_anything_is_written(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        sys, "argv", ["dirsweep", "run", "absent.yaml", "--out", str(tmp_path / "run"), *arguments]
    )
    with pytest.raises(DirSweepError, match=message):
        app(standalone_mode=False)
    assert not (tmp_path / "run").exists()
