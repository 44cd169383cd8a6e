"""``store: {features: true}``: what the regressor saw of each test sample, kept from the pass that
made predictions.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from numpy.typing import NDArray

from dirsweep.run.files import StoredFile
from dirsweep.run.folder import RunPaths, TrialFolder
from dirsweep.training.assembly import build_training
from dirsweep.training.trial import TrialSession, train
from tests.tiny import SIZES, tiny_trial

FDS = {"smoothing": {"name": "fds", "start_smooth": 1}}
RRT = {"schedule": {"name": "rrt", "epochs": 2}}


def read(file: Path) -> pa.Table:
    with pa.ipc.open_file(file) as opened:
        return opened.read_all()


def matrix(table: pa.Table) -> NDArray[np.float32]:
    column = table["features"].combine_chunks()
    return column.flatten().to_numpy().reshape(len(table), -1)


@pytest.mark.parametrize("config", [{}, FDS, RRT, {"precision": "bfloat16"}])
def test_the_regressor_makes_the_predictions_of_them(config: dict[str, Any]) -> None:
    trial = tiny_trial(optimizer={"lr": 0.02}, **config)
    training = build_training(trial)
    training.fit()
    batches: list[int] = []
    training.model.backbone.register_forward_hook(
        lambda module, inputs, output: batches.append(len(output))
    )
    session = TrialSession(trial, training, None, lambda row: None, None, checkpoint_every_s=10.0)
    results = session.test_results(store_features=True)
    predictions, features = results.predictions, results.features
    assert sum(batches) == SIZES["test"], "test is read once"
    assert predictions is not None
    assert features is not None
    tested = predictions.filter(pa.compute.equal(predictions["split"].cast(pa.string()), "test"))
    for name in ("sample_id", "label"):
        assert features[name].to_pylist() == tested[name].to_pylist()
    assert set(features["split"].to_pylist()) == {"test"}
    found = matrix(features)
    assert found.shape == (SIZES["test"], 16)
    regressor = training.model.regressor
    weight, bias = regressor.weight.detach(), regressor.bias.detach()
    again = (torch.from_numpy(found.copy()) @ weight.T + bias).squeeze(1) * 10
    np.testing.assert_allclose(again.numpy(), tested["prediction"].to_numpy(), rtol=1e-5, atol=1e-5)


def test_they_change_nothing_and_are_absent_unless_wanted(tmp_path: Path) -> None:
    trial = tiny_trial(**FDS)
    paths = [RunPaths(tmp_path / name).trial(trial.trial_id) for name in ("with", "without")]
    outcomes = [
        train(trial, folder=TrialFolder(path), num_threads=1, store_features=wanted)
        for path, wanted in zip(paths, (True, False), strict=True)
    ]
    assert outcomes[0].metrics == outcomes[1].metrics
    assert read(paths[0].predictions).equals(read(paths[1].predictions))
    assert [path.features.exists() for path in paths] == [True, False]


def test_a_trial_that_ends_early_has_none(tmp_path: Path) -> None:
    trial = tiny_trial(loss="mse", optimizer={"name": "sgd", "lr": 1e4}, epochs=3)
    folder = TrialFolder(RunPaths(tmp_path).trial(trial.trial_id))
    assert train(trial, folder=folder, num_threads=1, store_features=True).status == "failed"
    assert not folder.paths.features.exists()


def test_killed_between_features_and_outcome(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """As a signal would be."""

    trial = tiny_trial(epochs=3)
    whole, cut = (
        TrialFolder(RunPaths(tmp_path / name).trial(trial.trial_id)) for name in ("whole", "cut")
    )
    expected = train(trial, folder=whole, num_threads=1, store_features=True)
    write_json = StoredFile.write_json

    def kill(file: StoredFile, value: Any, **more: Any) -> None:
        if file == cut.paths.outcome:
            raise Killed
        write_json(file, value, **more)

    with monkeypatch.context() as patch:
        patch.setattr(StoredFile, "write_json", kill)
        with pytest.raises(Killed):
            train(trial, folder=cut, num_threads=1, store_features=True, checkpoint_every_s=0)
    assert cut.paths.features.exists(), "it is there before the trial has ended"
    assert cut.outcome() is None
    cut.paths.features.write(b"torn")
    resumed = train(trial, folder=cut, num_threads=1, store_features=True)
    assert (resumed.status, resumed.attempts, resumed.metrics) == ("complete", 2, expected.metrics)
    assert read(cut.paths.features).equals(read(whole.paths.features))
