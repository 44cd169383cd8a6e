from __future__ import annotations

from dirsweep.report.latex_text import escape


def test_escape() -> None:
    assert escape("a_b & 5% {x} #1 ~^\\") == (
        r"a\_b \& 5\% \{x\} \#1 \textasciitilde{}\textasciicircum{}\textbackslash{}"
    )
    assert escape("7.02 ± 0.20 ★ … γ é 日\n") == r"7.02 $\pm$ 0.20 $\star$ \ldots{} $\gamma$ é ? "
    assert escape("\x07") == ""
