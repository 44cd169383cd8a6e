"""Matplotlib figures as small SVG elements of a page, in the colours of its theme."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

from dirsweep.report import figure_style as style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: colour -> the custom property of the page's theme that replaces it
THEMED = {
    style.INK: "--ink",
    style.GREY: "--muted",
    style.LIGHT: "--light",
    style.GRID: "--grid",
    "#FFFFFF": "--paper",
    style.BLUE: "--blue",
}
_PROPERTY = {color.lower(): f"var({name})" for color, name in THEMED.items()}
_TAG = re.compile(r"<[^>]*>")
_COLOR = re.compile("|".join(_PROPERTY), re.IGNORECASE)
_DECIMALS = re.compile(r"(\.\d\d)\d+")
_ID = re.compile(r'\s+id="([^"]*)"')
_REFERENCE = re.compile(r'(?:url\(#|href="#)([^)"]+)')


def inline_svg(figure: Figure, name: str) -> str:
    """Return the figure as an ``svg`` element; text stays text.

    Args:
        figure: the figure.
        name: unique in the page; ids inside the element are derived from it.
    """
    import matplotlib

    sink = io.StringIO()
    with matplotlib.rc_context(
        {"svg.fonttype": "none", "svg.hashsalt": name, "path.simplify_threshold": 0.3}
    ):
        figure.savefig(sink, format="svg", transparent=True, metadata={"Date": None})
    text = sink.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    needed = set(_REFERENCE.findall(text))
    text = _ID.sub(lambda found: found[0] if found[1] in needed else "", text)
    text = _TAG.sub(lambda found: _tag(found[0]), text)
    title = figure.get_suptitle().replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    text = re.sub(
        r'^<svg\s[^>]*viewBox="([^"]*)"[^>]*>',
        lambda found: _opening(found[1], title),
        text,
        count=1,
    )
    return re.sub(r">\s+<", "><", re.sub(r"</?g>", "", text) if "<g " not in text else text).strip()


def _opening(view: str, title: str) -> str:
    namespaces = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return f'<svg {namespaces} viewBox="{view}" role="img" aria-label="{title}">'


def _tag(tag: str) -> str:
    """Round numbers to hundredths of a point and replace colours by the theme's."""
    if tag.startswith("<image"):  # embedded pixels
        return tag
    return _COLOR.sub(lambda found: _PROPERTY[found[0].lower()], _DECIMALS.sub(r"\1", tag))
