"""Jinja environment of the report's templates."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup


@cache
def environment() -> Environment:
    """Return the environment; every text is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("dirsweep.report.html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )


def static(name: str) -> Markup:
    """Return a file of the templates' folder as it is."""
    from markupsafe import Markup

    folder = resources.files("dirsweep.report.html") / "templates"
    return Markup((folder / name).read_text("utf-8"))
