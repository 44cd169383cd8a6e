"""``--set key=value``: one value of a sweep file, changed from the command line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dirsweep.config.error_text import errors_under, section_model, yaml_fields
from dirsweep.config.model import Overrides, PlainData
from dirsweep.config.overrides import is_replacement, normalize_base, with_overrides
from dirsweep.config.study import DESIGNS
from dirsweep.config.sweep import SweepSpec
from dirsweep.config.trial import TrialConfig
from dirsweep.config.trial_keys import check_key
from dirsweep.config.yaml_text import REPLACE, parse_yaml
from dirsweep.errors import SpecError, did_you_mean


@dataclass(frozen=True)
class Setting:
    """One ``--set key=value``; ``key`` counts from the file's root."""

    text: str
    key: str
    value: Any

    @property
    def source(self) -> str:
        """How a message names it."""
        return f"--set {self.text}"

    @classmethod
    def parse(cls, text: str) -> Setting:
        """Read ``key=value``.

        Raises:
            SpecError: no ``=``, a value that is no YAML, or a key that no sweep has.
        """
        key, equals, value = text.partition("=")
        key = key.strip()
        source = f"--set {text}"
        if not equals or not key:
            raise SpecError("expected key=value, such as base.epochs=3", source=source)
        try:
            return cls(text, _full_key(key), parse_yaml(value))
        except SpecError as error:
            raise error.at(source) from None

    def apply(self, raw: Any) -> Any:
        """Apply the setting to the file's data, which stays as it is.

        Raises:
            SpecError: the key does not exist in this file.
        """
        if not isinstance(raw, Mapping):
            return raw  # reported when the sweep is checked
        head, _, rest = self.key.partition(".")
        if not rest and head != "base":
            mergeable = head not in ("name", "seeds", "studies")
            shorthand_key = _shorthand_key(head)
            value = _merged(raw.get(head), self.value, shorthand_key) if mergeable else self.value
            return {**raw, head: value}
        if head == "base":
            return {**raw, "base": self._in_base(raw.get("base"), rest)}
        if head == "studies":
            return {**raw, "studies": self._in_studies(raw.get("studies"), rest)}
        if head == "seeds":
            what = "is a list; set it as a whole: seeds=[0, 1]"
            raise SpecError(what, key=self.key, source=self.source)
        return {**raw, head: self._in_section(head, raw.get(head), rest)}

    def _in_base(self, base: Any, rest: str) -> Any:
        if not rest and (is_replacement(self.value) or not isinstance(self.value, Mapping)):
            return self.value[REPLACE] if isinstance(self.value, Mapping) else self.value
        with errors_under("base"):
            normalized = normalize_base(base or {})
        try:
            return with_overrides(normalized, {rest: self.value} if rest else self.value)
        except SpecError as error:
            raise error.at(self.source, "base") from None

    def _in_section(self, head: str, section: Any, rest: str) -> PlainData:
        """Set one key of ``benchmark``, ``objective``, ``scheduler``, ``resources``, ..."""
        if head == "name" or not isinstance(section, str | Mapping | None):
            what = f"has no keys below it; set it as a whole: {head}=..."
            raise SpecError(what, key=head, source=self.source)
        return _with_key(section, rest, self.value, _shorthand_key(head))

    def _in_studies(self, studies: Any, path: str) -> PlainData:
        name, _, rest = path.partition(".")
        if not isinstance(studies, Mapping):
            studies = {}
        if rest and name not in studies:
            hint = did_you_mean(name, studies)
            raise SpecError(f"no such study; {hint}", key=f"studies.{name}", source=self.source)
        if not rest and self.value is None:
            return {key: study for key, study in studies.items() if key != name}
        try:
            study = _in_study(studies[name], rest, self.value) if rest else self.value
        except SpecError as error:
            raise error.at(self.source, f"studies.{name}") from None
        return {**studies, name: study}

    def caused(self, error: SpecError) -> bool:
        """Return whether an error in the file is about the value that this setting set."""
        return not error.source and (error.key == self.key or error.key.startswith(f"{self.key}."))


def _full_key(key: str) -> str:
    """Prefix a key of the base by ``base.``, and check it."""
    head = key.split(".")[0]
    if head not in yaml_fields(SweepSpec):
        if head not in TrialConfig.model_fields:
            _refuse(key)
        key = f"base.{key}"
    if key.startswith("base."):
        check_key(key.removeprefix("base."))
    return key


def _refuse(key: str) -> None:
    """Raise the error for a key that neither a sweep nor a trial has."""
    known = {*yaml_fields(SweepSpec), *TrialConfig.model_fields}
    try:
        check_key(key)
    except SpecError as error:
        hint = did_you_mean(key.split(".")[0], known)
        below = re.search(r"did you mean '[^']*\.[^']*'\?", error.what)  # optimizer.lr for lr
        if below:
            hint = f"{below[0]} (known: {', '.join(sorted(known))})"
        raise SpecError(f"unknown key; {hint}", key=key) from None


def _shorthand_key(section: str) -> str:
    """Return the key that a bare text sets in a section of the file."""
    field = SweepSpec.model_fields[section]
    model = section_model(field.annotation, field.metadata)
    return getattr(model, "shorthand_key", "") or "name"


def _merged(section: Any, value: Any, shorthand_key: str = "name") -> Any:
    """Merge a mapping into a section of the file; another name replaces the section.

    Args:
        section: what the file says.
        value: what the setting says; ``!replace`` and everything but a mapping replaces.
        shorthand_key: the key that a bare text sets.
    """
    if is_replacement(value):
        return value[REPLACE]
    present = {shorthand_key: section} if isinstance(section, str) else section
    if not isinstance(value, Mapping) or not isinstance(present, Mapping):
        return value
    if value.get("name", present.get("name")) != present.get("name"):
        return value
    return {**present, **{key: _merged(present.get(key), item) for key, item in value.items()}}


def _with_key(section: Any, key: str, value: Any, shorthand_key: str = "name") -> PlainData:
    """Set one key, or a key of a section below, of a section that may be written as a bare text."""
    present = {shorthand_key: section} if isinstance(section, str) else dict(section or {})
    head, _, rest = key.partition(".")
    if rest and isinstance(present.get(head), Mapping | None):
        return {**present, head: _with_key(present.get(head), rest, value, shorthand_key="")}
    if key == "name" and present.get("name") != value:
        return {"name": value}  # the other parameters belong to the former choice
    return {**present, key: value}


def _in_study(study: Any, path: str, value: Any) -> PlainData:
    """Set a path inside a study, where the keys below a design are dotted themselves."""
    head, _, rest = path.partition(".")
    inside = dict(study) if isinstance(study, Mapping) else {}
    if not rest:
        mergeable = head in ("base", "sampler", "scheduler", "racing")
        inside[head] = _merged(inside.get(head), value) if mergeable else value
    elif head in (*DESIGNS, "base") and not isinstance(inside.get(head), list):
        inside[head] = _with_dotted_key(inside.get(head) or {}, rest, value)
    elif head in ("sampler", "scheduler", "racing"):
        inside[head] = _with_key(inside.get(head), rest, value)
    else:
        raise SpecError(f"'{head}' has no keys below it; set it as a whole", key=path)
    return inside


def _with_dotted_key(entries: Mapping[str, Any], path: str, value: Any) -> Overrides:
    """Set a dotted key, or the range of one: ``regularizers.conr.beta.log_uniform``."""
    for key, entry in entries.items():
        below = path.removeprefix(f"{key}.")
        if below != path and isinstance(entry, Mapping) and below.isidentifier():
            return {**entries, key: {**entry, below: value}}
    return {**entries, path: value}
