"""Arguments and options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dirsweep.errors import SpecError

if TYPE_CHECKING:
    from dirsweep.config.sweep import SweepSpec

#: panels of ``dirsweep --help``, in this order
RUN_PANEL = "Run a sweep"
MONITOR_PANEL = "Monitor and control a run"
REPORT_PANEL = "Report"
MODEL_PANEL = "Use stored networks and predictions"
TOOLS_PANEL = "Tools"


class TextFormat(StrEnum):
    """Formats of claims and comparisons."""

    console = "console"
    md = "md"
    json = "json"


class Retry(StrEnum):
    """Statuses of ended trials that can be trained again."""

    failed = "failed"
    stopped = "stopped"


# square brackets would be read as markup in help texts
Sweep = Annotated[
    Path, typer.Argument(metavar="SWEEP", help="sweep file (YAML)", show_default=False)
]
RunFolder = Annotated[
    Path, typer.Argument(metavar="RUN", help="folder of a run", show_default=False)
]
Out = Annotated[Path | None, typer.Option("--out", help="folder of the run (default: runs/NAME)")]
Address = Annotated[
    str | None,
    typer.Option(help="address of a running Ray cluster (default: start Ray on this machine)"),
]
Inline = Annotated[bool, typer.Option("--inline", help="train in this process, without Ray")]
Place = Annotated[
    str | None,
    typer.Option(
        "--executor", metavar="NAME", help="where to train: ray, inline, or another installed one"
    ),
]
Cpus = Annotated[
    int | None,
    typer.Option(help="CPU cores that trials on this machine may use (default: all)", min=1),
]
Retries = Annotated[
    list[Retry] | None,
    typer.Option(help="train trials with this status again; may be given twice"),
]
Reuse = Annotated[
    bool,
    typer.Option("--reuse/--no-reuse", help="copy finished equal trials from neighbouring runs"),
]
DataChanged = Annotated[
    bool,
    typer.Option("--data-changed", help="train finished trials again whose data has changed"),
]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="override a key of the sweep file"),
]
Synthetic = Annotated[
    bool,
    typer.Option(
        "--synthetic", help="replace the benchmark by drawn images, the backbone by a small one"
    ),
]
Preview = Annotated[
    bool, typer.Option("--preview", help="few points per study, one seed, few epochs")
]
AsText = Annotated[TextFormat, typer.Option("--format", help="output format")]
Points = Annotated[
    list[str] | None,
    typer.Option(
        "--points",
        metavar="A,B",
        help="points that figures compare, by label or techniques, e.g. vanilla,lds,ranksim"
        " (default: the baseline and the best)",
    ),
]
Anchors = Annotated[
    list[str] | None,
    typer.Option(
        "--anchors",
        metavar="A,B",
        help="labels with which the figure of feature similarities compares all others, e.g."
        " 23,43,63 (default: one of each shot region)",
    ),
]
Extra = Annotated[
    list[Path] | None, typer.Option("--extra", help="CSV file with further published numbers")
]


def executor_of(inline: bool, executor: str | None) -> str:
    """Return the name of the place where trials run.

    Args:
        inline: whether ``--inline`` was given.
        executor: the value of ``--executor``, None without it.

    Raises:
        SpecError: both were given and disagree.
        RegistryError: there is no such place.
    """
    if executor is None:
        return "inline" if inline else "ray"
    if inline and executor != "inline":
        raise SpecError(f"--inline and --executor {executor} exclude each other", key="--executor")
    if executor != "ray":  # looking the others up imports Ray, which a plain run starts beforehand
        from dirsweep.execute.registry import require_executor

        require_executor(executor)
    return executor


def load(path: Path, sets: list[str] | None, synthetic: bool, preview: bool) -> SweepSpec:
    """Read and validate a sweep file.

    Raises:
        SpecError: the file or an override is wrong.
    """
    from dirsweep.config.expand import validate
    from dirsweep.config.load import load_sweep

    spec = load_sweep(path, sets or (), synthetic=synthetic, preview=preview)
    validate(spec)
    return spec


def default_folder(name: str, synthetic: bool, preview: bool) -> Path:
    """Return the folder of a run whose sweep has this name."""
    suffix = ("-synthetic" if synthetic else "") + ("-preview" if preview else "")
    return Path("runs") / f"{name}{suffix}"
