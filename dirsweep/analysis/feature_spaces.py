"""Stored test features of the points that a figure compares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dirsweep.analysis.compared_points import ComparedPoints
from dirsweep.analysis.measurements import complete_trials
from dirsweep.analysis.summaries import PointSummary
from dirsweep.run.reader import Run


@dataclass(frozen=True)
class TrialFeatures:
    """The test features of one trial.

    Attributes:
        label: how its point differs from the base.
        chosen: whether validation chose the point.
        trial_id: the trial.
        seed: its seed.
        features: (S, D) float32, finite.
    """

    label: str
    chosen: bool
    trial_id: str
    seed: int
    features: NDArray[np.float32]

    @property
    def directions(self) -> NDArray[np.float64]:
        """(S, D) features scaled to length 1: their dot products are cosine similarities."""
        wide = self.features.astype(np.float64)
        lengths = np.linalg.norm(wide, axis=1, keepdims=True)
        directions: NDArray[np.float64] = wide / np.where(lengths > 0, lengths, 1.0)
        return directions


@dataclass(frozen=True)
class FeatureSpaces:
    """The features of the same samples under the baseline and the best point.

    Attributes:
        labels: (S,) of the test samples, label unit.
        trials: one per point that has features, all of the same seed where they share one.
        missing: labels of the points without features.
    """

    labels: NDArray[np.float64]
    trials: list[TrialFeatures]
    missing: list[str]

    @property
    def seeds(self) -> list[int]:
        """The seeds of the trials, ascending."""
        return sorted({trial.seed for trial in self.trials})


def has_stored_features(run: Run) -> bool:
    """Return whether a complete trial of the run has its features stored."""
    return any(
        run.paths.trial(trial).features.exists()
        for study in run.studies
        for seeds in complete_trials(run, study).values()
        for trial in seeds.values()
    )


def feature_spaces(run: Run, study: str, compared: ComparedPoints) -> FeatureSpaces | None:
    """Read the features of the points that a figure compares.

    Args:
        run: the run.
        study: its key in the sweep file.
        compared: points of the study.

    Returns:
        The features of the samples that all trials have; None without any.

    Raises:
        StoreError: a file is damaged.
    """
    stored = [(point, _stored_trials(run, study, point)) for point in compared.points]
    found = [(point, seeds) for point, seeds in stored if seeds]
    if not found:
        return None
    common = set.intersection(*(set(seeds) for _, seeds in found))
    chosen_seeds = [min(common or seeds) for _, seeds in found]
    trial_ids = [seeds[seed] for (_, seeds), seed in zip(found, chosen_seeds, strict=True)]
    labels, matrices = _aligned([_table(run, trial_id) for trial_id in trial_ids])
    finite = np.isfinite(labels)
    for matrix in matrices:
        finite &= np.isfinite(matrix).all(axis=1)
    if not finite.any():
        return None
    trials = [
        TrialFeatures(point.label, compared.is_best(point), trial_id, seed, matrix[finite])
        for (point, _), trial_id, seed, matrix in zip(
            found, trial_ids, chosen_seeds, matrices, strict=True
        )
    ]
    missing = [point.label for point, seeds in stored if not seeds]
    return FeatureSpaces(labels[finite], trials, missing)


def _stored_trials(run: Run, study: str, point: PointSummary) -> dict[int, str]:
    """Seed -> trial of those that have features."""
    trials = complete_trials(run, study).get(point.index, {})
    return {
        seed: trial for seed, trial in trials.items() if run.paths.trial(trial).features.exists()
    }


def _table(run: Run, trial_id: str) -> pa.Table:
    table = run.features(trial_id)
    assert table is not None  # the file exists
    return table


def _aligned(
    tables: Sequence[pa.Table],
) -> tuple[NDArray[np.float64], list[NDArray[np.float32]]]:
    """The (S,) labels and (S, D) features of the samples that all tables have."""
    rows = _common_rows([table["sample_id"].to_numpy() for table in tables])
    labels = tables[0]["label"].to_numpy()[rows[0]].astype(np.float64)
    matrices = [_matrix(table)[kept] for table, kept in zip(tables, rows, strict=True)]
    return labels, matrices


def _matrix(table: pa.Table) -> NDArray[np.float32]:
    column = table["features"]
    parts = [chunk.flatten().to_numpy().reshape(len(chunk), -1) for chunk in column.chunks]
    matrix: NDArray[np.float32] = parts[0] if len(parts) == 1 else np.concatenate(parts)
    return matrix


def _common_rows(ids: list[NDArray[np.object_]]) -> list[NDArray[np.int64]]:
    """Per table the rows of the samples that all tables have, in the order of the first."""
    first = ids[0]
    if all(np.array_equal(first, other) for other in ids[1:]):
        return [np.arange(len(first))] * len(ids)
    places = [{name: row for row, name in enumerate(names)} for names in ids]
    common = [name for name in first if all(name in rows for rows in places)]
    return [np.array([rows[name] for name in common], dtype=np.int64) for rows in places]
