"""A study's points from the sweep file and lists of events."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dirsweep.policy.planned import known_points
from dirsweep.run.events import Event, Proposed, SamplerState
from dirsweep.run.state import RunState
from tests.policy.made_policy import GAMMA, make_spec

SAMPLER = SamplerState({}, {}, {})
KEY = "regularizers.ranksim.gamma"


def proposed(index: int, overrides: dict[str, Any], sampler: SamplerState | None = None) -> Event:
    return Proposed("s", index, overrides, (0,), (f"t{index}",), sampler)


def indices(tmp_path: Path, study: dict[str, Any], *events: Event) -> list[tuple[int, Any, bool]]:
    """(index, what is changed, whether the log knows it) of each point."""
    spec = make_spec(tmp_path, {"s": study})
    found = known_points(spec, "s", RunState.of(events))
    return [(p.point.index, dict(p.point.overrides), p.known is not None) for p in found]


def test_planned_points_in_the_order_of_the_sweep_file(tmp_path: Path) -> None:
    study = {"grid": {"batch_size": [8, 16]}}
    eight, sixteen = {"batch_size": 8}, {"batch_size": 16}
    assert indices(tmp_path, study) == [(0, eight, False), (1, sixteen, False)]
    assert indices(tmp_path, study, proposed(0, sixteen)) == [(1, eight, False), (0, sixteen, True)]


def test_a_point_of_the_log_that_is_not_wanted_any_more(tmp_path: Path) -> None:
    study = {"points": [{"batch_size": 8}]}
    log = [proposed(0, {"batch_size": 4}), proposed(1, {"batch_size": 8})]
    assert indices(tmp_path, study, *log) == [(1, {"batch_size": 8}, True)]


def test_proposals_of_a_sampler_follow_in_their_order(tmp_path: Path) -> None:
    study = {"trials": 9, "space": GAMMA, "start": [{KEY: 3.0}]}
    log = [proposed(1, {KEY: 7.0}, SAMPLER), proposed(0, {KEY: 5.0}, SAMPLER)]
    assert indices(tmp_path, study, *log) == [
        (2, {KEY: 3.0}, False),
        (0, {KEY: 5.0}, True),
        (1, {KEY: 7.0}, True),
    ]


def test_a_planned_point_that_a_sampler_has_proposed_is_that_point(tmp_path: Path) -> None:
    study = {"trials": 9, "space": GAMMA, "start": [{KEY: 3.0}]}
    log = [proposed(0, {KEY: 5.0}, SAMPLER), proposed(1, {KEY: 3.0}, SAMPLER)]
    assert indices(tmp_path, study, *log) == [(1, {KEY: 3.0}, True), (0, {KEY: 5.0}, True)]
