from __future__ import annotations

from dataclasses import replace

from dirsweep.report.html.fragment import fragment
from dirsweep.report.table import Cell, Note, Row
from tests.report import small_table


def test_a_table_with_its_own_style() -> None:
    text = fragment(small_table.study())
    assert text.strip().startswith('<div class="dirsweep-table">')
    assert text.count("<table") == 1
    assert "<style>" in text
    assert '<span class="synthetic">SYNTHETIC DATA</span>' in text
    assert '<td data-v="7.25">7.25 ± 0.12<small>[7.00, 7.50]</small></td>' in text
    assert '<p class="note">★ best by val MAE (all), lower is better</p>' in text
    assert "<script" not in text
    layout = fragment(small_table.layout())
    assert "SYNTHETIC" not in layout
    assert "VANILLA + LDS<sup>a</sup>" in layout
    assert "see <code>dirsweep plan</code>" in layout


def test_texts_are_escaped() -> None:
    note = Note("`<i>` & more")
    table = replace(small_table.study(), title="a & <b>", notes=(note,))
    row = Row((Cell("<script>alert(1)</script>"), *table.rows[0].cells[1:]))
    text = fragment(replace(table, rows=(row,)))
    assert "<script>" not in text
    assert "a &amp; &lt;b&gt;" in text
    assert "<code>&lt;i&gt;</code> &amp; more" in text
