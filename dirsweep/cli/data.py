"""Commands for the data of a benchmark."""

from __future__ import annotations

import json as json_
from typing import Annotated

import typer

from dirsweep.terminal import PlainConsole

app = typer.Typer(no_args_is_help=True)

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="benchmark, e.g. sts-b-dir", show_default=False)
]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="a setting, e.g. benchmark.shots=released"),
]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]


@app.command()
def regions(name: Name, sets: Sets = None, json: AsJson = False) -> None:
    """Count the samples of each split by shot region."""
    from dirsweep.config.benchmark_settings import benchmark_of
    from dirsweep.config.cache_folder import cache_folder

    benchmark = benchmark_of(name, sets or ()).open(cache_folder(None))
    if json:
        from dirsweep.data.regions import sizes_of_regions

        print(json_.dumps(sizes_of_regions(benchmark)))
        return
    from dirsweep.report.console import print_tables
    from dirsweep.report.data_tables import regions_table

    print_tables(PlainConsole(), [regions_table(benchmark)])


@app.command()
def check(name: Name, sets: Sets = None, json: AsJson = False) -> None:
    """Check the files of a benchmark, and find what its splits have in common."""
    from dirsweep.config.benchmark_settings import benchmark_of
    from dirsweep.config.cache_folder import cache_folder
    from dirsweep.data.check import check_prepared
    from dirsweep.data.overlaps import overlaps_of

    benchmark = benchmark_of(name, sets or ()).open(cache_folder(None))
    overlaps = overlaps_of(benchmark)  # before anything that needs pictures
    if json:
        print(json_.dumps({"overlaps": [overlap.to_dict() for overlap in overlaps]}))
    else:
        from dirsweep.report.console import print_tables
        from dirsweep.report.data_tables import regions_table

        notes = [f"overlap: {overlap.text}" for overlap in overlaps] or ["no overlaps of splits"]
        print_tables(PlainConsole(), [regions_table(benchmark, notes)])
    check_prepared(benchmark)
    if not json:
        print("files checked: no mistake found")
