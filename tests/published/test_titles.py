"""Titles of the papers' tables."""

from __future__ import annotations

from dirsweep.published import published
from dirsweep.published.titles import TITLES, title_of


def test_every_published_table_has_a_title() -> None:
    cells = published().to_pylist()
    assert {(cell["paper"], cell["table"]) for cell in cells} == set(TITLES)
    assert len(set(TITLES.values())) == len(TITLES)


def test_a_table_that_a_user_added_is_called_by_its_number() -> None:
    assert title_of("ranksim", 10) == "Sensitivity to gamma and lambda on AgeDB-DIR"
    assert title_of("vir", 1) == "Table 1 of vir"
