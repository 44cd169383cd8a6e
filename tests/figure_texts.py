"""The texts of a figure, for tests of plots."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.text import Text


def texts(figure: Figure) -> str:
    """Return every text of the figure, one per line."""
    return "\n".join(text.get_text() for text in figure.findobj(Text))
