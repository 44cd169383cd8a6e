"""One state folded from one log: what it says, and that it does not depend on sessions."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from dirsweep.run.events import (
    Ended,
    Event,
    KnownPoint,
    Proposed,
    Raced,
    Retried,
    SamplerState,
    SessionStarted,
    Started,
    Warmed,
)
from dirsweep.run.folder import RunPaths
from dirsweep.run.ledger import Ledger, read_state
from dirsweep.run.state import RunState, count_trials


def test_later_seeds_are_added_and_a_changed_point_is_replaced() -> None:
    state = RunState.of(
        [
            Proposed("s", 0, {}, (0, 1), ("a", "b")),
            Proposed("s", 1, {"x": 1}, (0,), ("c",)),
            Proposed("s", 0, {}, (1, 2), ("b", "d")),
            Proposed("s", 1, {"x": 2}, (0,), ("e",)),
        ]
    )
    first, second = state.points.values()
    assert first.trials == {0: "a", 1: "b", 2: "d"}
    assert (second.overrides, second.trial_ids) == ({"x": 2}, ("e",))
    assert list(state.proposed_trials()) == ["a", "b", "d", "e"]
    assert state.trials["c"].points == ()
    assert state.label("s", 1) == "x=2"
    assert (state.num_points("s"), state.next_index("s"), state.next_index("t")) == (2, 2, 0)
    assert (state.num_unproposed("s", 5), state.num_unproposed("s", 1)) == (3, 0)


def test_a_trial_of_two_studies_is_named_after_the_first() -> None:
    state = RunState.of(
        [
            Proposed("b", 3, {"epochs": 4}, (7,), ("one",)),
            Proposed("a", 0, {}, (7,), ("one",)),
            Started("stray"),
        ]
    )
    assert state.trials["one"].points == (("b", 3), ("a", 0))
    assert state.name("one") == "b: epochs=4, seed 7"
    assert state.name("stray") == "stray"
    assert [point.key for point in state.points_of("a")] == [("a", 0)]


def test_what_is_open_and_in_which_order_trials_ended() -> None:
    events: list[Event] = [Started("a"), Started("b"), Ended("b", "failed", "boom")]
    state = RunState.of(events)
    assert state.open_trials == ["a"]
    assert not state.nothing_open
    assert state.trials["b"].error == "boom"
    for event in (Started("c"), Ended("a", "complete"), Started("b"), Ended("c", "pruned")):
        state.apply(event)
    assert state.open_trials == ["b"]
    assert list(state.ends) == ["b", "a", "c"]
    state.apply(Ended("b", "complete"))
    assert state.nothing_open
    assert list(state.ends) == ["b", "a", "c"]
    assert state.trials["b"].error is None
    assert not RunState().nothing_open


def test_retries_and_shares_of_a_gpu() -> None:
    state = RunState.of([Started("t"), Retried("t", "memory", 0.25), Retried("t", "more", 0.5)])
    trial = state.trials["t"]
    assert (trial.status, trial.notes, trial.num_retries) == ("waiting", ("memory", "more"), 2)
    assert trial.share == 0.5
    state.apply(Retried("t", "for another reason"))
    assert (state.trials["t"].num_retries, state.trials["t"].share) == (2, 0.5)
    state.apply(Ended("t", "failed"))
    assert (state.trials["t"].num_retries, state.trials["t"].share) == (0, 0.5)


def test_a_trial_taken_from_another_run_was_not_begun_here() -> None:
    state = RunState.of([Started("a"), Started("b"), Ended("a", "complete", reused_from="other")])
    assert state.begun == {"b"}
    assert state.trials["a"].reused_from == "other"


def test_races_and_warm_starts() -> None:
    known = KnownPoint({"lr": 1}, {"val_mae_all": 2.0}, (0,))
    first, second = Warmed("s", "x", (known,), {}), Warmed("s", "x", (), {})
    rounds = [Raced("s", 2, 0, (1,)), Raced("s", 3, 0, ())]
    state = RunState.of([first, rounds[0], second, rounds[1]])
    assert state.warm_starts == {("s", "x"): first}, "told once"
    assert state.races == {"s": rounds}


@dataclass(frozen=True)
class Found:
    status: str


def test_counts() -> None:
    outcomes = {"a": Found("complete"), "b": Found("failed")}
    counts = count_trials(
        ["a", "b", "c", "d", "e"], outcomes, running={"c"}, begun={"d"}, num_unproposed=3
    )
    assert list(counts.items()) == [
        ("complete", 1),
        ("failed", 1),
        ("running", 1),
        ("unfinished", 1),
        ("waiting", 4),
    ]
    assert count_trials([], {}) == {"waiting": 0}


# ---- for any list of events

IDS = st.sampled_from(["a", "b", "c", "d"])
STUDIES = st.sampled_from(["s", "t"])
TIMES = st.integers(0, 59).map(lambda minute: f"2026-01-01T00:{minute:02}:00+00:00")


@st.composite
def proposals(draw: st.DrawFn) -> Proposed:
    trials = draw(st.dictionaries(st.integers(0, 2), IDS, min_size=1))
    sampler = draw(st.sampled_from([None, SamplerState({"lr": 0.1}, {"lr": "{}"}, {})]))
    overrides = draw(st.sampled_from([{}, {"lr": 1.0}, {"reweighting": "lds"}]))
    return Proposed(
        draw(STUDIES),
        draw(st.integers(0, 2)),
        overrides,
        tuple(trials),
        tuple(trials.values()),
        sampler,
        draw(st.sampled_from([None, {"epochs": 3}])),
    )


EVENTS = st.lists(
    st.one_of(
        proposals(),
        st.builds(Started, IDS, TIMES),
        st.builds(
            Ended,
            IDS,
            st.sampled_from(["complete", "failed"]),
            st.none() | st.just("boom"),
            st.none() | st.just("other"),
            TIMES,
        ),
        st.builds(Retried, IDS, st.just("memory"), st.none() | st.just(0.5), TIMES),
        st.builds(Raced, STUDIES, st.integers(2, 4), st.just(0), st.just((1,)), TIMES),
        st.builds(Warmed, STUDIES, st.just("x"), st.just(()), st.just({}), TIMES),
        st.builds(SessionStarted, TIMES),
    ),
    max_size=25,
)


@given(EVENTS, st.data())
def test_a_replayed_prefix_goes_on_as_if_never_interrupted(
    events: list[Event], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(events)))
    state = RunState.of(events[:cut])
    for point in state.points.values():
        state.label(*point.key)  # asking changes nothing
    for event in events[cut:]:
        state.apply(event)
    whole = RunState.of(events)
    assert state == whole
    assert {key: state.label(*key) for key in state.points} == {
        key: whole.label(*key) for key in whole.points
    }


@settings(max_examples=30, deadline=None)
@given(EVENTS, st.sets(st.integers(0, 25)))
def test_the_state_is_the_same_however_the_log_is_cut_into_sessions(
    events: list[Event], cuts: set[int]
) -> None:
    bounds = [0, *sorted(cut for cut in cuts if cut < len(events)), len(events)]
    with TemporaryDirectory() as folder:
        path = RunPaths(folder).ledger
        for start, stop in pairwise(bounds):
            with Ledger(path) as ledger:
                ledger.append(*events[start:stop])
            with open(path, "ab") as file:
                file.write(b'{"event":"ended","tri')  # a driver that is killed while it writes
        assert read_state(path) == RunState.of(events)
        with Ledger(path) as ledger:
            assert ledger.state == RunState.of(events)


@given(EVENTS)
def test_session_marks_change_nothing_but_the_time_counted(events: list[Event]) -> None:
    plain = [event for event in events if not isinstance(event, SessionStarted)]
    state, without = RunState.of(events), RunState.of(plain)
    assert without.wall_time_s == 0.0
    assert (state.points, state.trials, state.ends, state.begun, state.races) == (
        without.points,
        without.trials,
        without.ends,
        without.begun,
        without.races,
    )
    assert (state.open_trials, state.warm_starts) == (without.open_trials, without.warm_starts)


def test_a_seed_with_another_trial_replaces_all_of_its_point() -> None:
    """Data or code changed: seeds added by a race must not stay beside the new trials."""
    state = RunState.of(
        [
            Proposed("s", 0, {"a": 1}, (0, 1), ("old0", "old1")),
            Proposed("s", 0, {"a": 1}, (2,), ("old2",)),
            Proposed("s", 0, {"a": 1}, (0, 1), ("new0", "new1")),
        ]
    )
    assert dict(state.points["s", 0].trials) == {0: "new0", 1: "new1"}
    assert list(state.proposed_trials()) == ["new0", "new1"]
    assert state.trials["old2"].points == ()
    state.apply(Proposed("s", 0, {"a": 1}, (2,), ("new2",)))
    assert state.points["s", 0].trial_ids == ("new0", "new1", "new2")
