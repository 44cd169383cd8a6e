"""Rows of the published tables."""

from __future__ import annotations

import pytest

from dirsweep.errors import StoreError
from dirsweep.published.reader import cells
from dirsweep.published.rows import find_row, rows_of, table_rows


def test_a_row_states_what_its_cells_state() -> None:
    row = find_row("ranksim/3", "vanilla + ranksim")
    assert (row.row, row.benchmark, row.trained_by) == ("VANILLA + RANKSIM", "sts-b-dir", "ranksim")
    assert row.settings["regularizers.ranksim.gamma"] == 3e-4
    assert row.settings["batch_size"] == 16
    assert find_row("ranksim/3", "VANILLA").trained_by == "yang"


def test_rows_stand_in_the_order_of_their_table_and_once() -> None:
    rows = table_rows("ranksim/3")
    assert [row.row for row in rows[:2]] == ["VANILLA", "VANILLA + RANKSIM"]
    assert len(rows) == len({row.row for row in rows}) == 32
    of_table = [cell for cell in cells() if (cell["paper"], cell["table"]) == ("ranksim", 3)]
    assert tuple(rows_of(of_table)) == rows


def test_unknown_rows() -> None:
    with pytest.raises(StoreError, match=r"ranksim/3: no row 'FOCALR' .*did you mean 'FOCAL-R'"):
        find_row("ranksim/3", "FOCALR")
    with pytest.raises(StoreError, match="not on benchmark 'agedb'; did you mean 'agedb-dir'"):
        find_row("ranksim/4", "HUBER", "agedb")
