"""Studies: what is read, what is refused."""

from __future__ import annotations

import pytest

from dirsweep.config.scheduler import SchedulerSpec
from tests.config.conftest import Complaint, Load


def test_a_study_may_have_its_own_seeds_scheduler_and_base(load: Load) -> None:
    spec = load(
        study="{points: [{}], seeds: [5], scheduler: none, base: {loss.name: huber, epochs: 4}}"
    )
    assert (spec.seeds_of("x"), spec.seeds_of("g")) == ((5,), (0, 1))
    assert spec.scheduler_of("x") is None
    assert spec.scheduler_of("g") == spec.scheduler
    assert spec.base_of("x")["loss"] == {"name": "huber"}
    assert spec.base_of("g")["loss"] == {"name": "l1"}
    other = load(
        "scheduler: {name: asha, grace_epochs: 2}",
        "scheduler: none",
        "studies.g.scheduler={name: median, min_trials: 2}",
    )
    assert other.scheduler is None
    assert other.scheduler_of("g") == SchedulerSpec(name="median", min_trials=2)


@pytest.mark.parametrize(
    ("study", "message"),
    [
        (
            "",
            "a.yaml: studies.x: an empty study; give it one of grid, one_at_a_time, points, space",
        ),
        (
            "{}",
            "a.yaml: studies.x: an empty study; give it one of grid, one_at_a_time, points, space",
        ),
        (
            "3",
            "a.yaml: studies.x: expected a mapping with one of grid, one_at_a_time, points, space, "
            "got 3",
        ),
        (
            "{seeds: [1]}",
            "a.yaml: studies.x: no design; give it exactly one of grid, one_at_a_time, points, "
            "space",
        ),
        (
            "{gird: {batch_size: [1]}}",
            "a.yaml: studies.x.gird: unknown key; did you mean 'grid'? (known: base, ",
        ),
        (
            "{grid: {batch_size: [1]}, points: [{}]}",
            "a.yaml: studies.x: 'grid' and 'points' exclude each other; give it",
        ),
        (
            "{grid: {batch_size: [1]}, trials: 3}",
            "a.yaml: studies.x.trials: only for 'space'; this study has 'grid'",
        ),
        ("{grid: {}}", "a.yaml: studies.x.grid: empty; name at least one key to vary"),
        (
            "{grid: [1]}",
            "a.yaml: studies.x.grid: expected a mapping from dotted keys to lists of values, got "
            "[1]",
        ),
        (
            "{grid: {batch_size: []}}",
            "a.yaml: studies.x.grid.batch_size: empty; give at least one value",
        ),
        (
            "{grid: {batch_size: 64}}",
            "a.yaml: studies.x.grid.batch_size: expected a list of values, got 64",
        ),
        (
            "{one_at_a_time: {batch_size: [1, 2, 1]}}",
            "a.yaml: studies.x.one_at_a_time.batch_size: duplicate value 1",
        ),
        (
            "{grid: {batchsize: [1]}}",
            "a.yaml: studies.x.grid.batchsize: unknown key; did you mean 'batch_size'? (known: ",
        ),
        (
            "{points: []}",
            "a.yaml: studies.x.points: empty; give at least one point ({} is the base)",
        ),
        (
            "{points: {}}",
            "a.yaml: studies.x.points: expected a list of mappings from dotted keys to values, got "
            "{}",
        ),
        (
            "{points: [{}, 3]}",
            "a.yaml: studies.x.points.1: expected a mapping from dotted keys to values, got 3",
        ),
        (
            "{points: [{lr: 3}]}",
            "a.yaml: studies.x.points.0.lr: unknown key; did you mean 'optimizer.lr'? (known: ",
        ),
        ("{points: [{}], seeds: [1, 1]}", "a.yaml: studies.x.seeds.1: duplicate value 1"),
        (
            "{points: [{}], base: {epoch: 1}}",
            "a.yaml: studies.x.base.epoch: unknown key; did you mean 'epochs'? (known: ",
        ),
        (
            "{points: [{}], scheduler: foo}",
            "a.yaml: studies.x.scheduler: unknown value 'foo'; known: asha, ",
        ),
        (
            "{space: {batch_size: default}}",
            "a.yaml: studies.x.trials: missing; give the number of points to propose",
        ),
        (
            "{trials: 0, space: {batch_size: default}}",
            "a.yaml: studies.x.trials: must be >= 1, got 0",
        ),
        (
            "{trials: 1.5, space: {batch_size: default}}",
            "a.yaml: studies.x.trials: expected a whole number, got 1.5",
        ),
        (
            "{trials: 1, space: {}}",
            "a.yaml: studies.x.space: empty; name at least one key to search",
        ),
        (
            "{trials: 1, space: {batch_size: {int: [2, 1]}}}",
            "a.yaml: studies.x.space.batch_size.int: low must not exceed high, got [2, 1]",
        ),
        (
            "{trials: 1, start: [{}, {}], space: {batch_size: default}}",
            "a.yaml: studies.x.start: 2 points, but the study has only 1 trial",
        ),
        (
            "{trials: 1, start: 3, space: {batch_size: default}}",
            "a.yaml: studies.x.start: expected a list of mappings from dotted keys to values, got "
            "3",
        ),
    ],
)
def test_complaints_about_asearch_with(complaint: Complaint, study: str, message: str) -> None:
    assert complaint("studies:\n", f"studies:\n  x: {study}\n").startswith(message)
