"""ASCII stand-ins for the marks that consoles show, for terminals that cannot encode them."""

from __future__ import annotations

import unicodedata

#: mark -> what stands for it. One column wide where tables use it, so that columns stay aligned.
STAND_INS = {
    "★": "*",
    "◆": "+",
    "●": "o",
    "▲": "^",
    "▼": "v",
    "↑": "^",
    "↓": "v",
    "±": "~",
    "·": ".",
    "–": "-",
    "—": "-",
    "−": "-",
    "×": "x",
    "…": ".",
    "→": ">",
    "━": "-",
    "─": "-",
    "╸": "-",
    "╺": "-",
    "≤": "<=",
    "≥": ">=",
    "²": "^2",
    "³": "^3",
}


def stand_in(character: str) -> str:
    """Return ASCII text for a character: its stand-in, its letter without accents, or ``?``."""
    known = STAND_INS.get(character)
    if known is not None:
        return known
    letters = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return letters or "?"
