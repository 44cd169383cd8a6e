"""A run's studies in an Optuna storage, for optuna-dashboard and Optuna's own tools."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial

from dirsweep.config.labels import label_of
from dirsweep.config.overrides import MISSING, value_at, with_overrides
from dirsweep.config.sweep import SweepSpec
from dirsweep.config.trial import TrialSpec
from dirsweep.errors import StoreError
from dirsweep.policy.optuna_study import frozen_trial, known_parameters, params_of
from dirsweep.policy.samplers import choice_key, distribution_of, optuna_value
from dirsweep.policy.tracked_trial import TrackedTrial, mean_of
from dirsweep.policy.verdict import Judge
from dirsweep.run.events import SamplerState, Warmed
from dirsweep.run.folder import RunPaths, TrialFolder
from dirsweep.run.ledger import read_state
from dirsweep.run.manifest import require_file
from dirsweep.run.results import StudyResults, base_of
from dirsweep.run.state import RunState, StudyPoint
from dirsweep.run.stored_sweep import load_stored_sweep

#: user attribute of a study that says that an export wrote it
MARK = "dirsweep_run"


@dataclass(frozen=True)
class _Point:
    """A point with the trials of the study's own seeds."""

    point: StudyPoint
    label: str
    trials: list[TrackedTrial]


@dataclass(frozen=True)
class _WaitingPoint:
    """A point that has not ended: its parameters and user attributes."""

    params: dict[str, Any]
    attributes: dict[str, Any]


def export_studies(root: Path, storage: str) -> list[str]:
    """Write every study of a run into an Optuna storage, as ``<run>/<study>``.

    An earlier export of the run is replaced.

    A point is one of Optuna's trials: complete, pruned or failed as its own trials are, waiting
    while one has not ended. Values are means over the study's seeds; seed by seed they are user
    attributes.

    Args:
        root: the run's folder.
        storage: an SQLAlchemy URL such as ``sqlite:///studies.db``.

    Returns:
        The names of the studies.

    Raises:
        StoreError: not the folder of a run; no such storage; a study of that name that no export
            wrote.
    """
    paths = RunPaths(root)
    for file in (paths.ledger, paths.spec):
        require_file(paths, file)
    spec, state = load_stored_sweep(paths.spec), read_state(paths.ledger)
    opened = _open(storage)
    names = []
    for study in spec.studies:
        name = f"{root.resolve().name}/{study}"
        trials = list(_trials(spec, study, state, paths))
        target = _new_study(opened, name, storage, [o.direction for o in spec.objectives_of(study)])
        target.set_user_attr(MARK, str(root.resolve().name))
        target.set_metric_names([objective.name for objective in spec.objectives_of(study)])
        for trial in trials:
            if isinstance(trial, FrozenTrial):
                target.add_trial(trial)
            else:
                target.enqueue_trial(trial.params, user_attrs=trial.attributes)
        names.append(name)
    return names


def _open(storage: str) -> optuna.storages.BaseStorage:
    try:
        return optuna.storages.RDBStorage(storage)
    except Exception as error:  # whatever SQLAlchemy and its drivers raise
        reason = " ".join(str(error).splitlines()[0].split())
        raise StoreError(
            f"--storage {storage}: cannot be opened: {reason} (such as sqlite:///studies.db)"
        ) from error


def _new_study(
    opened: optuna.storages.BaseStorage, name: str, storage: str, directions: Sequence[str]
) -> optuna.Study:
    if name in optuna.get_all_study_names(opened):
        if MARK not in optuna.load_study(study_name=name, storage=opened).user_attrs:
            raise StoreError(
                f"--storage {storage}: has a study '{name}' that no export wrote; take another "
                "storage"
            )
        optuna.delete_study(study_name=name, storage=opened)
    return optuna.create_study(study_name=name, storage=opened, directions=list(directions))


def _trials(
    spec: SweepSpec, study: str, state: RunState, paths: RunPaths
) -> Iterator[FrozenTrial | _WaitingPoint]:
    """Iterate over Optuna's trials of one study."""
    judge = Judge(spec, study)
    points = _points(spec, study, state, paths)
    results = StudyResults.of_state(state, study, judge.goals, base_of(spec, study), {})
    base = next((p.trials for p in points if p.point.index == results.base_index), [])
    for (warmed_study, _), warmed in state.warm_starts.items():
        if warmed_study == study:
            yield from _known(spec, study, judge, warmed, mean_of(base))
    varied = _varied(spec, study, points)
    for point in points:
        sampler = point.point.sampler
        if sampler is not None:
            params, distributions = _sampled(spec, study, point.point, sampler)
        else:
            params, distributions = _params(spec, study, point.point.overrides, varied)
        attributes = _attributes(judge, point)
        result = judge.verdict(point.trials, base)
        if result is None:
            yield _WaitingPoint(params, attributes)
            continue
        yield _with_times(frozen_trial(params, distributions, result, {}, attributes), point.trials)


def _sampled(
    spec: SweepSpec, study: str, point: StudyPoint, sampler: SamplerState
) -> tuple[dict[str, Any], dict[str, BaseDistribution]]:
    """Return the parameters of a point that a sampler knew.

    Of a point that a changed space does not hold any more, those that still lie in their range.
    """
    space = spec.studies[study].space
    assert space is not None
    known = known_parameters(space, sampler, point.overrides, point.config)
    if known is not None:
        return dict(known.params), dict(known.distributions)
    ranges = {entry.key: entry.range for entry in space.entries}
    kept = {
        key: value
        for key, value in point.overrides.items()
        if key in ranges and ranges[key].contains(value)
    }
    return (
        {key: optuna_value(ranges[key], value) for key, value in kept.items()},
        {key: distribution_of(ranges[key]) for key in kept},
    )


def _points(spec: SweepSpec, study: str, state: RunState, paths: RunPaths) -> list[_Point]:
    points = []
    for point in sorted(state.points_of(study), key=lambda point: point.index):
        own = [seed for seed in spec.seeds_of(study) if seed in point.trials]
        trials = [_tracked(paths, point.trials[seed], seed) for seed in own]
        points.append(_Point(point, state.label(study, point.index), trials))
    return points


def _tracked(paths: RunPaths, trial_id: str, seed: int) -> TrackedTrial:
    """Return a trial with its outcome and its epochs; its configuration does not matter here."""
    folder, trial = (
        TrialFolder(paths.trial(trial_id)),
        TrackedTrial(TrialSpec(trial_id, seed, {}, {})),
    )
    outcome = folder.outcome()
    if outcome is not None:
        trial.end_earlier(outcome, folder.read_epochs())
    return trial


def _known(
    spec: SweepSpec, study: str, judge: Judge, warmed: Warmed, base: Mapping[str, float]
) -> Iterator[FrozenTrial]:
    space = spec.studies[study].space
    for point in warmed.points if space is not None else ():
        assert space is not None
        params = params_of(space, point.overrides)
        if params is not None:
            yield frozen_trial(
                {key: value for key, (value, _) in params.items()},
                {key: distribution_of(found) for key, (_, found) in params.items()},
                judge.complete(point.metrics, base),
                {},
                {
                    "label": label_of(point.overrides),
                    "seeds": list(point.seeds),
                    "from": warmed.run,
                },
            )


def _attributes(judge: Judge, point: _Point) -> dict[str, Any]:
    found: dict[str, Any] = {
        "label": point.label,
        "point": point.point.index,
        "seeds": [trial.spec.seed for trial in point.trials],
        "trial_ids": [trial.trial_id for trial in point.trials],
        "statuses": [trial.status for trial in point.trials],
    }
    for objective in judge.goals.objectives:
        values = [
            None if trial.outcome is None else trial.outcome.metrics.get(objective.column)
            for trial in point.trials
        ]
        found[f"{objective.column}_by_seed"] = values
    return {**found, **mean_of(point.trials)}


def _with_times(frozen: FrozenTrial, trials: Sequence[TrackedTrial]) -> FrozenTrial:
    """Set when the point began and ended; Optuna keeps local times without a zone."""
    outcomes = [trial.outcome for trial in trials if trial.outcome is not None]
    began = [datetime.fromisoformat(o.started_at) for o in outcomes if o.started_at]
    ended = [datetime.fromisoformat(o.ended_at) for o in outcomes if o.ended_at]
    if began and ended:
        frozen.datetime_start = min(began).astimezone().replace(tzinfo=None)
        frozen.datetime_complete = max(*ended, *began).astimezone().replace(tzinfo=None)
    return frozen


# ---- parameters of points that no sampler proposed


def _varied(spec: SweepSpec, study: str, points: Sequence[_Point]) -> dict[str, BaseDistribution]:
    """Return a distribution for each key that planned points vary; it holds all their values."""
    keys = dict.fromkeys(
        key for point in points if point.point.sampler is None for key in point.point.overrides
    )
    found = {}
    for key in keys:
        values = [_value(spec, study, point.point.overrides, key) for point in points]
        values = [value for value in values if value is not MISSING]
        kinds = {type(value) for value in values}
        if kinds == {int}:
            found[key] = IntDistribution(min(values), max(values))
        elif kinds <= {int, float}:
            found[key] = FloatDistribution(min(values), max(values))
        else:
            found[key] = CategoricalDistribution(list(dict.fromkeys(map(choice_key, values))))
    return found


def _value(spec: SweepSpec, study: str, overrides: Mapping[str, Any], key: str) -> Any:
    if key in overrides:
        return overrides[key]
    return value_at(with_overrides(spec.base_of(study), overrides), key)


def _params(
    spec: SweepSpec,
    study: str,
    overrides: Mapping[str, Any],
    varied: Mapping[str, BaseDistribution],
) -> tuple[dict[str, Any], dict[str, BaseDistribution]]:
    params = {key: _value(spec, study, overrides, key) for key in varied}
    params = {key: value for key, value in params.items() if value is not MISSING}
    numeric = (IntDistribution, FloatDistribution)
    plain = {
        key: value if isinstance(varied[key], numeric) else choice_key(value)
        for key, value in params.items()
    }
    return plain, {key: varied[key] for key in plain}
