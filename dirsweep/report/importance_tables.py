"""Which parameters matter, alone and together, as tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dirsweep.analysis.importance import (
    NUM_SHUFFLES,
    Importance,
    ImportanceBasis,
    importance_basis,
    importances,
)
from dirsweep.analysis.interactions import interactions
from dirsweep.analysis.main_effects import MainEffect, main_effects
from dirsweep.analysis.multiple_testing import ALPHA
from dirsweep.domain import metric_of, plural
from dirsweep.report.number_format import MISSING, decimals, finite
from dirsweep.report.statistics_text import digits, p_words
from dirsweep.report.table import Cell, Column, Note, Row, Table, number_cell
from dirsweep.run.reader import Run

_BASES = {"grid": "over all combinations", "forest": "by a random forest"}

_YES_OR_NO = {True: "yes", False: "no"}


def importance_table(run: Run, study: str) -> Table | None:
    """Return the importance of each parameter and a test of its effect; None without any."""
    found = importances(run, study)
    if not found:
        return None
    columns = (
        Column("key", "parameter", align="left"),
        Column("num_points", "points", hint="points that have the parameter"),
        Column("ped_anova", "PED-ANOVA"),
        Column("fanova", "fANOVA"),
        Column("p", "p", hint="chance of so strong an effect; corrected"),
        Column("matters", "beyond chance"),
    )
    return Table(
        "Parameter importance",
        columns,
        tuple(_importance(item) for item in found),
        tuple(_importance_notes(found, importance_basis(run, study))),
        synthetic=run.synthetic,
        collapsed=True,
    )


def _importance(item: Importance) -> Row:
    return Row(
        (
            Cell(item.key),
            Cell(str(item.num_points), item.num_points),
            _share(item.ped_anova),
            _share(item.fanova),
            Cell(MISSING) if item.p is None else Cell(_p(item.p), item.p),
            Cell(MISSING) if item.p is None else Cell(_YES_OR_NO[item.matters], item.matters),
        )
    )


def _importance_notes(found: Sequence[Importance], basis: ImportanceBasis) -> Iterator[Note]:
    yield Note(
        "fANOVA: share of the objective's variance; PED-ANOVA: share of what decides whether a"
        " point is among the best"
    )
    points = plural(basis.num_points, "point")
    if basis.num_points < basis.num_proposed:
        points = f"{basis.num_points} of {plural(basis.num_proposed, 'point')}, the complete ones"
    yield Note(f"from {points}, with {plural(basis.num_trials, 'trial')}")
    if len({item.num_points for item in found}) > 1:
        yield Note("a parameter that some points lack is judged among the others alone")
    yield Note(
        "p: chance of an effect as strong where no parameter has one, by ranks, from"
        f" {NUM_SHUFFLES:,} shuffles of the points; below {ALPHA:g} the effect is beyond chance"
    )
    if len(found) > 1:
        yield Note(
            "each parameter is tested by itself: of those that are set together, the test cannot "
            "tell which acts"
        )
    if len(found) == 1:
        yield Note("a single parameter has the whole share, whatever it does")
    elif not any(item.matters for item in found):
        yield Note("no parameter has an effect beyond chance")
    for key, reason in basis.left_out.items():
        yield Note(f"{key} is left out: {reason}")


def main_effects_table(run: Run, study: str) -> Table | None:
    """Return the mean of the objective over all points with a value; None without any."""
    found = main_effects(run, study)
    if not found:
        return None
    metric, region = found[0].interval.metric, found[0].interval.region
    columns = (
        Column("key", "parameter", align="left"),
        Column("value", "value", align="left"),
        Column("num_points", "points"),
        Column(f"val_{metric}_{region}", region, group=f"val {metric_of(metric).title}"),
    )
    note = Note(
        "mean over all points with the value, whatever else they change;"
        " in square brackets: 95 % intervals"
    )
    rows = tuple(_main_effect(item) for item in found)
    return Table("Main effects", columns, rows, (note,), synthetic=run.synthetic, collapsed=True)


def interactions_table(run: Run, study: str) -> Table | None:
    """Return what pairs of parameters explain beyond each of them; None without any."""
    found = interactions(run, study)
    if not found:
        return None
    columns = (Column("keys", "parameters", align="left"), Column("share", "share"))
    rows = tuple(Row((Cell(" × ".join(item.keys)), _share(item.share))) for item in found)
    note = Note(
        "share of the objective's variance that two parameters explain together beyond their main"
        f" effects, {_BASES[found[0].basis]}; {plural(found[0].num_points, 'point')}"
    )
    return Table("Interactions", columns, rows, (note,), synthetic=run.synthetic, collapsed=True)


def _p(p: float) -> str:
    return p_words(p).removeprefix("p ").removeprefix("= ")


def _share(share: float | None) -> Cell:
    return Cell(MISSING) if share is None else Cell(f"{share:.0%}", finite(share))


def _main_effect(item: MainEffect) -> Row:
    low, high = item.interval.low, item.interval.high
    mean = item.interval.mean
    places = decimals([mean]) if low is None or high is None else digits(low, high)
    return Row(
        (
            Cell(item.key),
            Cell(item.level),
            Cell(str(len(item.points)), len(item.points)),
            number_cell(mean, places, interval=(low, high)),
        )
    )
