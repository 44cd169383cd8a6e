"""Jinja environment of the report's templates."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

_COMMAND = re.compile("`([^`]*)`")


@cache
def environment() -> Environment:
    """Return the environment; every text is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    found = Environment(
        loader=PackageLoader("dirsweep.report.html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    found.filters["commands"] = commands
    return found


def commands(text: str) -> Markup:
    """Return escaped text in which backticks become ``code`` elements."""
    from markupsafe import Markup, escape

    return Markup(_COMMAND.sub(r"<code>\1</code>", str(escape(text))))


def static(name: str) -> Markup:
    """Return a file of the templates' folder as it is."""
    from markupsafe import Markup

    folder = resources.files("dirsweep.report.html") / "templates"
    return Markup((folder / name).read_text("utf-8"))
