"""Commands that use networks and predictions: predict, evaluate, score."""

from __future__ import annotations

import json as json_
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dirsweep.cli.options import MODEL_PANEL
from dirsweep.errors import SpecError
from dirsweep.terminal import PlainConsole

if TYPE_CHECKING:
    from dirsweep.data.base import SplitName
    from dirsweep.inference.scores import Scores

app = typer.Typer()


class SplitOfBenchmark(StrEnum):
    """Splits of a benchmark."""

    train = "train"
    val = "val"
    test = "test"


Model = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL",
        help="a run (its best point by validation), a trial's folder, or a copied network",
        show_default=False,
    ),
]
Study = Annotated[str | None, typer.Option(help="study of the run (default: any)")]
Point = Annotated[
    str | None,
    typer.Option(help="the run's point, by label or technique (default: the best by validation)"),
]
Seed = Annotated[int | None, typer.Option(help="seed (default: the best by validation)")]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="a benchmark setting, e.g. benchmark.shots=released"
    ),
]
SplitOption = Annotated[SplitOfBenchmark, typer.Option("--split", help="split of the benchmark")]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON: column -> value")]


@app.command(rich_help_panel=MODEL_PANEL)
def predict(  # noqa: PLR0913 - one parameter per option
    model: Model,
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="[DATA]",
            help="folder or file of the benchmark's form, pictures, or a benchmark's name"
            " (default: what the network was trained on)",
        ),
    ] = None,
    split: Annotated[
        SplitOfBenchmark | None,
        typer.Option("--split", help="split of a benchmark (default: test)"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="file to write, .arrow or .csv (default: CSV on the console)"),
    ] = None,
    study: Study = None,
    point: Point = None,
    seed: Seed = None,
    sets: Settings = None,
) -> None:
    """Predict samples by a stored network."""
    if out is not None:
        _require_suffix(out)
    from dirsweep.config.cache_folder import named_cache
    from dirsweep.inference.model_choice import ModelChoice, find_model
    from dirsweep.inference.predict import predict_data

    found = predict_data(
        find_model(model, ModelChoice(study, point, seed)),
        data,
        split=_split(split),
        sets=sets or (),
        cache=named_cache(),
    )
    if out is None:
        print(found.to_csv(), end="")
        return
    found.write(out)
    mark = "SYNTHETIC " if found.synthetic else ""
    print(f"{mark}{len(found.preds):,} predictions of {found.name} by {found.model}: {out}")


@app.command(rich_help_panel=MODEL_PANEL)
def evaluate(  # noqa: PLR0913 - one parameter per option
    model: Model,
    benchmark: Annotated[
        str | None,
        typer.Option(help="benchmark (default: what the network was trained on)"),
    ] = None,
    split: SplitOption = SplitOfBenchmark.test,
    study: Study = None,
    point: Point = None,
    seed: Seed = None,
    sets: Settings = None,
    json: AsJson = False,
) -> None:
    """Measure a stored network on a benchmark, by region."""
    from dirsweep.config.cache_folder import named_cache
    from dirsweep.inference.model_choice import ModelChoice, find_model
    from dirsweep.inference.predict import evaluate as measure

    paths = find_model(model, ModelChoice(study, point, seed))
    scores = measure(paths, benchmark, split=_named(split), sets=sets or (), cache=named_cache())
    _show(scores, json)


@app.command(rich_help_panel=MODEL_PANEL)
def score(
    predictions: Annotated[
        Path,
        typer.Argument(
            metavar="PREDICTIONS",
            help="CSV with the columns id and prediction, or Arrow of `dirsweep predict`",
            show_default=False,
        ),
    ],
    benchmark: Annotated[
        str | None, typer.Option(help="benchmark; with --into by default the run's")
    ] = None,
    split: SplitOption = SplitOfBenchmark.test,
    sets: Settings = None,
    json: AsJson = False,
    into: Annotated[
        Path | None,
        typer.Option("--into", metavar="RUN", help="put them into this run's tables and report"),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="of their row in the run (default: the file's)")
    ] = None,
) -> None:
    """Measure predictions of any code on a benchmark, by region."""
    from dirsweep.config.cache_folder import named_cache

    if name is not None and not name.strip():
        raise SpecError("empty; expected a name", key="--name")
    if into is None:
        if benchmark is None:
            raise SpecError("missing; name the benchmark, or a run with --into", key="--benchmark")
        if name is not None:
            raise SpecError("names a row of a run; give the run with --into", key="--name")
        from dirsweep.inference.score import score_file

        scores = score_file(
            predictions, benchmark, split=_named(split), sets=sets or (), cache=named_cache()
        )
    else:
        from dirsweep.inference.score import score_into

        scores = score_into(
            predictions,
            into,
            predictions.stem if name is None else name,
            benchmark_name=benchmark,
            split=_named(split),
            sets=sets or (),
            cache=named_cache(),
        )
    _show(scores, json)
    if into is not None:
        print(f"now a row of {into}; `dirsweep report {into}` shows it", file=sys.stderr)


def _require_suffix(out: Path) -> None:
    """Refuse a file of another kind before torch is loaded."""
    if out.suffix.lower() not in (".csv", ".arrow"):
        what = f"expected a file ending in .csv or .arrow, got {out.name}"
        raise SpecError(what, key="--out")


def _show(scores: Scores, json: bool) -> None:
    if json:
        print(json_.dumps(dict(scores.metrics)))
        return
    from dirsweep.report.console import print_tables

    print_tables(PlainConsole(), [scores.table()])


def _named(split: SplitOfBenchmark) -> SplitName:
    return split.value


def _split(split: SplitOfBenchmark | None) -> SplitName | None:
    return None if split is None else _named(split)
