"""Which stored network is meant: a trial's folder, a copy of a network, or a run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dirsweep.analysis.compared_points import names_of, normalised
from dirsweep.analysis.measurements import points_of
from dirsweep.analysis.objectives import objective_of
from dirsweep.analysis.summaries import PointSummary, best_point, sorted_by_objective
from dirsweep.errors import SpecError, StoreError, did_you_mean
from dirsweep.run.files import StoredFile
from dirsweep.run.folder import ModelPaths, RunPaths
from dirsweep.run.reader import Run, open_run
from dirsweep.run.storage import open_storage


@dataclass(frozen=True)
class ModelChoice:
    """Which network of a run is meant.

    Attributes:
        study: its key in the sweep file; None is any.
        point: label of the point; None is the best by validation.
        seed: None is the point's best by validation.
    """

    study: str | None = None
    point: str | None = None
    seed: int | None = None


def find_model(where: Path, choice: ModelChoice | None = None) -> ModelPaths:
    """Find a stored network.

    Args:
        where: a run's folder, one of its trials' folders, or a folder with the two files of a
            network.
        choice: which network of a run.

    Raises:
        SpecError: a study, point or seed that the run does not have.
        StoreError: there is no such folder, or the network is not stored.
    """
    choice = choice or ModelChoice()
    here = ModelPaths(StoredFile(open_storage(where), ""))
    run = RunPaths(where)
    if run.spec.exists():
        return _of_run(open_run(where), choice)
    if here.exists() or here.facts.exists():
        if choice != ModelChoice():
            what = "choose among the networks of a run, and this is the folder of one network"
            raise SpecError(what, key="--study, --point and --seed", source=str(where))
        return here
    if not run.exists():
        raise StoreError(f"{where}: no such folder; give a run, or the folder of a stored network")
    raise StoreError(f"{where}: {_reason(where)}")


def _reason(folder: Path) -> str:
    if StoredFile(open_storage(folder), "trial.json").exists():
        return (
            "this trial's network is not stored: runs keep those of each study's best point "
            "(store.model: best)"
        )
    return "neither a run nor the folder of a stored network (model.json, model.safetensors)"


def _of_run(run: Run, choice: ModelChoice) -> ModelPaths:
    run.require_finished()
    point = _point(run, choice)
    stored = {
        seed: run.paths.trial(trial_id).model
        for seed, trial_id in point.trial_ids.items()
        if run.paths.trial(trial_id).model.exists()
    }
    if choice.seed is not None and choice.seed not in point.trial_ids:
        seeds = ", ".join(str(seed) for seed in point.trial_ids)
        raise SpecError(f"{point.label} has no seed {choice.seed} (seeds: {seeds})", key="--seed")
    if not stored or (choice.seed is not None and choice.seed not in stored):
        raise StoreError(
            f"{run.paths.root}: the network of {point.study}: {point.label} is not stored "
            f"({_stored_in(run)}){_again(run, point, choice)}"
        )
    return stored[_best_seed(run, point, stored) if choice.seed is None else choice.seed]


def _again(run: Run, point: PointSummary, choice: ModelChoice) -> str:
    """Say how a best point gets its network; another one's would be deleted again."""
    if choice.point is not None:
        return ""
    outcome = run.paths.trial(next(iter(point.trial_ids.values()))).outcome
    return f"; delete {outcome}, and `dirsweep resume {run.paths.root}` trains and stores it"


def _best_seed(run: Run, point: PointSummary, seeds: Iterable[int]) -> int:
    """Return the seed with the best validation value among those given."""
    objective = objective_of(run, point.study)
    spread = point.metrics.get(objective.name)
    values = {} if spread is None else spread.by_seed
    return min(seeds, key=lambda seed: objective.cost(values.get(seed)))


def _point(run: Run, choice: ModelChoice) -> PointSummary:
    """Return the point that is meant."""
    if choice.study is not None and choice.study not in run.studies:
        what = f"no study '{choice.study}'; {did_you_mean(choice.study, run.studies)}"
        raise SpecError(what, key="--study", source=run.paths.root)
    studies = run.studies if choice.study is None else [choice.study]
    if choice.point is not None:
        return _named(run, studies, choice.point)
    best = [best_point(points_of(run, study), objective_of(run, study)) for study in studies]
    found = [point for point in best if point is not None]
    if not found:
        raise StoreError(f"{run.paths.root}: no study has a complete point to choose")
    return sorted_by_objective(found, run.manifest.objective.metric_column)[0]


def _named(run: Run, studies: Iterable[str], name: str) -> PointSummary:
    """Return the point of a label, else of a technique such as ``lds + ranksim``."""
    points = [point for study in studies for point in points_of(run, study)]
    found = [point for point in points if point.label == name] or [
        point for point in points if normalised(name) in map(normalised, names_of(point))
    ]
    if not found:
        known = dict.fromkeys(known for point in points for known in names_of(point))
        what = f"no point '{name}'; {did_you_mean(name, known)}"
        raise SpecError(what, key="--point", source=run.paths.root)
    if len(found) > 1:
        found = [point for point in found if _is_stored(run, point)] or found
    if len(found) > 1:
        labels = "; ".join(f"{point.study}: {point.label}" for point in found)
        what = f"'{name}' is several points ({labels}); name one by its label, and --study"
        raise SpecError(what, key="--point", source=run.paths.root)
    return found[0]


def _is_stored(run: Run, point: PointSummary) -> bool:
    return any(run.paths.trial(trial_id).model.exists() for trial_id in point.trial_ids.values())


def _stored_in(run: Run) -> str:
    """Say which networks a run has."""
    names = [
        f"{point.study}: {point.label} (seed {seed})"
        for study in run.studies
        for point in points_of(run, study)
        for seed, trial_id in point.trial_ids.items()
        if run.paths.trial(trial_id).model.exists()
    ]
    if names:
        return f"stored are {'; '.join(names)}"
    return "the run stores none: an earlier build, store.model: none, or store.model_limit"
