"""Events and the lines of the ledger that earlier builds wrote."""

from __future__ import annotations

import json

import pytest

from dirsweep.errors import StoreError
from dirsweep.run.events import (
    Ended,
    Event,
    KnownPoint,
    Proposed,
    Raced,
    Required,
    Retried,
    SamplerState,
    SessionStarted,
    Started,
    Warmed,
    event_from_dict,
)

TIME = "2026-01-02T03:04:05.000000+00:00"
#: lines as the build before typed events wrote them, key by key
LINES: list[tuple[str, Event]] = [
    (
        '{"event":"proposed","study":"s","index":0,"overrides":{"lr":0.1},"seeds":[0,1],'
        '"trial_ids":["a","b"],"sampler":null}',
        Proposed("s", 0, {"lr": 0.1}, (0, 1), ("a", "b")),
    ),
    (
        '{"event":"proposed","study":"s","index":1,"overrides":{},"seeds":[0],"trial_ids":["c"],'
        '"sampler":{"params":{"lr":0.1},"distributions":{"lr":"{}"},"system_attrs":{}},'
        '"config":{"epochs":3}}',
        Proposed(
            "s", 1, {}, (0,), ("c",), SamplerState({"lr": 0.1}, {"lr": "{}"}, {}), {"epochs": 3}
        ),
    ),
    (f'{{"event":"started","trial_id":"a","time":"{TIME}"}}', Started("a", TIME)),
    (
        '{"event":"ended","trial_id":"a","status":"failed","error":"loss is NaN",'
        f'"time":"{TIME}"}}',
        Ended("a", "failed", "loss is NaN", time=TIME),
    ),
    (
        f'{{"event":"ended","trial_id":"a","status":"complete","error":null,"time":"{TIME}",'
        '"reused_from":"other"}',
        Ended("a", "complete", reused_from="other", time=TIME),
    ),
    (
        '{"event":"required","trial_id":"a","by":"b","seed":0,"config":{"epochs":3},'
        f'"time":"{TIME}"}}',
        Required("a", "b", 0, {"epochs": 3}, TIME),
    ),
    (
        f'{{"event":"raced","study":"s","num_seeds":2,"best":null,"open":[1,3],"time":"{TIME}"}}',
        Raced("s", 2, None, (1, 3), TIME),
    ),
    (
        '{"event":"warmed","study":"s","run":"runs/x","points":[{"overrides":{"lr":1},'
        '"metrics":{"val_mae_all":2.0},"seeds":[0]}],"skipped":{"not complete":1},'
        f'"time":"{TIME}"}}',
        Warmed(
            "s",
            "runs/x",
            (KnownPoint({"lr": 1}, {"val_mae_all": 2.0}, (0,)),),
            {"not complete": 1},
            TIME,
        ),
    ),
    (f'{{"event":"session","time":"{TIME}"}}', SessionStarted(TIME)),
    (
        f'{{"event":"retried","trial_id":"a","note":"again","time":"{TIME}"}}',
        Retried("a", "again", time=TIME),
    ),
    (
        f'{{"event":"retried","trial_id":"a","note":"again","time":"{TIME}","share":0.5}}',
        Retried("a", "again", 0.5, TIME),
    ),
]


@pytest.mark.parametrize(("line", "event"), LINES, ids=[event.kind for _, event in LINES])
def test_lines_of_earlier_builds_are_read_and_written_alike(line: str, event: Event) -> None:
    assert event_from_dict(json.loads(line)) == event
    assert json.dumps(event.to_dict(), separators=(",", ":")) == line


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"event": "paused"}, "unknown event 'paused', written by a newer dirsweep"),
        ({}, "unknown event 'None'"),
        ({"event": "started"}, "'started' event without a valid 'trial_id'"),
    ],
)
def test_what_is_no_event_is_refused(value: dict[str, object], reason: str) -> None:
    with pytest.raises(StoreError, match=reason):
        event_from_dict(value)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ({"event": "started", "trial_id": "a", "time": "noon"}, "valid time: 'noon'"),
        (
            {
                "event": "proposed",
                "study": "s",
                "index": 0,
                "overrides": {},
                "seeds": [0, 1],
                "trial_ids": ["a"],
                "sampler": None,
            },
            "another length than that of seeds",
        ),
    ],
)
def test_an_event_that_contradicts_itself_is_one_line(
    line: dict[str, object], message: str
) -> None:
    with pytest.raises(StoreError, match=message):
        event_from_dict(line)
