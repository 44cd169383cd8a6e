"""The executor under Ray before Ray Tune has started: which trials it takes and hands on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest

from dirsweep.config.resources import ResourcesSpec, StoreSpec
from dirsweep.execute.base import EndTrial, Job, NoMore, StartTrial
from dirsweep.execute.ray import tune
from dirsweep.execute.ray.trainable import TRAINER
from dirsweep.execute.ray.tune import TuneExecutor
from dirsweep.run.folder import RunPaths
from tests.tiny import tiny_trial


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TuneExecutor:
    """A cluster of two places, one of which can be waited for."""
    monkeypatch.setattr(tune.Capacity, "count", lambda self: 1)
    job = Job(
        root=str(tmp_path),
        resources=ResourcesSpec(cpu=2),
        store=StoreSpec(features=True),
        every_epoch=False,
        example=cast(Any, None),
        say=print,
    )
    return TuneExecutor(job, {"CPU": 2.0, "GPU": 0.5}, tmp_path / "scratch", num_growing=1)


def test_a_started_trial_takes_a_place_and_is_handed_to_ray_once(place: TuneExecutor) -> None:
    assert (place.room(), place.gpu_share) == (2, 0.5)
    place.perform(StartTrial(tiny_trial("a"), 0.25))
    assert place.room() == 1
    config = place.next_config("r1")
    assert config is not None
    assert json.loads(config["trial"])["trial_id"] == "a"
    settings = json.loads(config["settings"])
    assert (settings["num_threads"], settings["store_features"]) == (2, True)
    assert (config["gpu"], config["work"], config["every_epoch"]) == (0.25, TRAINER, False)
    assert place.next_config("r2") is None


def test_a_trial_is_ended_by_a_file_that_its_worker_looks_for(
    place: TuneExecutor, tmp_path: Path
) -> None:
    place.perform(EndTrial("a"))
    assert RunPaths(tmp_path).trial("a").stop.exists()


def test_without_trials_ray_is_not_started(place: TuneExecutor) -> None:
    place.perform(NoMore())
    assert place.listen(lambda news: None) is False
