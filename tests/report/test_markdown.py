from __future__ import annotations

from dirsweep.report.markdown import encodable
from tests.report import small_table


def test_a_study() -> None:
    assert small_table.study().to_markdown().splitlines() == [
        "### s · run (SYNTHETIC DATA)",
        "",
        "| point | val MAE all | test MAE all | test MAE few | test MSE all |",
        "| :--- | ---: | ---: | ---: | ---: |",
        "| base \\| a | 7.00 ± 0.25 | 7.25 ± 0.12 [7.00, 7.50] | – | 84.1 |",
        "| lds ★ | 6.50 ± 0.25 | 6.75 | 12.00 | 73.0 |",
        "",
        "★ best by val MAE (all), lower is better  ",
        "failed: base, seed 1: no memory  ",
    ]


def test_sections_published_numbers_and_marks() -> None:
    assert small_table.layout().to_markdown().splitlines() == [
        "### ranksim/2 · a table · run",
        "",
        "|  | MAE ↓ all | MAE ↓ few | pearson (%) ↑ all |",
        "| :--- | ---: | ---: | ---: |",
        "| *VANILLA* |  |  |  |",
        "| VANILLA | 7.02 ± 0.20 (7.20) | (9.10) |  |",
        "| VANILLA + LDS<sup>a</sup> | **6.90** ◆ (7.00) | 9.00 |  |",
        "| *SQINV* |  |  |  |",
        "| SQINV | **7.10** |  |  |",
        "",
        "3 of 4 rows have results  ",
        "bold: best of its section; ◆: best of its column  ",
        "a: differs in epochs, see `dirsweep plan`  ",
    ]


def test_an_ascii_mark_begins_no_list() -> None:
    text = small_table.study().to_markdown()
    lines = encodable(text, "ascii").splitlines()
    assert lines[-2] == r"\* best by val MAE (all), lower is better  "
    assert "| lds ★ |" in lines[-4], "whoever writes it replaces the mark"
    assert encodable(text, "utf-8") == text
    assert encodable("▲ better  \n- a", "ascii") == "▲ better  \n- a"
