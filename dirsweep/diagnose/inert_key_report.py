"""Text of ``dirsweep check``."""

from __future__ import annotations

import math
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress
from rich.table import Table
from rich.text import Text

from dirsweep.config.error_text import format_value
from dirsweep.config.sweep import SweepSpec
from dirsweep.diagnose.inert_keys import Finding, Verdict, check_sweep
from dirsweep.diagnose.training_traces import NUM_EPOCHS
from dirsweep.estimate.plan import sweep_heading
from dirsweep.exit_codes import EXIT_FAILED, EXIT_OK
from dirsweep.methods.equal_settings import equal_settings
from dirsweep.methods.scale_warnings import scale_warnings
from dirsweep.terminal import PlainConsole, text_column

COLOURS: dict[Verdict, str] = {"active": "green", "INERT": "bold red", "not checked": "yellow"}


def print_check(spec: SweepSpec, *, steps: int, cache: str | None, console: Console) -> int:
    """Check a sweep with a progress bar, and print the findings.

    Args:
        spec: the sweep.
        steps: of each training.
        cache: folder for what is derived from the data; None for the default.
        console: takes the text.

    Returns:
        The exit code: 1 if a key is inert, else 0.

    Raises:
        DirSweepError: the data is missing or broken.
    """
    findings = _check_with_bar(spec, steps, cache)
    inert = [finding for finding in findings if finding.verdict == "INERT"]
    num_unchecked = sum(finding.verdict == "not checked" for finding in findings)
    console.print(sweep_heading(spec))
    console.print(_table(findings))
    for finding in inert:
        studies = ", ".join(finding.varied.studies)
        console.print(
            Text.assemble(
                ("INERT", "bold red"),
                f": {finding.varied.key} ({studies}): {_values_text(finding.values)} "
                "changes nothing",
            ),
            soft_wrap=True,
        )
    alike = [finding for finding in findings if finding.alike]
    for finding in alike:
        console.print(_alike_line(finding), soft_wrap=True)
    for warning in (*scale_warnings(spec), *equal_settings(spec)):
        console.print(Text(warning), soft_wrap=True)
    num_steps = NUM_EPOCHS * math.ceil(steps / NUM_EPOCHS)
    counts = f"keys varied: {len(findings)}, inert: {len(inert)}, not checked: {num_unchecked}"
    if alike:
        counts += f", with choices that train alike: {len(alike)}"
    console.print(
        f"{counts}; {num_steps} steps in {NUM_EPOCHS} epochs each, seed {spec.seeds[0]}",
    )
    return EXIT_FAILED if inert or alike else EXIT_OK


def _alike_line(finding: Finding) -> Text:
    """Name the choices of an active key that train alike."""
    pairs = "; ".join(_values_text(pair, " and ") for pair in finding.alike)
    studies = ", ".join(finding.varied.studies)
    text = f": {finding.varied.key} ({studies}): {pairs} train alike"
    return Text.assemble(("INERT", "bold red"), text)


def _check_with_bar(spec: SweepSpec, steps: int, cache: str | None) -> list[Finding]:
    """Check with a progress bar on standard error."""
    columns = (
        text_column("checking"),
        BarColumn(),
        MofNCompleteColumn(),
        text_column("{task.description}"),
    )
    stderr = PlainConsole(stderr=True)
    with Progress(*columns, console=stderr, disable=not stderr.is_terminal, transient=True) as bar:
        task = bar.add_task("", total=None)

        def progress(done: int, total: int, key: str) -> None:
            bar.update(task, completed=done, total=total, description=key)

        return check_sweep(spec, steps=steps, cache=cache, progress=progress)


def _table(findings: list[Finding]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("study", overflow="fold")
    table.add_column("key", overflow="fold", no_wrap=True)
    table.add_column("values", overflow="fold")
    for title in ("loss", "parameters"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("verdict", overflow="fold")
    for finding in findings:
        table.add_row(
            ", ".join(finding.varied.studies),
            finding.varied.key,
            _values_text(finding.values),
            _change_text(finding.loss),
            _change_text(finding.parameters),
            _verdict_text(finding),
        )
    return table


def _verdict_text(finding: Finding) -> Text:
    text = Text(finding.verdict, style=COLOURS[finding.verdict])
    if finding.note and finding.verdict != "INERT":
        text.append(f" ({finding.note})", style="default")
    return text


def _change_text(value: float | None) -> str:
    """Format a relative change.

    It reads ``3.1e-04``, ``0`` for equal to the last bit, ``other`` for networks with other
    parameters, and ``-`` where nothing was compared.
    """
    if value is None:
        return "-"
    if math.isinf(value):
        return "other"
    return "0" if value == 0 else f"{value:.1e}"


def _values_text(values: tuple[Any, ...], separator: str = " -> ") -> str:
    texts = [
        f"{value:.4g}" if isinstance(value, float) else format_value(value).strip("'")
        for value in values
    ]
    return separator.join(texts)
