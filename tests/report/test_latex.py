from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dirsweep.published import tables as published_tables
from dirsweep.report.formats import Report, report_text
from dirsweep.report.latex import document
from dirsweep.report.latex_text import escape
from dirsweep.report.layout_tables import layout_table
from dirsweep.report.study_tables import study_table
from dirsweep.report.table import Cell, Column, Mark, Note, Row, Table
from dirsweep.run.reader import Run, open_run
from tests.made_up_run import write_run
from tests.report.pdflatex import compiled

RANKSIM = {"regularizers.ranksim.gamma": 100.0, "regularizers.ranksim.lambda": 2.0}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    points: list[tuple[dict[str, Any], list[Any]]] = [
        ({}, [7.4, 7.6]),
        (RANKSIM, [7.0, 7.24]),
        ({"a": "50%_{x}"}, [8.0]),
    ]
    write_run(
        tmp_path,
        {"m": points, "odd & | ~ \\ β": [({"loss.name": "é"}, [7.0, "failed"])]},
        resolved=True,
    )
    return open_run(tmp_path)


def write_full_run(root: Path) -> Path:
    """Write a run with three seeds of each combination that RankSim Table 2 has."""
    techniques: dict[str, Any] = {
        "reweighting": {"name": "lds", "base": "sqinv"},
        "smoothing.name": "fds",
        **RANKSIM,
    }
    points = []
    for number in range(8):
        keys = [key for place, key in enumerate(techniques) if number >> min(place, 2) & 1]
        points.append(({key: techniques[key] for key in keys}, [7.0 + number, 7.5, 8.0]))
    write_run(root, {"m": points}, resolved=True)
    return root


def test_a_study(run: Run) -> None:
    lines = study_table(run, "m").to_latex().splitlines()
    assert lines[0] == r"% needs \usepackage{booktabs}, \usepackage{array}"
    assert lines[1].endswith("pt wide in Computer Modern")
    assert lines[2] == r"\begin{table*}[t]"
    assert r"\caption{m $\cdot$ made-\allowbreak{}up}" in lines
    assert r"\label{tab:m-made-up}" in lines
    at = lines.index(r"\toprule")
    assert lines[at - 3 : at] == [
        r"\scriptsize",
        r"\setlength{\tabcolsep}{3.5pt}",
        r"\begin{tabular*}{\textwidth}{@{\extracolsep{\fill}}"
        r">{\raggedright\arraybackslash}p{70pt}rrrrrr@{}}",
    ]
    assert lines[at + 1] == (
        r" & \multicolumn{1}{c}{} & \multicolumn{1}{c}{val MAE} & \multicolumn{4}{c}{test MAE} \\"
    )
    assert lines[at + 2] == r"\cmidrule(lr){3-3}\cmidrule(lr){4-7}"
    assert lines[at + 3] == r"point & seeds & all & all & many & median & few \\"
    # validation chose the row, and each of its numbers is the best of its column
    assert lines[at + 6] == (
        r"ranksim.\allowbreak{}gamma=100, ranksim.\allowbreak{}lambda=2 $\star$ & 2"
        r" & \textbf{7.12{\tiny$\pm$0.17}}"
        r" & \textbf{7.37{\tiny$\pm$0.17}} & \textbf{6.63{\tiny$\pm$0.15}}"
        r" & \textbf{8.84{\tiny$\pm$0.20}} & \textbf{11.79{\tiny$\pm$0.27}} \\"
    )
    assert lines[at + 7].startswith(r"a=50\%\_\allowbreak{}\{x\} & 1 & 8.00 & 8.25 &")
    assert lines[at + 8] == r"\bottomrule"
    legend = "$\\star$ chosen by validation: lowest val MAE (all); bold: best of its column."
    assert any(legend in line for line in lines)


def test_a_layout_is_split_where_it_is_too_wide(run: Run) -> None:
    text = layout_table(run, "ranksim/2", published=True).to_latex()
    lines = text.splitlines()
    first, second = (number for number, line in enumerate(lines) if line == r"\toprule")
    assert lines[first + 1] == r" & \multicolumn{4}{c}{MAE $\downarrow$} \\"
    assert lines[second + 1] == r" & \multicolumn{4}{c}{GM $\downarrow$} \\"
    assert lines[first + 2] == r"\cmidrule(lr){2-5}"
    assert "(1 of 2)}" in text
    assert r"\label{tab:ranksim-2-2}" in text
    best = r"\underline{\textbf{7.37{\tiny$\pm$0.17}}} {\tiny (7.13)}"
    assert lines[first + 6].startswith(rf"VANILLA + RANKSIM $\star$ & {best} & ")
    # in each part one below the titles, one between each two of four sections and the summary
    assert text.count(r"\midrule") == 10
    assert text.count(r"\begin{") == text.count(r"\end{")
    rows = [line for line in lines[first + 3 : second - 12] if line.endswith(r"\\")]
    assert {line.count("&") for line in rows} == {4}
    assert "32 rows have results" in text
    assert r"batch\_\allowbreak{}size" in text
    assert "Bold: best of its section; underlined: best of its column." in text


def test_signs_need_a_package() -> None:
    mark = frozenset({Mark.BETTER})
    columns = (Column("point", "point", align="left"), Column("a", "all", group="test MAE"))
    rows = (Row((Cell("base"), Cell("2.0"))), Row((Cell("lds"), Cell("1.0", marks=mark))))
    table = Table("t", columns, rows, (Note("better than base", Mark.BETTER),))
    lines = table.to_latex().splitlines()
    assert lines[0] == r"% needs \usepackage{booktabs}, \usepackage{amssymb}"
    assert r"lds & 1.0\raisebox{.2ex}{$^{\blacktriangle}$} \\" in lines
    assert any(r"$\blacktriangle$ better than base." in line for line in lines)
    assert r"\begin{table}[t]" in lines, "it fits into one of two columns"
    assert r"\begin{tabular}{@{}lr@{}}" in lines


def test_synthetic_is_said(tmp_path: Path) -> None:
    write_run(tmp_path, {"s": [({}, [7.0])]}, synthetic=True)
    run = open_run(tmp_path)
    assert r"\caption{\textbf{SYNTHETIC DATA.} s" in report_text(Report(run), "latex")
    assert r"\caption{\textbf{SYNTHETIC DATA.} " in layout_table(run, "ranksim/2").to_latex()


@pytest.mark.slow
@pytest.mark.parametrize("options", ["10pt", "10pt,twocolumn", "11pt,twocolumn", "12pt"])
def test_it_compiles_and_fits(run: Run, tmp_path: Path, options: str) -> None:
    layouts = [
        layout_table(run, name, published=published).to_latex()
        for name in ("ranksim/2", "ranksim/8", "ranksim/3", "conr/11")
        for published in (False, True)
    ]
    every = " ".join(chr(code) for code in range(1, 0x250)) + "±★·–…×≤≥→↑↓日"
    tables = [report_text(Report(run), "latex"), *layouts]
    source = document("\\clearpage\n".join([*tables, escape(every)]), options)
    assert "Overfull" not in compiled(source, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("options", ["10pt", "10pt,twocolumn"])
def test_every_layout_fits(tmp_path: Path, options: str) -> None:
    root = write_full_run(tmp_path / "run")
    tables = [
        layout_table(open_run(root), f"{item.paper}/{item.table}", published=True).to_latex()
        for item in published_tables()
    ]
    source = document("\\clearpage\n".join(tables), options)
    assert "Overfull" not in compiled(source, tmp_path)
