"""Which trials a place holds, and what their workers are told."""

from __future__ import annotations

from typing import Any, cast

import pytest

from dirsweep.errors import TrialPruned
from dirsweep.execute.base import (
    EndTrial,
    EpochEnded,
    Job,
    News,
    NoMore,
    StartTrial,
    StopAll,
    TimePassed,
    TrialEnded,
)
from dirsweep.execute.held_trials import HeldTrials
from dirsweep.run.tables import Outcome
from dirsweep.training.state import Row
from tests.tiny import tiny_trial

ROW: Row = cast(Any, {"epoch": 0})


@pytest.fixture
def place() -> HeldTrials:
    place = HeldTrials(cast(Job, None), num_places=2)
    for trial_id in ("a", "b"):
        place.perform(StartTrial(tiny_trial(trial_id)))
    return place


def test_a_trial_has_its_place_from_its_start_to_its_end(place: HeldTrials) -> None:
    assert (list(place.trials), place.room()) == (["a", "b"], 0)
    heard: list[tuple[News, int]] = []
    place.end(lambda news: heard.append((news, place.room())), Outcome("a", "complete"))
    assert heard == [(TrialEnded(Outcome("a", "complete")), 1), (TimePassed(), 1)]
    place.perform(NoMore())
    assert list(place.trials) == ["b"]


def test_a_worker_is_told_what_the_driver_decided_of_its_epoch(place: HeldTrials) -> None:
    heard: list[News] = []

    def handle(news: News) -> None:
        heard.append(news)
        if news == EpochEnded("a", ROW):
            place.perform(EndTrial("a"))

    assert place.answer(handle, "b", ROW) == "continue"
    assert place.answer(handle, "a", ROW) == "prune"
    with pytest.raises(TrialPruned):
        place.report(handle, "a", ROW)
    place.perform(StopAll())
    assert place.answer(handle, "b", ROW) == "stop"
    with pytest.raises(KeyboardInterrupt):
        place.report(handle, "b", ROW)
    assert heard[:3] == [EpochEnded("b", ROW), TimePassed(), EpochEnded("a", ROW)]


def test_a_stop_asked_for_while_time_passes_acts_at_once(place: HeldTrials) -> None:
    def handle(news: News) -> None:
        if news == TimePassed():
            place.perform(StopAll())

    assert place.answer(handle, "a", ROW) == "stop"


def test_a_pruned_trial_that_starts_again_is_not_pruned_again(place: HeldTrials) -> None:
    place.perform(EndTrial("a"))
    place.end(lambda news: None, Outcome("a", "pruned"))
    place.perform(StartTrial(tiny_trial("a")))
    assert place.answer(lambda news: None, "a", ROW) == "continue"
