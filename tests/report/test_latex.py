from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from dirsweep.report.formats import report_text
from dirsweep.report.latex import document
from dirsweep.report.latex_text import escape
from dirsweep.report.layout_tables import layout_table
from dirsweep.report.study_tables import study_table
from dirsweep.run.reader import Run, open_run
from tests.made_up_run import write_run

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


def test_a_study(run: Run) -> None:
    lines = study_table(run, "m").to_latex().splitlines()
    assert lines[0] == r"\begin{table*}[t]"
    assert r"\caption{m $\cdot$ made-up}" in lines
    assert r"\label{tab:m-made-up}" in lines
    at = lines.index(r"\toprule")
    assert lines[at - 1] == r"\begin{tabular}{@{}lrrrrrr@{}}"
    assert lines[at + 1] == (
        r" & \multicolumn{1}{c}{} & \multicolumn{1}{c}{val MAE} & \multicolumn{4}{c}{test MAE} \\"
    )
    assert lines[at + 2] == r"\cmidrule(lr){3-3}\cmidrule(lr){4-7}"
    assert lines[at + 3] == r"point & seeds & all & all & many & median & few \\"
    assert lines[at + 6] == (
        r"\textbf{ranksim.gamma=100, ranksim.lambda=2} & \textbf{2}"
        r" & \textbf{7.12\,{\scriptsize$\pm$\,0.17}}"
        r" & \textbf{7.37\,{\scriptsize$\pm$\,0.17}} & \textbf{6.63\,{\scriptsize$\pm$\,0.15}}"
        r" & \textbf{8.84\,{\scriptsize$\pm$\,0.20}} & \textbf{11.79\,{\scriptsize$\pm$\,0.27}} \\"
    )
    assert lines[at + 7].startswith(r"a=50\%\_\{x\} & 1 & 8.00 & 8.25 &")
    assert lines[at + 8] == r"\bottomrule"


def test_a_layout(run: Run) -> None:
    text = layout_table(run, "ranksim/2", published=True).to_latex()
    lines = text.splitlines()
    at = lines.index(r"\toprule")
    groups = r"\multicolumn{4}{c}{MAE $\downarrow$} & \multicolumn{4}{c}{GM $\downarrow$}"
    assert lines[at + 1] == rf" & {groups} \\"
    assert lines[at + 2] == r"\cmidrule(lr){2-5}\cmidrule(lr){6-9}"
    best = r"\underline{\textbf{7.37\,{\scriptsize$\pm$\,0.17}}} {\footnotesize(7.13)}"
    assert lines[at + 6].startswith(f"VANILLA + RANKSIM & {best} & ")
    # one below the titles, one between each two of four sections
    assert text.count(r"\midrule") == 4
    assert text.count(r"\begin{") == text.count(r"\end{")
    rows = [line for line in lines[at + 3 :] if line.endswith(r"\\")]
    assert {line.count("&") for line in rows} == {8}
    assert "32 rows have results" in text
    assert r"batch\_size" in text
    assert r"\texttt{dirsweep claims}" in text
    assert "Bold: best of its section; underlined: best of its column." in text


def test_synthetic_is_said(tmp_path: Path) -> None:
    write_run(tmp_path, {"s": [({}, [7.0])]}, synthetic=True)
    run = open_run(tmp_path)
    assert r"\caption{\textbf{SYNTHETIC DATA.} s" in report_text(run, "latex")
    assert r"\caption{\textbf{SYNTHETIC DATA.} " in layout_table(run, "ranksim/2").to_latex()


@pytest.mark.slow
def test_it_compiles(run: Run, tmp_path: Path) -> None:
    compiler = shutil.which("pdflatex") or shutil.which("tectonic")
    if compiler is None:
        pytest.skip("neither pdflatex nor tectonic is installed")
    layouts = [
        layout_table(run, name, published=published).to_latex()
        for name in ("ranksim/2", "ranksim/8", "ranksim/3", "conr/11")
        for published in (False, True)
    ]
    every = " ".join(chr(code) for code in range(1, 0x250)) + "±★·–…×≤≥→↑↓日"
    (tmp_path / "report.tex").write_text(
        document("\n".join([report_text(run, "latex"), *layouts, escape(every)])), encoding="utf-8"
    )
    options = (
        ["-interaction=nonstopmode", "-halt-on-error"] if compiler.endswith("pdflatex") else []
    )
    done = subprocess.run(
        [compiler, *options, "report.tex"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Overfull \\hbox" not in done.stdout
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")
