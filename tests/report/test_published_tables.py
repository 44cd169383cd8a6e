from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from dirsweep.errors import StoreError
from dirsweep.report.published_tables import list_table, show_tables


def text_of(tables: list[Table], width: int) -> str:
    console = Console(width=width)
    with console.capture() as captured:
        for table in tables:
            console.print(table)
    return captured.get()


def test_the_list() -> None:
    table = list_table()
    assert table.row_count == 12 + 19
    shown = text_of([table], 200)
    assert "ranksim/10" in shown
    assert "conr/19" in shown


def test_a_table_as_printed() -> None:
    wide = show_tables("ranksim/10", 200)
    assert len(wide) == 1
    shown = text_of(wide, 200)
    row = next(line for line in shown.splitlines() if "gamma=100, lambda=2" in line)
    assert row.split()[-12:-8] == ["6.91", "6.34", "7.79", "9.89"]
    narrow = show_tables("ranksim/10", 80)
    assert len(narrow) == 3  # MAE, GM and MSE do not fit side by side
    assert "…" not in text_of(narrow, 80)


def test_what_there_is_not(tmp_path: Path) -> None:
    for name, message in (
        ("ranksim", "which table.*ranksim/12"),
        ("ranksim/13", "no published table 13"),
        ("ranksm/1", "did you mean 'ranksim'"),
        ("ranksm", "did you mean 'ranksim'"),
        ("ranksim/x", "no table number"),
    ):
        with pytest.raises(StoreError, match=message):
            show_tables(name)
    file = tmp_path / "mine.csv"
    file.write_text(
        "paper,table,row,benchmark,metric,region,value\nmine,1,a,agedb-dir,mae,all,7.10\n"
    )
    assert "7.10" in text_of(show_tables("mine/1", 80, [file]), 80)
    assert list_table([file]).row_count == 32
