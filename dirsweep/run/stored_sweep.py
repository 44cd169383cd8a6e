"""Loading of the sweep that a run keeps; ``run.manifest`` gives its facts without building it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePath

from dirsweep.config.compatibility import differences, refused_changes
from dirsweep.config.expand import make_point, planned_points
from dirsweep.config.load import sweep_from_data
from dirsweep.config.sweep import SweepSpec
from dirsweep.config.trial import canonical_json
from dirsweep.config.yaml_text import parse_yaml
from dirsweep.errors import SpecError, StoreError
from dirsweep.run.files import StoredFile
from dirsweep.run.folder import RunPaths
from dirsweep.run.ledger import read_state
from dirsweep.run.state import RunState, StudyPoint


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
        return sweep_from_data(parse_yaml(text), source=str(file), default_name=name, stored=True)
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
    stored = load_stored_sweep(paths.spec)
    refused = refused_changes(stored, spec)
    if refused:
        raise StoreError(
            f"{paths.root}: made from another version of the sweep ({'; '.join(refused)}); undo "
            "that or choose another folder with --out"
        )
    state = read_state(paths.ledger)
    for study in stored.studies:
        for point in _points_to_check(stored, state, study):
            _require_same_meaning(stored, state, point, paths)


def _points_to_check(stored: SweepSpec, state: RunState, study: str) -> Iterator[StudyPoint]:
    """Yield the points with results whose meaning a build may change.

    A planned point that the file writes in other words is found by its configuration. Proposed
    points without a mapping among their values all have the meaning of the first one.
    """
    written = {canonical_json(point.overrides) for point in planned_points(stored, study)}
    first = True
    for point in state.points_of(study):
        if not any(trial_id in state.ends for trial_id in point.trial_ids):
            continue
        if point.sampler is None:
            if canonical_json(dict(point.overrides)) in written:
                yield point
            continue
        if first or any(isinstance(value, Mapping) for value in point.overrides.values()):
            yield point
        first = False


def _require_same_meaning(
    stored: SweepSpec, state: RunState, point: StudyPoint, paths: RunPaths
) -> None:
    """Refuse a point that an earlier build trained with another configuration."""
    if point.config is None:
        return
    try:
        config = make_point(stored, point.study, point.index, point.overrides).config.to_dict()
    except SpecError:
        return  # reported where the point is planned
    changed = differences(point.config, config)
    if changed:
        name = f"{point.study}: {state.label(point.study, point.index)}"
        raise StoreError(
            f"{paths.root}: '{name}' was trained by an earlier build, which read it otherwise "
            f"({'; '.join(changed)}); write it in {paths.spec} as it was trained, or choose "
            "another folder with --out"
        )
