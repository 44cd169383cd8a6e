"""Stored test features of the base and of the point chosen on validation: what several plots
share.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dirsweep.analysis.measurements import complete_trials
from dirsweep.analysis.selection import base_and_best
from dirsweep.analysis.summaries import PointSummary
from dirsweep.run.reader import Run

#: what makes trials store them, as it stands in a sweep file
KEY = "store: {features: true}"


@dataclass(frozen=True)
class Featured:
    """One trial.

    Attributes:
        label: of its point, ★ before the chosen one's.
        features: (S, D) float32, finite.
    """

    label: str
    trial_id: str
    seed: int
    features: NDArray[np.float32]

    @property
    def directions(self) -> NDArray[np.float64]:
        """(S, D) the features scaled to length 1: their dot products are cosine similarities."""
        wide = self.features.astype(np.float64)
        lengths = np.linalg.norm(wide, axis=1, keepdims=True)
        directions: NDArray[np.float64] = wide / np.where(lengths > 0, lengths, 1.0)
        return directions


@dataclass(frozen=True)
class FeatureSpaces:
    """The features of the same samples under the base and the best point, as far as both have some.

    Attributes:
        labels: (S,) of the test samples, label unit.
        trials: one per point, all with the same seed where they have one in common.
        missing: labels of those points that have none.
    """

    labels: NDArray[np.float64]
    trials: list[Featured]
    missing: list[str]

    @property
    def note(self) -> str:
        """Which seed, and what is missing."""
        seeds = sorted({trial.seed for trial in self.trials})
        said = [f"test samples, best epoch, seed {' and '.join(map(str, seeds))}"]
        said += [
            f"{label}: no stored features, its trials ended without '{KEY}'"
            for label in self.missing
        ]
        return "\n".join(said)


def without_any(run: Run) -> str | None:
    """How to get the figures of the feature space; None when a trial of the run has its features
    stored.
    """
    trials = [
        trial
        for study in run.studies
        for seeds in complete_trials(run, study).values()
        for trial in seeds.values()
    ]
    if any(run.paths.trial(trial).features.exists() for trial in trials):
        return None
    return f"no trial has stored any; '{KEY}' in the sweep adds ranking matrices, feature similarities and t-SNE"


def feature_spaces(run: Run, study: str) -> FeatureSpaces | None:
    """Of the base (or a planned study's first point) and the best by validation; None without any.

    Raises: StoreError: a damaged file.
    """
    chosen = base_and_best(run, study)
    stored = {point.index: _stored(run, study, point) for point in chosen}
    labels = {point.index: ("★ " if point is chosen[-1] else "") + point.label for point in chosen}
    there = [index for index, seeds in stored.items() if seeds]
    if not there:
        return None
    common = set.intersection(*(set(stored[index]) for index in there))
    picked = {index: min(common or stored[index]) for index in there}
    tables = [
        (index, stored[index][seed], _table(run, stored[index][seed]))
        for index, seed in picked.items()
    ]
    rows = _common_rows([table["sample_id"].to_numpy() for _, _, table in tables])
    matrices = [_matrix(table)[kept] for (_, _, table), kept in zip(tables, rows, strict=True)]
    values = tables[0][2]["label"].to_numpy()[rows[0]].astype(np.float64)
    finite = np.isfinite(values) & np.logical_and.reduce(
        [np.isfinite(matrix).all(axis=1) for matrix in matrices]
    )
    trials = [
        Featured(labels[index], trial_id, picked[index], matrix[finite])
        for (index, trial_id, _), matrix in zip(tables, matrices, strict=True)
    ]
    missing = [labels[index] for index, seeds in stored.items() if not seeds]
    return FeatureSpaces(values[finite], trials, missing) if finite.any() else None


def _stored(run: Run, study: str, point: PointSummary) -> dict[int, str]:
    """seed -> trial of those that have features."""
    trials = complete_trials(run, study).get(point.index, {})
    return {
        seed: trial for seed, trial in trials.items() if run.paths.trial(trial).features.exists()
    }


def _table(run: Run, trial_id: str) -> pa.Table:
    table = run.features(trial_id)
    assert table is not None  # its file was there a moment ago
    return table


def _matrix(table: pa.Table) -> NDArray[np.float32]:
    column = table["features"]
    parts = [chunk.flatten().to_numpy().reshape(len(chunk), -1) for chunk in column.chunks]
    matrix: NDArray[np.float32] = parts[0] if len(parts) == 1 else np.concatenate(parts)
    return matrix


def _common_rows(ids: list[NDArray[np.object_]]) -> list[NDArray[np.int64]]:
    """Per trial the rows of those samples that all have, in the order of the first."""
    first = ids[0]
    if all(np.array_equal(first, other) for other in ids[1:]):
        return [np.arange(len(first))] * len(ids)
    places = [{name: row for row, name in enumerate(names)} for names in ids]
    common = [name for name in first if all(name in rows for rows in places)]
    return [np.array([rows[name] for name in common], dtype=np.int64) for rows in places]
