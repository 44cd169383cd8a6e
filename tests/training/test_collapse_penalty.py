"""E[P(y)] of ConR: by hand, against a plain loop, as the report computes it, and in every epoch's
row.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from dirsweep.analysis.label_errors import PointPredictions, binned
from dirsweep.config.load import load_sweep
from dirsweep.domain import LabelBins
from dirsweep.errors import ShapeError, SpecError
from dirsweep.report.plots.collapse_penalty import collapsed_errors
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
    # bin 3 gets errors 2.5 and 5.8, bin 8 one of 4, bin 9 (the last, also from beyond) one of 12;
    # 0.9 is near enough
    assert metrics.collapse_penalty(labels, preds, BINS) == pytest.approx((4.15 + 4.0 + 12.0) / 3)
    assert metrics.collapse_penalty(labels, labels + 1.0, BINS) == 0.0
    with pytest.raises(ShapeError, match="differ in shape"):
        metrics.collapse_penalty(labels, preds[:3], BINS)
    with pytest.raises(ShapeError, match="scalar labels"):
        metrics.collapse_penalty(labels[:, None], preds[:, None], BINS)


def test_as_the_report_has_it_and_as_a_plain_loop() -> None:
    rng = np.random.default_rng(0)
    labels = rng.uniform(0, 10, 500).astype(np.float32)
    preds = (labels + rng.normal(size=500) * 2).astype(np.float32)
    by_bin: dict[int, list[float]] = {}
    for label, pred in zip(labels.astype(float), preds.astype(float), strict=True):
        if abs(pred - label) > 1:
            by_bin.setdefault(min(max(int(np.floor(pred)), 0), 9), []).append(abs(pred - label))
    found = metrics.collapse_penalty(labels, preds, BINS)
    assert found == pytest.approx(
        np.mean([np.mean(errors) for errors in by_bin.values()]), rel=1e-12
    )
    of = PointPredictions(labels.astype(np.float64), preds.astype(np.float64)[None])
    assert found == pytest.approx(
        float(np.nanmean(binned(collapsed_errors(of, 1.0), of.preds, BINS.edges))),
        rel=1e-12,
    )


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
    expected = metrics.collapse_penalty(val["label"].to_numpy(), val["prediction"].to_numpy(), bins)
    assert outcome.best_epoch is not None
    assert rows[outcome.best_epoch]["val_collapse_penalty_all"] == expected > 0


def test_it_is_no_objective(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="tiny does not report 'collapse_penalty'"):
        load_sweep(tiny_sweep(tmp_path, objective="collapse_penalty"))
