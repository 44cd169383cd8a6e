"""Plain text as LaTeX."""

from __future__ import annotations

import re
import unicodedata

_COMMAND = re.compile("`([^`]*)`")
#: where a long name may be broken
_JOINTS = re.compile(r"\\_|[/.=:,+-](?=[A-Za-z])")

_ESCAPED = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    "±": r"$\pm$",
    # brackets and stars would be arguments of the end of the row before them
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",
    "`": r"\textasciigrave{}",
    "★": r"$\star$",
    "◆": r"$\diamond$",
    "▲": r"$\blacktriangle$",
    "▼": r"$\blacktriangledown$",
    "·": r"$\cdot$",
    "–": "--",
    "—": "---",
    "…": r"\ldots{}",
    "×": r"$\times$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "→": r"$\to$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "°": r"$^\circ$",
    "µ": r"$\mu$",
    "²": "$^2$",
    "ß": r"\ss{}",
    "\n": " ",
    "\t": " ",
}
_GREEK = {
    "α": "alpha",
    "β": "beta",
    "γ": "gamma",
    "δ": "delta",
    "ε": "epsilon",
    "η": "eta",
    "λ": "lambda",
    "μ": "mu",
    "σ": "sigma",
    "τ": "tau",
    "ω": "omega",
}
#: grave, acute, circumflex, tilde, macron, breve, dot, diaeresis, ring, double acute, caron,
#: cedilla
_ACCENTS = "\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u030b\u030c\u0327"


def escape(text: str) -> str:
    """Return text as LaTeX for any engine; characters outside the Latin script become ``?``."""
    return "".join(
        # two hyphens in a row would become a dash
        f"{'{}' * (before == character == '-')}{_character(character)}"
        for before, character in zip(f" {text}", text, strict=False)
    )


def breakable(text: str) -> str:
    """Return text as LaTeX that may also end a line within names such as ``a_b/c``."""
    return _JOINTS.sub(r"\g<0>\\allowbreak{}", escape(text))


def with_commands(text: str) -> str:
    """Return a sentence as LaTeX; commands in backquotes that it names become code."""
    parts = _COMMAND.split(text)
    return "".join(
        f"\\texttt{{{breakable(part)}}}" if number % 2 else breakable(part)
        for number, part in enumerate(parts)
    )


def _character(character: str) -> str:
    if character in _ESCAPED:
        return _ESCAPED[character]
    if character in _GREEK:
        return f"$\\{_GREEK[character]}$"
    if character.isascii():
        return character if character.isprintable() else ""
    # letters with an accent are kept, which \usepackage[utf8]{inputenc} and newer engines set;
    # others are not
    parts = unicodedata.normalize("NFD", character)
    known = len(parts) == 2 and parts[0].isascii() and parts[1] in _ACCENTS and character < "\u0180"
    return character if known else "?"
