"""A stored network rebuilt for predictions."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from dirsweep.errors import DirSweepError, StoreError
from dirsweep.run.folder import ModelPaths, RunPaths, TrialFolder
from dirsweep.training.prediction import open_predictor
from dirsweep.training.trial import train
from tests.tiny import TinyConfig, tiny_trial

BENCHMARK = TinyConfig().open(Path())


@pytest.fixture
def paths(tmp_path: Path) -> ModelPaths:
    folder = TrialFolder(RunPaths(tmp_path).trial("t0"))
    train(tiny_trial(), folder=folder, num_threads=1, model_limit_mib=10)
    return folder.paths.model


def test_reading_draws_nothing_from_the_random_stream(paths: ModelPaths) -> None:
    torch.manual_seed(0)
    wanted = torch.rand(3)
    torch.manual_seed(0)
    open_predictor(paths, BENCHMARK)
    assert torch.equal(torch.rand(3), wanted)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda trial: trial["config"].pop("backbone"), "damaged at 'trial.config.backbone'"),
        (lambda trial: trial["config"].update(epochs="x"), "damaged at 'trial.config.epochs'"),
        (lambda trial: trial["config"]["loss"].update(name="l7"), "l7"),
        (lambda trial: trial.pop("seed"), "damaged at 'trial.seed'"),
    ],
)
def test_damaged_facts_are_one_line(
    paths: ModelPaths, change: Callable[[dict[str, Any]], object], says: str
) -> None:
    content = json.loads(paths.facts.read() or b"")
    change(content["trial"])
    paths.facts.write_json(content)
    with pytest.raises(DirSweepError, match=says) as error:
        open_predictor(paths, BENCHMARK)
    assert "\n" not in str(error.value)


def test_weights_of_another_network_are_refused(paths: ModelPaths) -> None:
    content = json.loads(paths.facts.read() or b"")
    content["label_dim"] = 2
    paths.facts.write_json(content)
    with pytest.raises((StoreError, DirSweepError)):
        open_predictor(paths, BENCHMARK)
