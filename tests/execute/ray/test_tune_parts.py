"""What Ray Tune is told by our side of it, and what it tells us."""

from __future__ import annotations

import json
import pickle
from types import SimpleNamespace
from typing import Any, cast

import pytest
from ray.tune.experiment import Trial
from ray.tune.search import Searcher

from dirsweep.execute.ray.tune_parts import OldestFirst, StopOnRequest, TrialEvents, TrialSource


class Recorder:
    """A listener that writes down its calls."""

    def __init__(self) -> None:
        self.configs: list[Any] = []
        self.no_more = self.stopping = False
        self.calls: list[tuple[Any, ...]] = []

    def next_config(self, ray_id: str) -> Any:
        return self.configs.pop(0) if self.configs else None

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: self.calls.append((name, *arguments))


@pytest.fixture
def listener() -> Recorder:
    return Recorder()


def test_trials_are_given_until_there_are_no_more(listener: Recorder) -> None:
    source = TrialSource(cast(Any, listener))
    assert source.suggest("r1") is None, "none now"
    listener.configs.append({"trial": "t"})
    assert source.suggest("r1") == {"trial": "t"}
    listener.no_more = True
    assert source.suggest("r2") == Searcher.FINISHED


def test_epochs_and_ends_are_passed_on(listener: Recorder) -> None:
    source, events = TrialSource(cast(Any, listener)), TrialEvents(cast(Any, listener))
    source.on_trial_result("r1", {"row": json.dumps({"epoch": 2})})
    source.on_trial_result("r1", {"ended": True})
    source.on_trial_complete("r1", {"ended": True})
    source.on_trial_complete("r2", {"broken": "no space left"})
    source.on_trial_complete("r3", None, error=True)
    trial = SimpleNamespace(trial_id="r4")
    events.on_trial_start(0, [], trial)
    events.on_trial_recover(0, [], trial)
    events.on_step_end(0, [])
    assert listener.calls == [
        ("epoch_reported", "r1", {"epoch": 2}),
        ("completed", "r1", None),
        ("completed", "r2", "no space left"),
        ("completed", "r3", None),
        ("worker_found", trial),
        ("worker_lost", "r4"),
        ("check",),
    ]


def test_waiting_trials_start_in_their_order() -> None:
    trials = [
        SimpleNamespace(trial_id="c", status=Trial.PENDING),
        SimpleNamespace(trial_id="a", status=Trial.RUNNING),
        SimpleNamespace(trial_id="b", status=Trial.PENDING),
    ]
    controller = SimpleNamespace(get_live_trials=lambda: trials)
    assert OldestFirst().choose_trial_to_run(controller).trial_id == "b"
    controller.get_live_trials = list
    assert OldestFirst().choose_trial_to_run(controller) is None


def test_all_trials_stop_on_request_and_no_single_one(listener: Recorder) -> None:
    stop = StopOnRequest(cast(Any, listener))
    assert (stop("r1", {}), stop.stop_all()) == (False, False)
    listener.stopping = True
    assert (stop("r1", {}), stop.stop_all()) == (False, True)


def test_none_of_it_goes_into_the_state_that_ray_saves(listener: Recorder) -> None:
    for part in (TrialSource(cast(Any, listener)), StopOnRequest(cast(Any, listener))):
        assert type(pickle.loads(pickle.dumps(part))) is object
