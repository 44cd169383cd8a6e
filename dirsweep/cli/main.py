"""Entry point of the command line."""

from __future__ import annotations

import atexit
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

from dirsweep.cli import bench, data, models, monitor, published, report, run, tools
from dirsweep.cli.advice import with_advice
from dirsweep.cli.options import REPORT_PANEL, TOOLS_PANEL
from dirsweep.cli.output import OutputLostError, flushed, safe_streams
from dirsweep.config.local_path import local_path
from dirsweep.errors import DirSweepError, SpecError, in_words
from dirsweep.exit_codes import EXIT_BAD_INPUT, EXIT_INTERRUPTED, EXIT_OK

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
app.add_typer(models.app)
app.add_typer(
    data.app,
    name="data",
    rich_help_panel=TOOLS_PANEL,
    help="Check a benchmark's data and count its regions.",
)
app.add_typer(tools.app)
app.add_typer(
    bench.app,
    name="bench",
    rich_help_panel=TOOLS_PANEL,
    help="Measure the speed of dirsweep, as ratios side by side.",
)


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
    # registered first, so it runs last: while Python frees its modules, the default handler would
    # end the process by the signal instead of the exit code
    atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)
    try:
        with safe_streams():
            code = flushed(_run())
    except KeyboardInterrupt:  # a second one, while the first one is answered
        code = EXIT_INTERRUPTED
    raise SystemExit(code)


def _run() -> int:
    """Run the command that the arguments name; return its exit code."""
    try:
        code = command()(standalone_mode=False)  # returns the code of typer.Exit
    except OutputLostError:
        return EXIT_OK  # a reader that has left has what it wanted; `flushed` says what else failed
    except DirSweepError as error:
        return _complain(with_advice(error, sys.argv[1:]), error.exit_code)
    except UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            error.show()
            return EXIT_BAD_INPUT
        return _complain(error.format_message(), EXIT_BAD_INPUT)
    except (KeyboardInterrupt, typer.Abort):
        return _complain("interrupted", EXIT_INTERRUPTED)
    except OSError as error:
        return _complain(in_words(error), EXIT_BAD_INPUT)
    except UnicodeEncodeError as error:
        if any(0xD800 <= ord(character) <= 0xDFFF for character in error.object):  # no text
            what = "a file name is not valid text in this locale; rename it, or set PYTHONUTF8=1"
            return _complain(f"{error.object.strip()[:200]}: {what}", EXIT_BAD_INPUT)
        raise
    return code if isinstance(code, int) else EXIT_OK


def _complain(what: str, code: int) -> int:
    print(f"dirsweep: {what}", file=sys.stderr)
    return code
