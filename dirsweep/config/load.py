"""Loading of a sweep file: read, swap in synthetic data, apply settings, check, thin."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dirsweep.config import preview as previews
from dirsweep.config.error_text import validate_model
from dirsweep.config.settings import Setting
from dirsweep.config.sweep import SweepContext, SweepSpec
from dirsweep.config.synthetic import with_synthetic_data
from dirsweep.config.yaml_text import parse_yaml
from dirsweep.errors import SpecError


def load_sweep(
    path: str | Path,
    overrides: Sequence[str] = (),
    *,
    synthetic: bool = False,
    preview: bool = False,
) -> SweepSpec:
    """Load a sweep file.

    ``dirsweep.config.expand.validate`` then checks every point of it.

    Args:
        path: of the YAML file.
        overrides: ``key=value`` texts of ``--set``. The key counts from the file's root
            (``base.epochs``, ``seeds``, ``studies.gamma.seeds``); a key of the base may leave out
            ``base.``. The value is YAML. A study or scheduler set to null is removed.
        synthetic: replace the benchmark by drawn faces and the backbone by a small one; overrides
            are applied afterwards.
        preview: thin every study to a few points, one seed and few epochs, except for what
            overrides set.

    Returns:
        A frozen sweep.

    Raises:
        SpecError: one line with file, dotted key, what is wrong and what would be right.
    """
    source = str(path)
    settings = [Setting.parse(text) for text in overrides]
    try:
        raw = parse_yaml(_read(Path(path)))
        if synthetic and isinstance(raw, Mapping):
            raw = with_synthetic_data(raw)
        for setting in settings:
            raw = setting.apply(raw)
        name = Path(path).stem
        spec = sweep_from_data(raw, source=source, default_name=name)
        if not preview:
            return spec
        thinned = previews.thin(spec.to_dict(), {setting.key for setting in settings})
        return sweep_from_data(thinned, source=source, default_name=name)
    except SpecError as error:
        for setting in settings:
            if setting.caused(error):
                raise error.at(setting.source) from None
        raise error.at(source) from None


def sweep_from_data(
    raw: Any, *, source: str = "", default_name: str = "sweep", stored: bool = False
) -> SweepSpec:
    """Check the plain data of a sweep file.

    Args:
        raw: what YAML gave.
        source: the file, for messages of later checks.
        default_name: the sweep's name where the file gives none.
        stored: whether a run keeps it, see ``SweepContext``.

    Raises:
        SpecError: the first thing wrong; without the file.
    """
    if isinstance(raw, Mapping) and raw and raw.get("name") is None:
        raw = {**raw, "name": default_name}
    return validate_model(SweepSpec, raw, SweepContext(source, stored))


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
    """Return ``; did you mean 'sweeps/quickstart.yaml'?``: beside the path or in ``sweeps``."""
    folders = [folder for folder in dict.fromkeys((path.parent, Path("sweeps"))) if folder.is_dir()]
    files = {file.stem: file for folder in folders for file in sorted(folder.glob("*.y*ml"))}
    close = difflib.get_close_matches(path.stem, files, n=1, cutoff=0.5)
    return f"; did you mean '{files[close[0]]}'?" if close else ""
