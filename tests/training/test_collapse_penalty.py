"""E[P(y)] of ConR: by hand, with the benchmark's omega, and in every epoch's row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from dirsweep import registry
from dirsweep.config.load import load_sweep
from dirsweep.domain import LabelBins
from dirsweep.errors import ShapeError, SpecError
from dirsweep.methods.regularizers.conr import ConRConfig
from dirsweep.run.folder import RunPaths, TrialFolder
from dirsweep.training import metrics
from dirsweep.training.inputs import open_inputs
from dirsweep.training.trial import train
from tests.flow.driving import tiny_sweep
from tests.tiny import tiny_trial

BINS = LabelBins.from_labels(np.arange(10.0), low=0, high=10, width=1)


def test_by_hand() -> None:
    labels = np.array([1.0, 9.0, 4.0, 4.0, 0.0])
    preds = np.array([3.5, 3.2, 4.9, 8.0, 12.0])
    # within 1 of the prediction and more than 1 from the label: 1 at 3 and 4, 9 at 3 and 4, the
    # second 4 at 7, 8, 9; 4.9 is similar to 4 and 5 only, as is its label; 12 is similar to none
    at = {3: (2.5 + 5.8) / 2, 4: (2.5 + 5.8) / 2, 7: 4.0, 8: 4.0, 9: 4.0}
    expected = sum(at.values()) / len(at)
    assert metrics.collapse_penalty(labels, preds, BINS, 1.0) == pytest.approx(expected)
    assert metrics.collapse_penalty(labels, labels, BINS, 1.0) == 0.0
    # omega 0.5: similar within 2
    wide = metrics.collapse_penalty(labels[:1], preds[:1], BINS, 2.0)
    assert wide == pytest.approx(2.5)
    assert metrics.collapse_penalty(labels[:1], preds[:1], BINS, 3.0) == pytest.approx(2.5)
    with pytest.raises(ShapeError, match="differ in shape"):
        metrics.collapse_penalty(labels, preds[:3], BINS, 1.0)
    with pytest.raises(ShapeError, match="scalar labels"):
        metrics.collapse_penalty(labels[:, None], preds[:, None], BINS, 1.0)


def test_what_is_similar_is_the_benchmarks_omega() -> None:
    for name in ("agedb-dir", "synthetic-agedb", "sts-b-dir"):
        config = registry.benchmark_class(name)
        stated = {item.name: item.value for item in config.technique_defaults}
        omega = stated.get("regularizers.conr.omega", ConRConfig().omega)
        assert (config.similar_within or config.bin_width) == pytest.approx(1 / omega)


def test_every_validated_epoch_has_it_and_the_trials_results_do_not(tmp_path: Path) -> None:
    trial, rows = (
        tiny_trial(epochs=5, validate_every=2, optimizer={"lr": 0.03}),
        list[dict[str, Any]](),
    )
    folder = TrialFolder(RunPaths(tmp_path).trial(trial.trial_id))
    outcome = train(trial, rows.append, folder=folder, num_threads=1)
    assert ["val_collapse_penalty_all" in row for row in rows] == [False, True, False, True, True]
    assert not any("collapse" in name for name in outcome.metrics)
    with pa.ipc.open_file(folder.paths.predictions) as file:
        table = file.read_all().to_pandas()
    val = table[table["split"] == "val"]
    bins = open_inputs(trial.benchmark, trial.config["backbone"]).benchmark.bins
    expected = metrics.collapse_penalty(
        val["label"].to_numpy(), val["prediction"].to_numpy(), bins, 1.0
    )
    assert outcome.best_epoch is not None
    assert rows[outcome.best_epoch]["val_collapse_penalty_all"] == expected > 0


def test_it_is_no_objective(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="tiny does not report 'collapse_penalty'"):
        load_sweep(tiny_sweep(tmp_path, objective="collapse_penalty"))
