"""The plots of the report, one file each.

A file states its ``PLOT``; a new file in this folder is found without registration. A file that
cannot be imported is left out, with a warning.
"""

from __future__ import annotations

import importlib
import logging
import pkgutil
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dirsweep.broken_files import BrokenFile
from dirsweep.report.figure_style import DPI
from dirsweep.report.plot import EmptyPlotError, Plot
from dirsweep.run.output_file import output_file
from dirsweep.run.reader import Run
from dirsweep.run.storage import is_writable, temporary_folder

log = logging.getLogger(__name__)


def plots() -> list[Plot[Any]]:
    """Return every plot of this folder in the order of the page."""
    found: list[Plot[Any]] = []
    for folder in __path__:
        for module in pkgutil.iter_modules([folder]):
            try:
                found.append(importlib.import_module(f"{__name__}.{module.name}").PLOT)
            except (Exception, SystemExit) as error:
                log.warning(
                    "%s; left out", BrokenFile.of(Path(folder) / f"{module.name}.py", error)
                )
    return sorted(found, key=lambda plot: (plot.order, plot.name))


def plots_after_run() -> list[str]:
    """Return the names of the plots that are drawn when a run ends."""
    return [plot.name for plot in plots() if plot.after_run]


def plots_folder(run: Run, beside: Path | None = None) -> Path:
    """Return the folder for a run's plots.

    Args:
        run: an open run.
        beside: the folder of the report's file, if there is one.

    Returns:
        ``plots`` in that folder, else in the run's; a temporary folder where the run's is not
        writable.
    """
    if beside is not None:
        return beside / "plots"
    own = Path(run.paths.plots)
    if is_writable(own if run.paths.storage.contains(run.paths.plots.key) else own.parent):
        return own
    return temporary_folder(f"dirsweep-{run.name}-plots-")


def write_plots(
    run: Run,
    out: Path | None = None,
    *,
    studies: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
    points: Sequence[str] = (),
    anchors: Sequence[float] = (),
) -> list[Path]:
    """Draw every plot that has something to show, as PNG files of 150 dots per inch.

    Args:
        run: the run.
        out: the folder, by default that of ``plots_folder``.
        studies: all of the run's by default.
        names: plots to draw, all by default.
        points: names of the points that figures compare; by default the baseline and the best.
        anchors: labels with which the feature similarity compares others; by default it chooses.

    Returns:
        The files, study by study.

    Raises:
        StoreError: no trial is complete, or the folder cannot be written to.
    """
    run.require_finished()
    folder = plots_folder(run) if out is None else out
    chosen = [plot for plot in plots() if names is None or plot.name in names]
    files = []
    for study in run.studies if studies is None else studies:
        for plot in chosen:
            try:
                figure = plot.figure(run, study, points, anchors)
            except EmptyPlotError:
                continue
            file = folder / f"{re.sub(r'[^A-Za-z0-9_.-]+', '-', study)}_{plot.name}.png"
            with output_file(file).writing(durable=False) as sink:
                figure.savefig(sink, format="png", dpi=DPI)
            files.append(file)
    return files
