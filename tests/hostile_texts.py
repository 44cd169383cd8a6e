"""Texts that a console, Markdown, LaTeX, HTML or a spreadsheet would take for something else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dirsweep.run.collect import collect
from tests.made_up_run import write_run

HOSTILE = [
    "exp[lr]x",
    "a[/b]",
    "[red]b[/red]",
    ":smile:",
    "a|b*c*_d_",
    "`code` $x$ ~y~",
    "<i>t</i>&amp;",
    "50%_{x}^2#&",
    "\\textbf{x}\\",
    "[link](http://x)",
    "{{ 7*7 }}",
    "'; \" q",
]
#: of a run's folder and of a study, which have no slash
FOLDER = "run exp[lr] [bold]x |*y* <i> $z$ `w`"
STUDY = "s [red]t[-] |*u* <b> $v$ &"


def write_hostile_run(parent: Path) -> Path:
    """Write a run whose folder, study, labels and errors have such texts in them."""
    root = parent / "out[/dim]" / FOLDER
    planned: list[tuple[dict[str, Any], list[Any]]] = [({}, [9.0])]
    planned += [({"loss.name": name}, [7.0 + n / 10]) for n, name in enumerate(HOSTILE)]
    failed: list[tuple[dict[str, Any], list[Any]]] = [({"a": name}, ["failed"]) for name in HOSTILE]
    paths = write_run(
        root, {STUDY: planned, "f": [({}, [7.0]), *failed[:3]]}, resolved=True, num_samples=40
    )
    for number, name in enumerate(HOSTILE[:3], start=1):
        outcome = paths.trial(f"f-{number}-0").outcome
        found = outcome.read_json()
        assert isinstance(found, dict)
        outcome.write_json({**found, "error": f"no {name}"})
    collect(paths)
    return root
