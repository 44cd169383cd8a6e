"""Training loss and its terms over epochs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dirsweep.analysis.compared_points import compared_points
from dirsweep.report.plot import EmptyPlotError
from dirsweep.report.plots import loss_curves
from dirsweep.run.folder import RunPaths, TrialFolder
from dirsweep.run.reader import Run, open_run
from dirsweep.training.trial import train
from tests.figure_texts import texts
from tests.made_up_run import change_epochs, write_run
from tests.tiny import tiny_trial


def run_with_terms(root: Path) -> Run:
    """Loss 8, 4, 2, 1: a quarter is RankSim's; the task loss was recorded without ConR's alpha."""

    def changed(row: dict[str, Any]) -> dict[str, Any]:
        total = 2.0 ** (3 - row["epoch"])
        terms = {"regression": 17.0, "ranksim": total / 4}
        return {**row, "train_loss": total, "loss_terms": terms}

    points = [({}, [7.0, 7.5, "failed"]), ({"a": 1}, [6.0])]
    change_epochs(write_run(root, {"s": points}), changed)
    return open_run(root)


def test_terms_add_up_to_the_training_loss(tmp_path: Path) -> None:
    found = loss_curves.numbers(run_with_terms(tmp_path), "s")
    assert [point.label for point in found.points] == ["base", "★ a=1"]
    base = found.points[0]
    assert base.total.num_seeds == 2
    np.testing.assert_array_equal(base.total.epochs, [0, 1, 2, 3])
    np.testing.assert_allclose(base.total.mean, [8, 4, 2, 1])
    assert list(base.terms) == ["task loss", "ranksim"]
    np.testing.assert_allclose(base.terms["task loss"].mean, [6, 3, 1.5, 0.75])
    np.testing.assert_allclose(base.terms["ranksim"].mean, [2, 1, 0.5, 0.25])
    text = texts(loss_curves.draw(found))
    assert all(part in text for part in ("training loss", "loss term", "task loss", "ranksim"))
    assert "the terms that add up to its loss" in loss_curves.caption(found)


def test_named_points_in_their_order(tmp_path: Path) -> None:
    run = run_with_terms(tmp_path)
    found = loss_curves.numbers(run, "s", compared_points(run, "s", ("a=1",)))
    assert [point.label for point in found.points] == ["★ a=1"]
    assert "named by `--points`" in loss_curves.caption(found)


def test_without_regularizers_there_is_one_panel(tmp_path: Path) -> None:
    paths = write_run(tmp_path, {"s": [({}, [7.0])]})
    change_epochs(paths, lambda row: {**row, "loss_terms": {"regression": row["train_loss"]}})
    found = loss_curves.numbers(open_run(tmp_path), "s")
    assert found.points[0].terms == {}
    assert len(loss_curves.draw(found).axes) == 1
    assert "panel per point" not in loss_curves.caption(found)


def test_epochs_without_a_loss_say_why(tmp_path: Path) -> None:
    paths = write_run(tmp_path, {"s": [({}, [7.0])]})
    change_epochs(paths, lambda row: {**row, "train_loss": None, "loss_terms": None})
    with pytest.raises(EmptyPlotError, match="training loss of two epochs"):
        loss_curves.numbers(open_run(tmp_path), "s")


def test_a_training_records_weighted_terms(tmp_path: Path) -> None:
    """Of every technique: with alpha 2 the task loss counts twice."""
    regularizers = {"ranksim": {"gamma": 0.1}, "conr": {"alpha": 2.0, "beta": 0.5, "omega": 1.0}}
    folder = TrialFolder(RunPaths(tmp_path).trial("t"))
    train(tiny_trial(epochs=2, regularizers=regularizers), folder=folder, num_threads=1)
    for row in folder.read_epochs():
        terms = row["loss_terms"]
        assert set(terms) == {"regression", "ranksim", "conr"}
        total = 2 * terms["regression"] + terms["ranksim"] + terms["conr"]
        assert row["train_loss"] == pytest.approx(total, rel=1e-5)
