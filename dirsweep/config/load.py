"""A sweep file -> ``SweepSpec``: read, override, expand, check."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dirsweep import registry
from dirsweep.config import preview as previews
from dirsweep.config.error_text import validate_model
from dirsweep.config.overrides import check_key, normalize_base, with_overrides
from dirsweep.config.parse import ROOT_KEYS, parse_sweep
from dirsweep.config.sweep import DESIGNS, SweepSpec
from dirsweep.config.trial import TrialConfig
from dirsweep.config.yaml_text import parse_yaml
from dirsweep.errors import SpecError, did_you_mean

#: what stands in for a sweep's own data and backbone under ``--synthetic``
SYNTHETIC_BENCHMARK = "synthetic-agedb"
SYNTHETIC_BACKBONE = "small_cnn"


def load_sweep(
    path: str | Path,
    overrides: Sequence[str] = (),
    *,
    synthetic: bool = False,
    preview: bool = False,
) -> SweepSpec:
    """Load a sweep file.

    Args:
        path: of the YAML file.
        overrides: ``key=value`` texts of ``--set``. The key counts from the file's root
            (``base.epochs``, ``seeds``, ``studies.gamma.seeds``); a key of the base may leave out
            ``base.``. The value is YAML. A study or scheduler set to null is left out.
        synthetic: replace the benchmark by drawn faces and the backbone by a small one; overrides
            come after.
        preview: thin every study to a few points, one seed, few epochs; what overrides say stays.
    Returns: a frozen spec. ``dirsweep.config.expand.validate`` then checks every point of it.
    Raises: SpecError: one line with file, dotted key, what is wrong and what would be right.
    """
    source = str(path)
    settings = [Setting.parse(text) for text in overrides]
    try:
        raw = parse_yaml(_read(Path(path)))
        if synthetic and isinstance(raw, Mapping):
            raw = _with_synthetic(raw)
        for setting in settings:
            raw = setting.apply(raw)
        name = Path(path).stem
        spec = parse_sweep(raw, source=source, default_name=name)
        if preview:
            told = {setting.key for setting in settings}
            spec = parse_sweep(
                previews.thin(spec.to_dict(), told), source=source, default_name=name
            )
        return spec
    except SpecError as error:
        for setting in settings:
            if setting.caused(error):
                raise error.at(setting.source) from None
        raise error.at(source) from None


def _read(path: Path) -> str:
    if path.is_dir():
        raise SpecError("is a folder; a sweep is a YAML file")
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise SpecError(f"no such file{_similar(path)}") from None
    except UnicodeDecodeError as error:
        raise SpecError(f"is not UTF-8 text (byte {error.start})") from None
    except OSError as error:
        raise SpecError(f"cannot be read: {error.strerror}") from None


def _similar(path: Path) -> str:
    """``; did you mean 'sweeps/quickstart.yaml'?``, looking beside the path and in ``sweeps``."""
    folders = [folder for folder in dict.fromkeys((path.parent, Path("sweeps"))) if folder.is_dir()]
    files = {file.stem: file for folder in folders for file in sorted(folder.glob("*.y*ml"))}
    close = difflib.get_close_matches(path.stem, files, n=1, cutoff=0.5)
    return f"; did you mean '{files[close[0]]}'?" if close else ""


def _with_synthetic(raw: Mapping[str, Any]) -> dict[str, Any]:
    replaced = dict(raw)
    given = raw.get("benchmark")
    name = given.get("name") if isinstance(given, Mapping) else given
    known = isinstance(name, str) and name in registry.names("benchmark")
    if known and getattr(registry.config_class("benchmark", str(name)), "synthetic", False):
        return replaced  # it is synthetic as it stands
    replaced["benchmark"] = {"name": SYNTHETIC_BENCHMARK}
    if known and isinstance(given, Mapping) and given.get("zero_shot") is not None:
        replaced["benchmark"]["zero_shot"] = _scaled_ranges(str(name), given["zero_shot"])
    if isinstance(raw.get("base"), Mapping):
        replaced["base"] = {**raw["base"], "backbone": {"name": SYNTHETIC_BACKBONE}}
    return replaced


def _scaled_ranges(benchmark: str, ranges: Any) -> Any:
    """Label ranges of ``zero_shot`` at the same place among the drawn faces' ages, in whole
    years.
    """
    from_, to = (
        getattr(registry.config_class("benchmark", name), "label_range", None)
        for name in (benchmark, SYNTHETIC_BENCHMARK)
    )
    if from_ is None or to is None or from_ == to:
        return ranges
    # what is wrong with a range is said in its own unit
    try:
        own = validate_model(
            registry.config_class("benchmark", benchmark), {"zero_shot": ranges}
        ).to_dict()["zero_shot"]
    except SpecError as error:
        raise error.at(prefix="benchmark") from None
    stretch = (to[1] - to[0]) / (from_[1] - from_[0])
    ends = [[round(to[0] + (end - from_[0]) * stretch) for end in span] for span in own]
    return [[low, max(high, low + 1)] for low, high in ends]


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
        """Raises: SpecError: no ``=``, a value that is no YAML, a key that neither the file nor the
        base can have.
        """
        key, equals, value = text.partition("=")
        key = key.strip()
        source = f"--set {text}"
        if not equals or not key:
            raise SpecError("expected key=value, such as base.epochs=3", source=source)
        try:
            parsed = parse_yaml(value)
            head = key.split(".")[0]
            if head not in ROOT_KEYS:
                if head not in TrialConfig.model_fields:
                    _refuse(key)
                key = f"base.{key}"
            if key.startswith("base."):
                check_key(key.removeprefix("base."))
        except SpecError as error:
            raise error.at(source) from None
        return cls(text, key, parsed)

    def apply(self, raw: Any) -> Any:
        """The file's data with this setting put in; the original stays as it is."""
        if not isinstance(raw, Mapping):
            return raw  # parse_sweep says what is wrong with it
        head, _, rest = self.key.partition(".")
        replaced = dict(raw)
        if not rest:
            replaced[head] = self.value
        elif head == "base":
            try:
                base = normalize_base(raw.get("base") or {})
            except SpecError as error:
                raise error.at(prefix="base") from None
            try:
                replaced["base"] = with_overrides(base, {rest: self.value})
            except SpecError as error:
                raise error.at(self.source, "base") from None
        elif head == "studies":
            replaced["studies"] = self._in_studies(raw.get("studies"), rest)
        elif head == "seeds":
            raise SpecError(
                "is a list, set it as a whole: seeds=[0, 1]", key=self.key, source=self.source
            )
        else:
            replaced[head] = self._in_section(raw.get(head), rest)
        return replaced

    def _in_section(self, section: Any, rest: str) -> dict[str, Any]:
        """One key of ``benchmark``, ``objective``, ``scheduler`` or ``resources``."""
        head = self.key.partition(".")[0]
        if head == "name" or not isinstance(section, str | Mapping | None):
            raise SpecError(
                f"has no keys below it; set it as a whole: {head}=...", key=head, source=self.source
            )
        bare = "metric" if head == "objective" else "name"
        named = {bare: section} if isinstance(section, str) else dict(section or {})
        if rest == "name" and named.get("name") != self.value:
            return {"name": self.value}  # the other parameters belong to the former choice
        return {**named, rest: self.value}

    def _in_studies(self, studies: Any, path: str) -> dict[str, Any]:
        name, _, rest = path.partition(".")
        if not isinstance(studies, Mapping):
            studies = {}
        if rest and name not in studies:
            hint = did_you_mean(name, studies)
            raise SpecError(f"no such study; {hint}", key=f"studies.{name}", source=self.source)
        if not rest and self.value is None:
            return {key: study for key, study in studies.items() if key != name}
        try:
            study = _put(studies[name], rest, self.value) if rest else self.value
        except SpecError as error:
            raise error.at(self.source, f"studies.{name}") from None
        return {**studies, name: study}

    def caused(self, error: SpecError) -> bool:
        """Whether an error in the file lies at what this setting put there."""
        return not error.source and (error.key == self.key or error.key.startswith(f"{self.key}."))


def _put(study: Any, path: str, value: Any) -> Any:
    """Set a path inside a study, where the keys below a design are dotted themselves."""
    head, _, rest = path.partition(".")
    inside = dict(study) if isinstance(study, Mapping) else {}
    if not rest:
        inside[head] = value
    elif head in (*DESIGNS, "base") and not isinstance(inside.get(head), list):
        inside[head] = _put_dotted(inside.get(head) or {}, rest, value)
    elif head in ("sampler", "scheduler", "racing"):
        present = inside.get(head)
        named = {"name": present} if isinstance(present, str) else dict(present or {})
        inside[head] = (
            {"name": value}
            if rest == "name" and named.get("name") != value
            else {**named, rest: value}
        )
    else:
        raise SpecError(f"'{head}' has no keys below it; set it as a whole", key=path)
    return inside


def _put_dotted(entries: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    """``regularizers.conr.beta.log_uniform`` changes the range of an entry that exists, else the
    path is a key.
    """
    for key, entry in entries.items():
        if (
            path.startswith(f"{key}.")
            and isinstance(entry, Mapping)
            and path.removeprefix(f"{key}.").isidentifier()
        ):
            return {**entries, key: {**entry, path.removeprefix(f"{key}."): value}}
    return {**entries, path: value}


def _refuse(key: str) -> None:
    try:
        check_key(key)
    except SpecError as error:
        below = re.search(r"did you mean '[^']*\.[^']*'\?", error.what)  # optimizer.lr for lr
        hint = f"{below[0]} " if below else ""
        known = {*ROOT_KEYS, *TrialConfig.model_fields}
        listed = f"(known: {', '.join(sorted(known))})"
        what = (
            f"unknown key; {hint}{listed}"
            if below
            else f"unknown key; {did_you_mean(key.split('.')[0], known)}"
        )
        raise SpecError(what, key=key) from None
