from __future__ import annotations

from pathlib import Path

import pytest

from dirsweep.errors import StoreError
from dirsweep.report.published_tables import list_table, show_tables


def test_the_list() -> None:
    table = list_table()
    assert len(table.rows) == 12 + 19
    names = [cell.text for cell in table.column("name")]
    assert (names[9], names[-1]) == ("ranksim/10", "conr/19")
    assert table.column("num_cells")[9].value == 252


def test_a_table_as_printed() -> None:
    (table,) = show_tables("ranksim/10")
    (row,) = (r for r in table.rows if r.section == "gamma" and "gamma=100," in r.cells[1].text)
    assert [cell.text for cell in row.cells[2:6]] == ["6.91", "6.34", "7.79", "9.89"]
    assert [column.heading for column in table.columns[2:4]] == ["MAE all", "MAE many"]
    wide = table.to_text(200)
    assert wide.count("section") == 1
    narrow = table.to_text(80)
    assert narrow.count("section") == 3, "MAE, GM and MSE do not fit side by side"
    assert "…" not in narrow


def test_what_there_is_not(tmp_path: Path) -> None:
    for name, message in (
        ("ranksim", "no table number; write one of.*ranksim/12"),
        ("ranksim/13", "no published table 13"),
        ("ranksm/1", "did you mean 'ranksim'"),
        ("ranksm", "did you mean 'ranksim'"),
        ("ranksim/x", "'x' is not a table number"),
    ):
        with pytest.raises(StoreError, match=message):
            show_tables(name)
    file = tmp_path / "mine.csv"
    file.write_text(
        "paper,table,row,benchmark,metric,region,value\nmine,1,a,agedb-dir,mae,all,7.10\n"
    )
    (table,) = show_tables("mine/1", [file])
    assert "7.10" in table.to_text(80)
    assert len(list_table([file]).rows) == 32
