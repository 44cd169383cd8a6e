"""A small table that uses everything a renderer must draw, for the renderers' tests."""

from __future__ import annotations

from dirsweep.report.table import ON_REQUEST, Cell, Column, Mark, Note, Row, Table, number_cell


def study() -> Table:
    """Return two points with deviations, an interval, a chosen row and a further metric."""
    columns = (
        Column("point", "point", align="left"),
        Column("val_mae_all", "all", group="val MAE", measured=True),
        Column("test_mae_all", "all", group="test MAE", measured=True, priority=1),
        Column("test_mae_few", "few", group="test MAE", measured=True, priority=2),
        Column("test_mse_all", "all", group="test MSE", measured=True, priority=ON_REQUEST),
    )
    base = (
        Cell("base | a"),
        number_cell(7.0, 2, deviation=0.25, num_seeds=3),
        number_cell(7.25, 2, deviation=0.125, num_seeds=3, interval=(7.0, 7.5)),
        number_cell(None, 2),
        number_cell(84.1, 1, num_seeds=1),
    )
    other = (
        Cell("lds"),
        number_cell(6.5, 2, deviation=0.25, num_seeds=3),
        number_cell(6.75, 2, num_seeds=1),
        number_cell(12.0, 2, num_seeds=1),
        number_cell(73.0, 1, num_seeds=1),
    )
    return Table(
        title="s · run",
        columns=columns,
        rows=(Row(base), Row(other, marks=frozenset({Mark.CHOSEN}))),
        notes=(
            Note("best by val MAE (all), lower is better", Mark.CHOSEN),
            Note("failed: base, seed 1: no memory", error=True),
        ),
        synthetic=True,
    )


def layout() -> Table:
    """Return two sections with published numbers, best marks and a footnote."""
    best, section = Mark.BEST_OF_COLUMN, Mark.BEST_OF_SECTION
    columns = (
        Column("row", "", align="left"),
        Column("mae_all", "all", group="MAE", direction="minimize", measured=True),
        Column("mae_few", "few", group="MAE", direction="minimize", measured=True),
        Column(
            "pearson_all", "all", group="pearson", unit="%", direction="maximize", measured=True
        ),
    )
    first = (
        Cell("VANILLA"),
        Cell("7.02", 7.02, deviation=0.2, num_seeds=2, published="7.20"),
        Cell(published="9.10"),
        Cell(),
    )
    second = (
        Cell("VANILLA + LDS"),
        Cell("6.90", 6.9, num_seeds=1, published="7.00", marks=frozenset({section, best})),
        Cell("9.00", 9.0, num_seeds=1),
        Cell(),
    )
    third = (
        Cell("SQINV"),
        Cell("7.10", 7.1, num_seeds=1, marks=frozenset({section})),
        Cell(),
        Cell(),
    )
    return Table(
        title="a table · run",
        columns=columns,
        rows=(
            Row(first, section="VANILLA"),
            Row(second, section="VANILLA", footnote="a"),
            Row(third, section="SQINV"),
        ),
        notes=(
            Note("3 of 4 rows have results"),
            Note("best of its section", section),
            Note("best of its column", best),
            Note("differs in epochs, see `dirsweep plan`", footnote="a"),
        ),
        name="ranksim/2",
        show_sections=True,
        split_by_group=True,
    )
