"""One file per plot: ``numbers(run, study)`` reads the tables, ``draw(numbers)`` makes the figure.

A new file in this folder is found by itself. ``numbers`` returns None where the plot has nothing to
show.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dirsweep.run.reader import Run
from dirsweep.run.storage import local_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: the plot that every study gets first
FIRST = "response"
#: what is drawn when a run ends; `dirsweep report` draws all
AT_THE_END = (FIRST, "learning_curves", "per_label_error")


@dataclass(frozen=True)
class Plot:
    """A plot's two halves."""

    name: str
    numbers: Callable[[Run, str], Any]
    draw: Callable[[Any], Figure]


def plots() -> list[Plot]:
    """Every plot in this folder, the study's first plot first."""
    found = []
    for module in pkgutil.iter_modules(__path__):
        if not module.name.startswith("_"):
            loaded = importlib.import_module(f"{__name__}.{module.name}")
            found.append(Plot(module.name, loaded.numbers, loaded.draw))
    return sorted(found, key=lambda plot: (plot.name != FIRST, plot.name))


def write_plots(
    run: Run,
    out: Path | None = None,
    *,
    studies: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
) -> list[Path]:
    """Draw every plot that has something to show, 150 dots per inch.

    Args:
        out: the folder, by default the run's own.
        studies: all of the run's by default.
        names: plots to draw, all by default.

    Returns: the files, study by study. Raises: StoreError: no complete trial, or the folder cannot
        be written.
    """
    run.require_finished()
    folder = Path(run.paths.plots) if out is None else out
    files = []
    for study in run.studies if studies is None else studies:
        for plot in plots():
            if names is not None and plot.name not in names:
                continue
            numbers = plot.numbers(run, study)
            if numbers is None:
                continue
            file = folder / f"{re.sub(r'[^A-Za-z0-9_.-]+', '-', study)}_{plot.name}.png"
            with local_file(file).writing(durable=False) as sink:
                plot.draw(numbers).savefig(sink, format="png", dpi=150)
            files.append(file)
    return files
