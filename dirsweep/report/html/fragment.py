"""A table as an HTML fragment, for notebooks."""

from __future__ import annotations

from dirsweep.report.html.environment import environment
from dirsweep.report.html.view import view
from dirsweep.report.table import Table


def fragment(table: Table) -> str:
    """Return a ``div`` with the table, its heading, its notes and its own style."""
    template = environment().get_template("fragment.html.j2")
    return template.render(table=view(table))
