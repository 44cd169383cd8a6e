"""The command line: one file per group of commands, nothing but arguments and calls."""

from dirsweep.cli.main import app, main

__all__ = ["app", "main"]
