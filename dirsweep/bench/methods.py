"""``dirsweep bench methods``: cost of the techniques, as ratios of times measured side by side.

Three parts, all on one CPU thread: each technique against its plain loop and against the matrix
products and sorts it cannot avoid; a whole training step of ResNet-18 at 64 pixels against the
vanilla one; the peak memory of such a training. Times are processor time, and the two sides of a
ratio alternate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from rich.console import Console
from rich.table import Table

from dirsweep.bench.measurement import BenchRow, one_thread
from dirsweep.bench.technique_loops import FEATURE_DIM, loop_rows
from dirsweep.bench.training_steps import memory_rows, step_rows

VERDICTS = {None: "", True: "[green]met[/]", False: "[red]not met[/]"}


def run_bench(
    *, repeats: int = 9, steps: bool = True, memory: bool = True, console: Console | None = None
) -> list[BenchRow]:
    """Measure everything and print it as tables.

    Args:
        repeats: how often each pair is timed.
        steps: whether to time training steps of ResNet-18 (a few minutes).
        memory: whether to measure the peak memory of such trainings.
        console: takes the tables; None for standard output.

    Returns:
        The rows of all tables.
    """
    console = console or Console()
    parts: list[tuple[Callable[[], list[BenchRow]], Callable[[list[BenchRow]], Table]]] = [
        (partial(loop_rows, repeats), _loop_table)
    ]
    if steps:
        parts.append((partial(step_rows, repeats), _step_table))
    if memory:
        parts.append((memory_rows, _memory_table))
    rows: list[BenchRow] = []
    for measure, table in parts:
        with console.status("measuring"), one_thread():
            measured = measure()
        console.print(table(measured))
        rows += measured
    return rows


def _table(title: str, columns: Sequence[str], left: Sequence[str]) -> Table:
    """Return a table without lines that fits 80 columns; columns not in ``left`` hold numbers."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(
            column, justify="left" if column in left else "right", no_wrap=True, min_width=3
        )
    return table


def _loop_table(rows: list[BenchRow]) -> Table:
    table = _table(
        f"Forward and backward pass, D = {FEATURE_DIM}, one thread: speed-up over the plain loop,\n"
        "share of unavoidable operations in our time, and our time over theirs",
        ("technique", "on", "speed-up", "target", " ", "share", "over"),
        left=("technique", "on", " ", "share"),
    )
    for row in rows:
        table.add_row(
            row.technique,
            row.setting,
            f"{row.ratio:.1f}",
            f">= {row.target:g}",
            VERDICTS[row.met],
            ", ".join(f"{name} {share:.0%}" for name, share in row.shares.items()),
            f"{1 / max(sum(row.shares.values()), 1e-9):.1f}",
        )
    return table


def _step_table(rows: list[BenchRow]) -> Table:
    table = _table(
        "Training step of ResNet-18 at 64 pixels, batch 64, one thread: time over vanilla",
        ("technique", "ratio", "target", " ", "ms", "vanilla ms"),
        left=("technique", " "),
    )
    for row in rows:
        table.add_row(
            row.technique,
            f"{row.ratio:.3f}",
            "" if row.target is None else f"<= {row.target:g}",
            VERDICTS[row.met],
            f"{row.ours:.0f}",
            f"{row.theirs:.0f}",
        )
    return table


def _memory_table(rows: list[BenchRow]) -> Table:
    table = _table(
        "Peak memory of such a training, one process each: over vanilla",
        ("technique", "ratio", "MiB", "vanilla MiB"),
        left=("technique",),
    )
    for row in rows:
        table.add_row(row.technique, f"{row.ratio:.2f}", f"{row.ours:.0f}", f"{row.theirs:.0f}")
    return table
