"""Names under which a report shows points, techniques and studies, read from a file.

The file maps what the report would print to what it shall print::

    base: Vanilla
    lds: LDS                  # wherever a label names it: "LDS + FDS", "reweighting=LDS"
    ranksim.gamma: γ          # a parameter: "γ=100"
    lds + fds: Yang et al.    # a whole label

Names are plain text; each format escapes what it must.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dirsweep.config.yaml_text import parse_yaml
from dirsweep.errors import SpecError, did_you_mean
from dirsweep.run.storage import local_file

#: between the parts of a label
_SEPARATOR = re.compile(r"( \+ |, |: )")


@dataclass(frozen=True)
class Names:
    """Display names.

    Attributes:
        shown: label, part of a label, or study -> text.
        source: the file; empty for none.
    """

    shown: Mapping[str, str] = field(default_factory=dict)
    source: str = ""

    def of(self, label: str) -> str:
        """Return the name of a point, a row of a published table, or a study.

        A whole label comes first, then its parts: a technique, ``key=value``, a key or a part of
        it, a value.
        """
        if label in self.shown:
            return self.shown[label]
        return "".join(self._part(part) for part in _SEPARATOR.split(label))

    def require_used(self, labels: Iterable[str]) -> None:
        """Refuse a file with a name that no label uses.

        Raises:
            SpecError: such a name.
        """
        known = {word for label in labels for word in _words(label)}
        for name in self.shown:
            if name not in known:
                what = f"no point, technique or study has this name; {did_you_mean(name, known)}"
                raise SpecError(what, key=name, source=self.source)

    def _part(self, part: str) -> str:
        if part in self.shown:
            return self.shown[part]
        key, equals, value = part.partition("=")
        return f"{self._key(key)}{equals}{self.shown.get(value, value)}"

    def _key(self, key: str) -> str:
        if key in self.shown:
            return self.shown[key]
        return ".".join(self.shown.get(word, word) for word in key.split("."))


def _words(label: str) -> set[str]:
    """Return everything in a label that can be given a name."""
    parts = _SEPARATOR.split(label)[::2]
    pairs = [part.partition("=") for part in parts]
    words = {label, *parts, *(key for key, _, _ in pairs), *(value for _, _, value in pairs)}
    words |= {word for key, _, _ in pairs for word in key.split(".")}
    return words - {""}


def read_names(file: Path) -> Names:
    """Read display names from a YAML file.

    Raises:
        SpecError: absent, not readable, or not a mapping of names to texts.
    """
    return Names(_names(_content(file), str(file)), str(file))


def _content(file: Path) -> Any:
    found = local_file(file).read()
    if found is None:
        raise SpecError("no such file", source=str(file))
    try:
        return parse_yaml(found.decode())
    except UnicodeDecodeError:
        raise SpecError("not UTF-8 text", source=str(file)) from None
    except SpecError as error:
        raise error.at(str(file)) from None


def _names(content: Any, source: str) -> dict[str, str]:
    if not isinstance(content, Mapping):
        raise SpecError("expected a mapping such as 'lds: LDS'", source=source)
    for name, text in content.items():
        if not isinstance(text, str | int | float) or isinstance(text, bool) or text == "":
            raise SpecError(f"expected a text, got {text!r}", key=str(name), source=source)
    return {str(name): str(text) for name, text in content.items()}
