"""Runs with stored test features, for tests of the feature space."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dirsweep.run.folder import RunPaths
from dirsweep.run.tables import features_table
from tests.made_up_run import write_run

NUM = 200
LABELS = np.random.default_rng(1).integers(5, 90, NUM).astype(np.float64)
IDS = [f"face{number}.jpg" for number in range(NUM)]


def ordered(labels: NDArray[np.float64]) -> NDArray[np.float32]:
    """Features on a quarter circle, by label: the nearer two labels, the larger their cosine
    similarity.
    """
    angles = labels / 100 * np.pi / 2
    return np.stack([np.cos(angles), np.sin(angles), np.zeros(len(labels))], axis=1).astype(
        np.float32
    )


def store(
    paths: RunPaths,
    trial_id: str,
    features: NDArray[np.float32],
    order: NDArray[np.int64] | None = None,
) -> None:
    order = np.arange(len(features)) if order is None else order
    table = features_table("test", [IDS[row] for row in order], LABELS[order], features[order])
    paths.trial(trial_id).features.write_table(table)


def run_with(root: Path, synthetic: bool = False) -> RunPaths:
    """The base and a better point, two seeds each."""
    return write_run(root, {"s": [({}, [7.0, 7.2]), ({"a": 1}, [6.0, 6.1])]}, synthetic=synthetic)


def random_features(seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(NUM, 3)).astype(np.float32)
