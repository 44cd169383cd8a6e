from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.console import Console

from dirsweep.report.console import plain_text, print_tables, rendered
from dirsweep.report.console_layout import layouts_for
from dirsweep.report.table import Cell, Column, Row, Table
from tests.report import small_table


def test_everything_where_there_is_space() -> None:
    assert plain_text(small_table.study(), 100).splitlines() == [
        "s · run  SYNTHETIC DATA",
        "                   val MAE                   test MAE           test MSE",
        "    point              all                        all     few        all",
        "────────────────────────────────────────────────────────────────────────",
        "    base | a   7.00 ± 0.25   7.25 ± 0.12 [7.00, 7.50]       –       84.1",
        "★   lds        6.50 ± 0.25                       6.75   12.00       73.0",
        "★ best by val MAE (all), lower is better",
        "failed: base, seed 1: no memory",
    ]


def test_the_least_important_columns_are_hidden_first() -> None:
    text = plain_text(small_table.study(), 64)
    assert "test MSE" not in text
    assert "12.00" in text
    assert text.splitlines()[-1] == "1 column hidden (terminal too narrow)"
    assert "6.50 ± 0.25" in text
    compact = plain_text(small_table.study(), 56)
    assert "6.50±0.25" in compact
    assert "12.00" in compact
    narrow = plain_text(small_table.study(), 30)
    assert [line.split() for line in narrow.splitlines()[1:7]] == [
        ["val", "test"],
        ["MAE", "MAE"],
        ["point", "all", "all", "few"],
        ["─" * 30],
        ["base", "|", "a", "7.00", "7.25", "–"],
        ["★", "lds", "6.50", "6.75", "12.00"],
    ]
    assert "1 column hidden" in narrow
    assert "standard deviations and intervals hidden" in " ".join(narrow.split())


@pytest.mark.parametrize("width", [24, 40, 60, 80, 100, 160])
def test_numbers_are_never_cut(width: int) -> None:
    table = small_table.study()
    (layout,) = layouts_for(table, width)
    text = plain_text(table, width)
    for place in layout.places:
        if table.columns[place].align == "right":
            assert all(row.cells[place].text in text for row in table.rows)
    assert "…" not in text
    assert all(cell_len(line) <= width for line in text.splitlines())


def test_groups_below_each_other() -> None:
    table = small_table.layout()
    assert plain_text(table, 100).splitlines() == [
        "ranksim/2 · a table · run",
        "                                MAE ↓            pearson (%) ↑",
        "                                  all      few             all",
        "──────────────────────────────────────────────────────────────",
        "VANILLA            7.02 ± 0.20 (7.20)   (9.10)",
        "VANILLA + LDS a          6.90 (7.00)◆     9.00",
        "",
        "SQINV                            7.10",
        "3 of 4 rows have results",
        "◆: best of its column",
        "a: differs in epochs, see `dirsweep plan`",
    ]
    assert "pearson" not in plain_text(table, 50), "a group without results is left out"
    assert "hidden" not in plain_text(table, 50)
    first, *others = table.rows
    measured = replace(first, cells=(*first.cells[:3], Cell("61.6", 61.6)))
    lines = plain_text(replace(table, rows=(measured, *others)), 50).splitlines()
    assert [line.split() for line in lines if "↓" in line or "↑" in line] == [
        ["MAE", "↓"],
        ["pearson", "(%)", "↑"],
    ]
    assert sum(line.startswith("VANILLA + LDS a") for line in lines) == 2


def test_deviations_go_before_groups_are_split() -> None:
    text = plain_text(small_table.layout(), 46)
    assert "7.02 ± 0.20" in text
    assert "7.02 (7.20)" in plain_text(small_table.layout(), 36)


def test_columns_that_all_rows_share_become_a_note() -> None:
    columns = (
        Column("configuration", "configuration", align="left", blank_repeats=True),
        Column("seeds", "seeds", shared_note="{} seeds in A/B"),
        Column("remarks", "remarks", align="left", shared_note="{}"),
    )
    rows = tuple(Row((Cell("base"), Cell("3/3"), Cell(""))) for _ in range(2))
    table = Table("t", columns, rows)
    lines = plain_text(table, 80).splitlines()
    assert lines == ["t", "configuration", "─────────────", "base", "", "3/3 seeds in A/B"]
    differing = replace(table, rows=(rows[0], Row((Cell("base"), Cell("2/3"), Cell("")))))
    assert "2/3" in plain_text(differing, 80)
    assert "seeds in A/B" not in plain_text(differing, 80)


def test_styles() -> None:
    console = Console(width=100, file=io.StringIO(), force_terminal=True, color_system="standard")
    with console.capture() as captured:
        console.print(rendered(small_table.study(), 100))
        console.print(rendered(small_table.layout(), 100))
    lines = captured.get().splitlines()
    chosen = next(line for line in lines if "lds" in line)
    assert "\x1b[1mlds" not in chosen, "the chosen row is starred, not bold"
    assert "\x1b[33m★" in chosen, "yellow"
    failure = next(line for line in lines if "failed" in line)
    assert failure.startswith("\x1b[31m"), "red"
    best = next(line for line in lines if "6.90" in line)
    assert "\x1b[1m" in best


def test_tables_have_a_blank_line_before_them() -> None:
    console = Console(width=60, file=io.StringIO(), color_system=None)
    with console.capture() as captured:
        print_tables(console, [small_table.study(), small_table.study()])
    lines = [line.rstrip() for line in captured.get().splitlines()]
    assert lines.count("") == 3
    assert lines[0] == ""
    assert lines[-1] == ""
