"""Text of ``dirsweep plan`` for several sweeps: trials that all of them need together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from dirsweep.config.expand import make_trial, planned_points, validate
from dirsweep.config.first_points import chain_of
from dirsweep.config.load import load_sweep
from dirsweep.config.trial import canonical_json
from dirsweep.config.yaml_text import parse_yaml
from dirsweep.domain import plural
from dirsweep.errors import SpecError
from dirsweep.published.configuration import OFF, flatten
from dirsweep.published.protocol import BENCHMARKS
from dirsweep.published.training_times import DEVICE, gpu_hours
from dirsweep.registry import names
from dirsweep.report.console import rendered
from dirsweep.report.number_format import MISSING
from dirsweep.report.table import Cell, Column, Note, Row, Table

COLUMNS = (
    Column("sweep", "sweep", align="left"),
    Column("benchmark", "benchmark", align="left", priority=1),
    Column("trials", "trials"),
    Column("new", "new"),
    Column("gpu_hours", "GPU-hours"),
    Column("note", "note", align="left", priority=2),
)

#: identity of a trial -> its estimated GPU-hours
Trials = dict[str, float | None]


@dataclass(frozen=True)
class SweepNeed:
    """What one of several sweeps needs.

    Attributes:
        file: the sweep.
        benchmark: its name.
        trials: identity -> GPU-hours, None where nothing is known.
        note: why it cannot be run now.
    """

    file: Path
    benchmark: str
    trials: Trials
    note: str = ""


def print_plans(files: Sequence[Path], console: Console) -> None:
    """Print the trials of several sweeps, those that earlier ones have already left out.

    Args:
        files: sweep files; searches count their planned points.
        console: takes the text.

    Raises:
        DirSweepError: a sweep is wrong; not: its benchmark is one of the papers' that is not
            available.
    """
    needs = [need_of(file) for file in files]
    console.print(rendered(plans_table(needs), console.width, styles=False))


def need_of(file: Path) -> SweepNeed:
    """Return what a sweep needs, also where its benchmark is not available.

    Raises:
        DirSweepError: the sweep is wrong in another way.
    """
    try:
        spec = load_sweep(file)
    except SpecError:
        raw = parse_yaml(file.read_text(encoding="utf-8"))
        name = _absent_benchmark(raw)
        if name is None:
            raise
        return SweepNeed(file, name, _trials_of_text(raw), "benchmark not available")
    validate(spec)
    benchmark, trials = spec.benchmark.to_dict(), Trials()
    for study in spec.studies:
        # what a trial starts from, such as the first stage of RRT, is a trial too
        chains = (chain_of(spec, point) for point in planned_points(spec, study))
        for point in (point for chain in chains for point in chain):
            hours = gpu_hours({**point.config.to_dict(), "benchmark": benchmark})
            for seed in spec.seeds_of(study):
                trials[make_trial(spec, point, seed, "").trial_id] = hours
    return SweepNeed(file, str(benchmark["name"]), trials)


def _absent_benchmark(raw: Any) -> str | None:
    found = raw.get("benchmark") if isinstance(raw, Mapping) else None
    name = found.get("name") if isinstance(found, Mapping) else found
    return name if name in BENCHMARKS and name not in names("benchmark") else None


def _trials_of_text(raw: Mapping[str, Any]) -> Trials:
    """Return the trials of listed points as the file writes them."""
    trials = Trials()
    for base, point, seeds in _listed(raw):
        flat = {
            **OFF,
            **flatten(base),
            **flatten(point),
            "benchmark.name": raw["benchmark"]["name"],
        }
        for seed in seeds:
            trials[canonical_json([flat, seed])] = gpu_hours(flat)
    return trials


def _listed(
    raw: Mapping[str, Any],
) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any], list[int]]]:
    for study in raw["studies"].values():
        base = {**flatten(raw["base"]), **flatten(study.get("base") or {})}
        seeds = study.get("seeds") or raw.get("seeds") or [0]
        for point in study.get("points") or [{}]:
            yield base, point, seeds


def plans_table(needs: Sequence[SweepNeed]) -> Table:
    """Return a table of several sweeps with a last row for all of them."""
    seen: Trials = {}
    rows = []
    for need in needs:
        new = {key: hours for key, hours in need.trials.items() if key not in seen}
        seen |= new
        rows.append(_row(need.file.name, need.benchmark, len(need.trials), new, need.note))
    total = sum(len(need.trials) for need in needs)
    rows.append(_row(plural(len(needs), "sweep"), "", total, seen, "", section="all"))
    untimed = sum(hours is None for hours in seen.values())
    notes = [
        Note("new: trials that no sweep above it has; equal trials are trained once"),
        Note(
            f"GPU-hours: of a {DEVICE}, from the papers' times of an epoch (ConR Table 5);"
            f" {plural(untimed, 'trial')} without a published time"
        ),
    ]
    return Table("plan of several sweeps", COLUMNS, tuple(rows), tuple(notes))


def _row(name: str, benchmark: str, num: int, new: Trials, note: str, section: str = "") -> Row:
    known = [hours for hours in new.values() if hours is not None]
    hours = f"{sum(known):,.0f}" if known else MISSING
    texts = (name, benchmark, f"{num:,}", f"{len(new):,}", hours, note)
    return Row(tuple(map(Cell, texts)), section=section)


__all__ = ["SweepNeed", "need_of", "plans_table", "print_plans"]
