"""Loading of the sweep that a run keeps; ``run.manifest`` gives its facts without building it."""

from __future__ import annotations

from pathlib import PurePath

from dirsweep.config.compatibility import refused_changes
from dirsweep.config.load import sweep_from_data
from dirsweep.config.sweep import SweepSpec
from dirsweep.config.yaml_text import parse_yaml
from dirsweep.errors import SpecError, StoreError
from dirsweep.run.files import StoredFile
from dirsweep.run.folder import RunPaths


def load_stored_sweep(file: StoredFile) -> SweepSpec:
    """Load a sweep from a run's ``spec.yaml`` or ``confirm.yaml``.

    Args:
        file: the sweep file.

    Returns:
        The sweep, with the file as its source.

    Raises:
        SpecError: the file is absent or not a valid sweep, such as one of a newer build.
        StoreError: the file cannot be read.
    """
    try:
        text = file.text()
        if text is None:
            raise SpecError("no such file, or not UTF-8 text")
        name = PurePath(file.name).stem
        return sweep_from_data(parse_yaml(text), source=str(file), default_name=name)
    except SpecError as error:
        raise error.at(str(file)) from None


def require_extension(spec: SweepSpec, paths: RunPaths) -> None:
    """Check that a sweep can go on in a folder: it is new, or the sweep extends the one kept there.

    Args:
        spec: the sweep.
        paths: the run's files.

    Raises:
        StoreError: it was made from a sweep that this one does not extend.
        SpecError: the sweep kept there cannot be read.
    """
    if not paths.spec.exists():
        return
    refused = refused_changes(load_stored_sweep(paths.spec), spec)
    if refused:
        raise StoreError(
            f"{paths.root}: made from another version of the sweep ({'; '.join(refused)}); undo "
            "that or choose another folder with --out"
        )
