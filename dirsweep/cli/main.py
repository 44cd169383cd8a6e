"""Entry point of the command line."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import typer

from dirsweep.cli import bench, monitor, published, report, run, tools
from dirsweep.cli.advice import with_advice
from dirsweep.cli.options import REPORT_PANEL, TOOLS_PANEL
from dirsweep.config.local_path import local_path
from dirsweep.errors import DirSweepError, SpecError

#: what typer raises for a wrong command line; newer versions bring a click of their own
UsageError: Any = typer.BadParameter.__bases__[0]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Find the methods and hyperparameters that help in deep imbalanced regression.",
)
for group in (run, monitor, report):
    app.add_typer(group.app)
app.add_typer(
    published.app,
    name="published",
    rich_help_panel=REPORT_PANEL,
    help="Show or export the numbers that the papers print.",
)
app.add_typer(tools.app)
app.add_typer(
    bench.app,
    name="bench",
    rich_help_panel=TOOLS_PANEL,
    help="Measure the speed of dirsweep, as ratios side by side.",
)


def _fail(error: DirSweepError) -> NoReturn:
    print(f"dirsweep: {with_advice(error, sys.argv[1:])}", file=sys.stderr)
    raise SystemExit(error.exit_code)


def command() -> Any:
    """Return the whole command line; every path that it is given is checked and is no URL."""
    whole = typer.main.get_command(app)
    _check_paths(whole)
    return whole


def _check_paths(group: Any) -> None:
    for parameter in group.params:
        parameter.callback = _path_reader(parameter.callback)
    for inner in getattr(group, "commands", {}).values():
        _check_paths(inner)


def _path_reader(callback: Any) -> Callable[[Any, Any, Any], Any]:
    def read(context: Any, parameter: Any, value: Any) -> Any:
        value = value if callback is None else callback(context, parameter, value)
        try:
            if isinstance(value, list | tuple):
                return [_read_path(item) for item in value]
            return _read_path(value)
        except SpecError as error:
            name = parameter.opts[0] if parameter.opts[0].startswith("-") else parameter.metavar
            raise error.at(prefix=name) from None

    return read


def _read_path(value: Any) -> Any:
    return local_path(value) if isinstance(value, Path) else value


def main() -> None:
    """Run a command: errors that a user can cause end as one line and an exit code."""
    try:
        code = command()(standalone_mode=False)  # returns the code of typer.Exit
    except DirSweepError as error:
        _fail(error)
    except UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            error.show()
        else:
            print(f"dirsweep: {error.format_message()}", file=sys.stderr)
        raise SystemExit(2) from None
    except (KeyboardInterrupt, typer.Abort):
        print("dirsweep: interrupted", file=sys.stderr)
        raise SystemExit(130) from None
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    raise SystemExit(code if isinstance(code, int) else 0)
