"""Benchmarks: ratios measured side by side in one run."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True)


class LongRunSampler(StrEnum):
    """Samplers for a run of thousands of trivial trials."""

    tpe = "tpe"
    random = "random"


@app.command()
def methods(
    repeats: Annotated[int, typer.Option(help="timings of each pair", min=1)] = 9,
    steps: Annotated[
        bool, typer.Option(help="time whole training steps of a ResNet-18 too (minutes)")
    ] = True,
    memory: Annotated[bool, typer.Option(help="measure peak memory of the steps too")] = True,
) -> None:
    """Time methods against plain loops and vanilla training."""
    from dirsweep.bench.methods import run_bench

    run_bench(repeats=repeats, steps=steps, memory=memory)


@app.command()
def orchestration(
    trials: Annotated[
        int, typer.Option(help="number of trials; from 200 on they are trivial ones", min=4)
    ] = 40,
    seconds: Annotated[float, typer.Option(help="duration of a trial", min=0)] = 0.2,
    workers: Annotated[int, typer.Option(help="number of concurrent trials", min=1)] = 2,
    plain: Annotated[
        bool, typer.Option(help="compare with stock Ray without reuse_actors too (minutes)")
    ] = True,
    sampler: Annotated[
        LongRunSampler, typer.Option(help="sampler of a long run")
    ] = LongRunSampler.tpe,
) -> None:
    """Time running trials against Ray Tune with OptunaSearch."""
    from dirsweep.bench.orchestration import run_bench

    run_bench(
        num_trials=trials, seconds=seconds, workers=workers, plain=plain, sampler=sampler.value
    )


@app.command()
def statistics(
    repeats: Annotated[int, typer.Option(help="simulated studies per row", min=20)] = 100,
) -> None:
    """Simulate studies: coverage of intervals, false positives, power."""
    from dirsweep.bench.statistics import run_bench

    run_bench(repeats=repeats)
