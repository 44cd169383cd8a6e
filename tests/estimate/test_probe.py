"""Cost models and run costs from trials that cost what is written here, and a probe of the tiny
benchmark.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dirsweep.config.trial import TrialSpec
from dirsweep.errors import TrialError
from dirsweep.estimate import probe as module
from dirsweep.estimate.durations import Durations
from dirsweep.estimate.probe import probe
from dirsweep.estimate.run_cost import run_cost
from dirsweep.estimate.trial_kinds import PlannedTrial
from tests.flow.driving import loaded, tiny_sweep

#: start, epoch, validation; what each choice adds to them
BASE = (1.0, 10.0, 2.0)
COSTS = {
    "conr": (0.5, 8.0, 0.0),
    "ranksim": (0.0, 3.0, 0.0),
    "fds": (0.25, 2.0, 0.0),
    "huber": (0.0, 0.5, 0.0),
    "mse": (0.0, 0.25, 0.0),
    "sqinv": (0.0, 0.125, 0.0),
}
#: what a batch size multiplies epochs with
FACTORS = {16: 1.5, 32: 1.0, 64: 0.625}
LATER = 4.0


def cost(config: dict[str, Any]) -> Durations:
    """The pace of a configuration by ``COSTS`` and ``FACTORS``."""
    names = [config["loss"]["name"], config["reweighting"]["name"], config["smoothing"]["name"]]
    found = [COSTS.get(name, (0, 0, 0)) for name in [*names, *config["regularizers"]]]
    start, epoch, val = (sum(part) for part in zip(BASE, *found, strict=True))
    factor = FACTORS[config["batch_size"]]
    later = LATER if config["schedule"]["name"] == "rrt" else 0.0
    return Durations(start, epoch * factor / 100, epoch * factor, val, later * factor)


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The configurations that were timed, each charged by ``COSTS``."""
    seen: list[dict[str, Any]] = []

    def charge(trial: TrialSpec, benchmark: Any, *, num_threads: int) -> Durations:
        seen.append(trial.config)
        return cost(trial.config)

    monkeypatch.setattr(module, "measure_durations", charge)
    return seen


def _spec(tmp_path: Path, studies: Any, **more: Any) -> Any:
    return loaded(tiny_sweep(tmp_path, studies, **more))


def _expected(plan: list[PlannedTrial]) -> float:
    """Hours, each trial charged as itself."""
    return sum(one.count * cost(one.trial.config).trial_s(one.length) for one in plan) / 3600


COMBINATIONS = {
    "plain": {
        "points": [
            {},
            {"regularizers.conr": {}, "regularizers.ranksim": {}},
            {"regularizers.ranksim": {"gamma": 3}},
            {"regularizers.conr": {"beta": 2}},
            {"smoothing": "fds", "regularizers.conr": {}, "regularizers.ranksim": {}},
            {"smoothing": "fds", "regularizers.conr": {}},
            {"epochs": 7, "batch_size": 16},
            {"batch_size": 16, "smoothing": "fds", "regularizers.conr": {}},
        ]
    },
    "rrt": {
        "base": {"schedule": "rrt"},
        "points": [
            {},
            {"regularizers.conr": {}, "batch_size": 16},
            {"schedule": {"name": "rrt", "epochs": 2}},
        ],
    },
}


def test_combinations_are_sums_and_scales_multiply_them(
    tmp_path: Path, timed: list[dict[str, Any]]
) -> None:
    spec = _spec(tmp_path, COMBINATIONS, seeds=[0, 1])
    asked: list[tuple[int, int]] = []
    model, plan = probe(spec, progress=lambda done, total, what: asked.append((done, total)))
    assert [sorted(kind) for kind in model.timed] == [
        ["batch_size 16"],
        ["schedule rrt"],
        ["conr"],
        ["ranksim"],
        ["conr", "smoothing fds"],
    ]
    # the base to warm up, first, after three kinds, and last
    assert len(timed) == 5 + 4
    assert asked == [(done, 9) for done in range(9)]
    assert model.noise == 0
    assert model.added["smoothing fds"].epoch_s == pytest.approx(2)
    assert model.added["schedule rrt"].later_s == pytest.approx(LATER)
    for one in plan:
        assert model.durations(one.kind).trial_s(one.length) == pytest.approx(
            cost(one.trial.config).trial_s(one.length)
        )
    found = run_cost(spec, plan, model, num_cpus=1, num_gpus=0)
    assert found.trial_hours == pytest.approx(_expected(plan))
    assert (found.trials, found.epochs) == (22, 2 * (7 * 3 + 7 + 6 + 6 + 5))


def test_what_never_occurs_alone_is_told_apart_where_it_can_be(
    tmp_path: Path, timed: list[dict[str, Any]]
) -> None:
    both = {"regularizers.conr": {}, "smoothing": "fds"}
    points = [
        both,
        {**both, "regularizers.ranksim": {}},
        {"regularizers.conr": {}, "regularizers.ranksim": {}},
    ]
    model, plan = probe(_spec(tmp_path, {"points": {"points": points}}))
    assert model.added["conr"].epoch_s + model.added["smoothing fds"].epoch_s == pytest.approx(10)
    assert [model.durations(one.kind).epoch_s for one in plan] == [
        pytest.approx(value) for value in (20, 23, 21)
    ]
    together, _ = probe(_spec(tmp_path, {"points": {"points": [both]}}))
    assert together.inseparable == (("conr", "smoothing fds"),)
    assert together.durations(frozenset({"conr", "smoothing fds"})).epoch_s == pytest.approx(20)


def test_a_space_is_the_mean_of_points_drawn_from_it(
    tmp_path: Path, timed: list[dict[str, Any]]
) -> None:
    space = {
        "loss.name": {"choice": ["l1", "mse", "huber"]},
        "batch_size": {"choice": [16, 32, 64]},
        "regularizers.conr": {"choice": [False, True]},
        "regularizers.conr.beta": {"log_uniform": [0.1, 10]},
        "epochs": {"int": [2, 6]},
    }
    spec = _spec(tmp_path, {"search": {"trials": 120, "space": space, "start": [{}]}})
    model, plan = probe(spec)
    start, *drawn = plan
    assert (start.count, len(drawn)) == (1, 12)
    mean = sum(cost(one.trial.config).trial_s(one.length) for one in drawn) / 12
    found = run_cost(spec, plan, model, num_cpus=1, num_gpus=0)
    assert found.trial_hours * 3600 == pytest.approx(
        cost(start.trial.config).trial_s(start.length) + 119 * mean
    )
    assert found.trials == 120


def test_no_more_kinds_than_the_limit_are_timed(
    tmp_path: Path, timed: list[dict[str, Any]]
) -> None:
    spec = _spec(tmp_path, COMBINATIONS)
    model, _ = probe(spec, max_kinds=2)
    assert [sorted(kind) for kind in model.timed] == [["batch_size 16"], ["schedule rrt"]]
    assert model.untimed == ("conr", "ranksim", "smoothing fds")
    kind = frozenset({"conr", "batch_size 16"})
    assert model.durations(kind).epoch_s == pytest.approx(15)  # conr counts as nothing


def test_a_kind_that_cannot_be_trained_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def charge(trial: TrialSpec, benchmark: Any, *, num_threads: int) -> Durations:
        if "conr" in trial.config["regularizers"]:
            raise TrialError("too much")
        return cost(trial.config)

    monkeypatch.setattr(module, "measure_durations", charge)
    points = [{"regularizers.conr": {}}, {"regularizers.ranksim": {}}]
    model, plan = probe(_spec(tmp_path, {"points": {"points": points}}))
    assert model.failed == ((frozenset({"conr"}), "too much"),)
    assert [model.durations(one.kind).epoch_s for one in plan] == [10, pytest.approx(13)]


def test_a_base_that_cannot_be_trained_ends_the_probe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def charge(trial: TrialSpec, benchmark: Any, *, num_threads: int) -> Durations:
        raise TrialError("too much")

    monkeypatch.setattr(module, "measure_durations", charge)
    with pytest.raises(TrialError, match="too much"):
        probe(_spec(tmp_path, COMBINATIONS))


def test_noise_is_what_timings_of_the_base_differ_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    epochs = iter([99.0, 8.0, 20.0, 12.0])  # warming up, base, conr, base

    def charge(trial: TrialSpec, benchmark: Any, *, num_threads: int) -> Durations:
        return Durations(0, 0, next(epochs), 0)

    monkeypatch.setattr(module, "measure_durations", charge)
    model, _ = probe(_spec(tmp_path, {"points": {"points": [{"regularizers.conr": {}}]}}))
    assert (model.base.epoch_s, model.noise) == (10, pytest.approx(0.4))
    assert model.added["conr"].epoch_s == pytest.approx(10)


def test_a_scale_is_timed_alone_even_where_no_trial_has_it_alone(
    tmp_path: Path, timed: list[dict[str, Any]]
) -> None:
    points = [
        {"batch_size": 64, "regularizers.conr": {}},
        {"regularizers.conr": {}, "batch_size": 16},
    ]
    model, plan = probe(_spec(tmp_path, {"points": {"points": points}}))
    assert [sorted(kind) for kind in model.timed] == [
        ["batch_size 16"],
        ["batch_size 64"],
        ["batch_size 16", "conr"],
    ]
    assert model.added["conr"].epoch_s == pytest.approx(8)
    assert model.added["conr"].start_s == pytest.approx(0.5)
    assert [model.durations(one.kind).epoch_s for one in plan] == [
        pytest.approx(18 * 0.625),
        pytest.approx(18 * 1.5),
    ]


def test_a_probe_for_real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dirsweep.estimate.step_time.SECONDS", 0.05)
    points: list[dict[str, Any]] = [
        {},
        {"regularizers.conr": {}},
        {"schedule": "rrt"},
        {"smoothing": "fds"},
    ]
    spec = _spec(tmp_path, {"points": {"points": points}})
    model, plan = probe(spec)
    assert (len(model.timed), model.failed, len(plan)) == (3, (), 4)
    assert all(0 < model.durations(one.kind).trial_s(one.length) < 5 for one in plan)
    assert model.added["schedule rrt"].later_s > 0
