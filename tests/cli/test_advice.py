"""Advice that fits the command whose folder cannot be written to."""

from __future__ import annotations

import pytest

from dirsweep.cli.advice import ADVICE, with_advice
from dirsweep.cli.main import app
from dirsweep.errors import NotWritableError, StoreError

READ_ONLY = NotWritableError("x/trials.arrow: cannot write: no permission to write")


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (["run", "a.yaml"], "choose another folder with --out"),
        (["report", "x"], "choose another file with --out"),
        (["collect", "x"], "copy the run to a folder that you may write to, and use the copy"),
        (["resume", "x"], "copy the run to a folder that you may write to, and use the copy"),
        (["stop", "x"], "only a user who may write to the run's folder can stop it"),
    ],
)
def test_it_names_what_the_command_can_do(arguments: list[str], advice: str) -> None:
    assert with_advice(READ_ONLY, arguments) == f"{READ_ONLY}; {advice}"


def test_other_errors_are_left_as_they_are() -> None:
    assert with_advice(StoreError("x: absent"), ["run"]) == "x: absent"
    assert with_advice(READ_ONLY, ["status", "x"]) == str(READ_ONLY)
    assert with_advice(READ_ONLY, []) == str(READ_ONLY)


def test_out_is_recommended_only_where_there_is_one() -> None:
    import typer

    group = typer.main.get_command(app)
    for name, advice in ADVICE.items():
        command = group.commands[name]  # type: ignore[attr-defined]
        commands = getattr(command, "commands", {name: command}).values()
        options = {option for item in commands for p in item.params for option in p.opts}
        assert ("--out" in advice) == ("--out" in options), name
