"""YAML text as plain data and back, without YAML 1.1's traps.

``1e-4`` is a number; ``on``, ``yes`` and ``010`` are what YAML 1.2 says they are (text, text, ten);
a duplicate key is an error; ``!replace`` is the only tag; and ``${VAR:-default}`` expands in every
value (``$${`` is a plain ``${``).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from dirsweep.config.model import PlainData
from dirsweep.errors import SpecError

_NULL = {"", "~", "null", "Null", "NULL"}
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]+")
_RADIX = re.compile(r"0x[0-9a-fA-F]+|0o[0-7]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_VARIABLE = re.compile(
    r"(?P<escape>\$\$\{)|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}"
)
#: the tag of a mapping that replaces a section instead of being merged into it; read as the mapping
#: ``{"!replace": ...}``
REPLACE = "!replace"
_PLAIN_TAGS = {"tag:yaml.org,2002:str", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"}


def plain_scalar(text: str) -> Any:
    """Read an unquoted YAML 1.2 scalar: null, true or false, a number, or text."""
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _INT.fullmatch(text):
        return int(text)
    if _RADIX.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _SPECIAL.fullmatch(text):
        return float(text.replace(".", "", 1))
    return text


def parse_yaml(text: str, environment: Mapping[str, str] | None = None) -> Any:
    """Read one YAML document.

    Args:
        text: the document.
        environment: where ``${VAR}`` looks; ``os.environ`` by default.

    Returns:
        Plain data; None for an empty document.

    Raises:
        SpecError: wrong syntax (with line and column), a duplicate key (with its line), an
            undefined variable, or a tag.
    """
    try:
        node = yaml.compose(text, Loader=yaml.BaseLoader)
    except yaml.YAMLError as error:
        raise SpecError(_syntax_error(error, text)) from None
    if node is None:
        return None
    return _Reader(os.environ if environment is None else environment).read(node, ())


def _syntax_error(error: yaml.YAMLError, text: str) -> str:
    if not isinstance(error, yaml.MarkedYAMLError):
        return f"not valid YAML: {' '.join(str(error).split())}"
    mark = error.problem_mark or error.context_mark
    lines = text.splitlines()
    place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    line = lines[mark.line] if mark and mark.line < len(lines) else ""
    hint = " (indent with spaces, not tabs)" if "'\\t'" in str(error.problem) else ""
    if re.search(r"[\[{,]\s*\$\{", line):
        hint = " (put quotes around ${...})"
    return f"{place}not valid YAML: {error.problem or error.context}{hint}"


class _Reader:
    """Walks the node tree with the dotted key of each node, so that every error can name it."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = environment
        # the nodes being read: an alias to one of them would never end
        self.open: list[yaml.Node] = []

    def read(self, node: yaml.Node, path: tuple[str, ...]) -> Any:
        line = node.start_mark.line + 1
        if node.tag == REPLACE:
            return {REPLACE: self._replacement(node, path)}
        if node.tag not in _PLAIN_TAGS:
            what = f"the tag '{node.tag}' (line {line}) is not supported"
            raise SpecError(what, key=".".join(path))
        if any(node is other for other in self.open):
            raise SpecError(f"an alias (line {line}) contains itself", key=".".join(path))
        self.open.append(node)
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, path)
            if isinstance(node, yaml.SequenceNode):
                return [
                    self.read(item, (*path, str(index))) for index, item in enumerate(node.value)
                ]
            assert isinstance(node, yaml.ScalarNode)
            return self._scalar(node, path)
        finally:
            self.open.pop()

    def _replacement(self, node: yaml.Node, path: tuple[str, ...]) -> PlainData:
        if not isinstance(node, yaml.MappingNode):
            what = f"'{REPLACE}' (line {node.start_mark.line + 1}) needs a mapping of settings"
            raise SpecError(what, key=".".join(path))
        return self._mapping(node, path)

    def _mapping(self, node: yaml.MappingNode, path: tuple[str, ...]) -> PlainData:
        merged: PlainData = {}
        own: PlainData = {}
        lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise SpecError(f"a key (line {line}) must be text", key=".".join(path))
            key = str(key_node.value)
            if key in lines:
                what = f"duplicate key (line {line}, first on line {lines[key]})"
                raise SpecError(what, key=".".join((*path, key)))
            lines[key] = line
            value = self.read(value_node, (*path, key))
            if key != "<<" or key_node.style is not None:
                own[key] = value
                continue
            for part in value if isinstance(value, list) else [value]:
                if not isinstance(part, dict):
                    raise SpecError(f"'<<' (line {line}) merges mappings only", key=".".join(path))
                merged = {**part, **merged}  # the first of several wins, as YAML says
        return {**merged, **own}

    def _scalar(self, node: yaml.ScalarNode, path: tuple[str, ...]) -> Any:
        text = self._expand(str(node.value), path)
        return plain_scalar(text) if node.style is None else text

    def _expand(self, text: str, path: tuple[str, ...]) -> str:
        def value_of(match: re.Match[str]) -> str:
            if match["escape"]:
                return "${"
            # as in a shell, ':-' also stands in for a variable that is set to nothing
            value = self.environment.get(match["name"])
            if match["default"] is not None:
                return value or str(match["default"])
            if value is None:
                name = match["name"]
                fix = f"set it or give a default: ${{{name}:-...}}"
                what = f"the environment variable {name} is not set; {fix}"
                raise SpecError(what, key=".".join(path))
            return value

        return _VARIABLE.sub(value_of, text)


class _Dumper(yaml.SafeDumper):
    """Quotes what ``parse_yaml`` would not read back as the same text; writes aliases out."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    safe = text.replace("${", "$${")
    # what is not printable (line breaks of Unicode, too) survives only where it is escaped
    quote = None if text.isprintable() and isinstance(plain_scalar(text), str) else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", safe, style=quote)


def _represent_sequence(
    dumper: yaml.SafeDumper, values: list[Any] | tuple[Any, ...]
) -> yaml.SequenceNode:
    # a list of numbers or names on one line; a list of points one below the other
    flat = not any(isinstance(value, dict) for value in values)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", values, flow_style=flat)


_Dumper.add_representer(str, _represent_text)
_Dumper.add_representer(list, _represent_sequence)
_Dumper.add_representer(tuple, _represent_sequence)


def dump_yaml(data: Any) -> str:
    """Write plain data as text that ``parse_yaml`` reads back as equal data, keys in order."""
    return str(yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120))


def flow_yaml(data: Any) -> str:
    """Write plain data on one line that ``parse_yaml`` reads back: ``{name: adam, lr: 0.001}``."""
    text = yaml.dump(
        data,
        Dumper=_Dumper,
        default_flow_style=True,
        sort_keys=False,
        allow_unicode=True,
        width=100_000,
    )
    return text.removesuffix("\n...\n").strip()


def name_of(path: Path) -> str | None:
    """Return the name in a sweep file without checking the file; None where none is found."""
    try:
        found = re.search(
            r"^name:\s*[\"']?([\w.-]+)", path.read_text(encoding="utf-8-sig"), re.MULTILINE
        )
    except (OSError, UnicodeDecodeError):
        return None
    return found[1] if found else None
