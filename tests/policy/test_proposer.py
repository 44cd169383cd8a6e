"""Who is trained next: order, duplicates, seeds, pruning, and taking up a search that was cut
off.
"""

from __future__ import annotations

import heapq
import math
import random
import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import pytest
import yaml
from optuna.trial import TrialState

from dirsweep.config.load import load_sweep
from dirsweep.config.sweep import SweepSpec
from dirsweep.config.trial import TrialSpec
from dirsweep.driver import settle
from dirsweep.errors import StoreError
from dirsweep.policy.proposer import Proposer
from dirsweep.run.collect import collect
from dirsweep.run.events import Ended, Event, Proposed, Raced, Warmed
from dirsweep.run.folder import RunPaths, TrialFolder
from dirsweep.run.ledger import Ledger, read_events
from dirsweep.run.tables import Outcome
from tests import tiny  # noqa: F401 - registers the tiny benchmark

SPACE = {
    "regularizers.ranksim.gamma": {"log_uniform": [1, 1000]},
    "batch_size": {"choice": [16, 32]},
    "regularizers.conr": {"choice": [False, True]},
    "regularizers.conr.beta": {"uniform": [0, 5]},
}
E = TypeVar("E", bound=Event)
Result = Callable[[TrialSpec], Outcome]


def _spec(tmp_path: Path, studies: dict[str, Any], **more: Any) -> SweepSpec:
    text = {
        "name": "s",
        "benchmark": {"name": "tiny"},
        "base": {"backbone": "tiny", "epochs": 9},
        "seeds": [0],
        "studies": studies,
        **more,
    }
    (tmp_path / "s.yaml").write_text(yaml.safe_dump(text, sort_keys=False))
    return load_sweep(tmp_path / "s.yaml")


def _open(spec: SweepSpec, root: Path, **more: Any) -> Proposer:
    paths = RunPaths(root)
    return Proposer(
        spec, Ledger(paths.ledger), lambda i: TrialFolder(paths.trial(i)), fingerprint="f", **more
    )


def _loss(trial: TrialSpec) -> float:
    """A made-up objective: best near gamma 50 with conr on."""
    regularizers = trial.config["regularizers"]
    gamma = regularizers.get("ranksim", {}).get("gamma", 1.0)
    return abs(math.log(gamma / 50)) + (0.0 if "conr" in regularizers else 1.0) + 0.01 * trial.seed


def _train(trial: TrialSpec) -> Outcome:
    return Outcome(
        trial.trial_id,
        "complete",
        metrics={"val_mae_all": _loss(trial)},
        best_epoch=0,
        num_epochs=1,
    )


def _step(proposer: Proposer, result: Result = _train) -> TrialSpec | None:
    trial = proposer.next_trial()
    if trial is None:
        return None
    outcome = result(trial)
    folder = proposer.folder_of(trial.trial_id)
    folder.begin(trial.to_dict())
    if outcome.status == "complete" and outcome.metrics.get("val_mae_all") is not None:
        row = {"epoch": 0, "best_value": outcome.metrics["val_mae_all"]}
        folder.write_epochs([row])
        proposer.observe(trial.trial_id, row)
    folder.finish(outcome)
    proposer.ended(trial.trial_id, outcome)
    return trial


def _drain(proposer: Proposer, result: Result = _train, limit: int = 10_000) -> list[TrialSpec]:
    done: list[TrialSpec] = []
    while len(done) < limit and (trial := _step(proposer, result)) is not None:
        done.append(trial)
    return done


def _points(proposer: Proposer, study: str) -> list[dict[str, Any]]:
    found = [event for event in _events(proposer, Proposed) if event.study == study]
    return [dict(event.overrides) for event in found]


def _events(proposer: Proposer, kind: type[E]) -> list[E]:
    return [e for e in read_events(proposer.ledger.path) if isinstance(e, kind)]


def test_planned_points_first_then_the_sampler(tmp_path: Path) -> None:
    spec = _spec(
        tmp_path,
        {"search": {"trials": 3, "space": SPACE}, "grid": {"grid": {"batch_size": [8, 16]}}},
    )
    proposer = _open(spec, tmp_path / "run")
    assert proposer.num_trials == 5
    done = _drain(proposer)
    assert [trial.config["batch_size"] for trial in done[:2]] == [8, 16]
    assert len(done) == 5
    assert proposer.finished
    assert len(_points(proposer, "search")) == 3


def test_equal_trials_of_several_studies_are_trained_once(tmp_path: Path) -> None:
    spec = _spec(
        tmp_path,
        {
            "a": {"grid": {"batch_size": [16, 32]}},
            "b": {"points": [{"batch_size": 32}, {"epochs": 3}]},
        },
    )
    proposer = _open(spec, tmp_path / "run")
    done = _drain(proposer)
    assert len(done) == len({trial.trial_id for trial in done}) == 3
    shared = next(entry for entry in proposer.entries.values() if len(entry.points) == 2)
    assert {point.study for point in shared.points} == {"a", "b"}


def test_every_seed_of_a_point_and_one_optuna_trial_per_point(tmp_path: Path) -> None:
    spec = _spec(tmp_path, {"search": {"trials": 4, "seeds": [0, 1, 2], "space": SPACE}})
    proposer = _open(spec, tmp_path / "run")
    done = _drain(proposer)
    assert len(done) == 12
    trials = proposer.sampled["search"].study.get_trials()
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 4
    first = [_loss(trial) for trial in done if trial.config == done[0].config]
    assert trials[0].value == pytest.approx(sum(first) / 3)


SAMPLERS = [
    {"name": "tpe", "n_startup_trials": 3},
    {"name": "random"},
    {"name": "qmc"},
    {"name": "nsga2"},
    {"name": "gp", "n_startup_trials": 3},
    {"name": "cmaes"},
]


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda s: s["name"])
@pytest.mark.parametrize("cut", [1, 5])
def test_a_search_cut_off_goes_on_as_if_it_had_not_been(
    tmp_path: Path, sampler: dict[str, Any], cut: int
) -> None:
    space = {
        "regularizers.ranksim.gamma": {"log_uniform": [1, 1000]},
        "optimizer.lr": {"log_uniform": [1e-4, 1e-1]},
    }
    spec = _spec(
        tmp_path, {"search": {"trials": 8, "sampler": {**sampler, "seed": 3}, "space": space}}
    )
    whole = _open(spec, tmp_path / "whole")
    _drain(whole)
    first = _open(spec, tmp_path / "cut")
    _drain(first, limit=cut)
    first.ledger.close()
    second = _open(spec, tmp_path / "cut")
    rest = _drain(second)
    assert len(rest) == 8 - cut, "finished trials are not run again, and none is lost"
    assert _points(second, "search") == _points(whole, "search")
    states = [trial.state for trial in second.sampled["search"].study.get_trials()]
    assert states == [TrialState.COMPLETE] * 8


def test_killed_between_proposal_and_end_the_trial_is_taken_up(tmp_path: Path) -> None:
    spec = _spec(tmp_path, {"search": {"trials": 3, "space": SPACE}})
    first = _open(spec, tmp_path / "run")
    begun = first.next_trial()
    assert begun is not None
    first.ledger.close()
    again = _open(spec, tmp_path / "run")
    assert again.num_trials == 3
    done = _drain(again)
    assert done[0] == begun
    assert len(done) == 3
    assert all(t.state is TrialState.COMPLETE for t in again.sampled["search"].study.get_trials())


def test_failed_pruned_and_nan_are_told_as_such(tmp_path: Path) -> None:
    spec = _spec(tmp_path, {"search": {"trials": 4, "space": SPACE}})
    proposer = _open(spec, tmp_path / "run")
    _step(proposer, lambda t: Outcome(t.trial_id, "failed", "boom"))
    _step(proposer, lambda t: Outcome(t.trial_id, "pruned", metrics={"val_mae_all": 3.0}))
    _step(proposer, lambda t: Outcome(t.trial_id, "complete", metrics={"val_mae_all": None}))
    _step(proposer)
    states = [trial.state for trial in proposer.sampled["search"].study.get_trials()]
    assert states == [TrialState.FAIL, TrialState.PRUNED, TrialState.FAIL, TrialState.COMPLETE]
    assert proposer.counts()["failed"] == 1


def test_failed_trials_stay_unless_wanted_again(tmp_path: Path) -> None:
    spec = _spec(tmp_path, {"a": {"grid": {"batch_size": [16, 32]}}})
    first = _open(spec, tmp_path / "run")
    _step(first, lambda t: Outcome(t.trial_id, "failed", "boom"))
    _step(first)
    first.ledger.close()
    second = _open(spec, tmp_path / "run")
    assert second.finished
    assert _drain(second) == []
    second.ledger.close()
    third = _open(spec, tmp_path / "run", retry=frozenset({"failed"}))
    assert len(_drain(third)) == 1


def test_a_sweep_can_grow(tmp_path: Path) -> None:
    small = {"g": {"grid": {"batch_size": [16]}}, "search": {"trials": 2, "space": SPACE}}
    first = _open(_spec(tmp_path, small), tmp_path / "run")
    before = {trial.trial_id for trial in _drain(first)}
    first.ledger.close()
    grown = {
        "g": {"grid": {"batch_size": [16, 32]}, "seeds": [0, 1]},
        "search": {"trials": 4, "space": SPACE},
    }
    second = _open(_spec(tmp_path, grown), tmp_path / "run")
    new = {trial.trial_id for trial in _drain(second)}
    assert not before & new
    assert len(new) == 3 + 2, "a second point, a second seed of both, two proposals more"
    assert len(second.sampled["search"].study.get_trials()) == 4


def test_start_points_come_first_and_the_sampler_knows_them(tmp_path: Path) -> None:
    start = [{"regularizers.ranksim.gamma": 50.0, "batch_size": 32, "regularizers.conr": False}]
    spec = _spec(tmp_path, {"search": {"trials": 3, "start": start, "space": SPACE}})
    proposer = _open(spec, tmp_path / "run")
    done = _drain(proposer)
    assert done[0].config["regularizers"]["ranksim"]["gamma"] == 50.0
    trials = proposer.sampled["search"].study.get_trials()
    assert len(done) == len(trials) == 3, "start points count among the trials"
    assert trials[0].params["regularizers.ranksim.gamma"] == 50.0


def test_conditional_keys_exist_only_when_their_switch_is_on(tmp_path: Path) -> None:
    spec = _spec(
        tmp_path,
        {"search": {"trials": 20, "sampler": {"name": "random", "seed": 1}, "space": SPACE}},
    )
    proposer = _open(spec, tmp_path / "run")
    _drain(proposer)
    points = _points(proposer, "search")
    assert {point["regularizers.conr"] for point in points} == {True, False}
    assert all(
        ("regularizers.conr.beta" in point) == point["regularizers.conr"] for point in points
    )


def _observe_curve(proposer: Proposer, trial: TrialSpec, values: list[float]) -> int:
    """Epochs trained until the scheduler ends it."""
    for epoch, value in enumerate(values):
        if proposer.observe(trial.trial_id, {"epoch": epoch, "best_value": value}):
            return epoch + 1
    return len(values)


def test_asha_ends_the_worse_and_never_a_planned_point_of_a_study_without_scheduler(
    tmp_path: Path,
) -> None:
    asha = {"name": "asha", "grace_epochs": 2, "reduction_factor": 2}
    spec = _spec(
        tmp_path,
        {
            "search": {"trials": 4, "space": SPACE},
            "plain": {"points": [{}], "scheduler": "none"},
        },
        scheduler=asha,
    )
    proposer = _open(spec, tmp_path / "run")
    trials = [proposer.next_trial() for _ in range(5)]
    lengths = []
    for level, trial in enumerate(trials):
        assert trial is not None
        lengths.append(_observe_curve(proposer, trial, [10.0 + level] * 8))
        status = "complete" if lengths[-1] == 8 else "pruned"
        outcome = Outcome(trial.trial_id, status, metrics={"val_mae_all": 10.0 + level})
        folder = proposer.folder_of(trial.trial_id)
        folder.begin(trial.to_dict())
        folder.finish(outcome)
        proposer.ended(trial.trial_id, outcome)
    assert lengths[0] == 8, "the plain study has no scheduler"
    assert lengths[1] == 8, "the best of the search"
    assert lengths[2:] == [2, 2, 2]
    states = [trial.state for trial in proposer.sampled["search"].study.get_trials()]
    assert states.count(TrialState.PRUNED) == 3
    assert proposer.sampled["search"].study.get_trials()[1].intermediate_values == {
        1: 12.0,
        2: 12.0,
    }


def _finished(root: Path, trial: TrialSpec, values: list[float]) -> None:
    """A trial's folder as another run has left it."""
    folder = TrialFolder(RunPaths(root).trial(trial.trial_id))
    folder.begin(trial.to_dict())
    folder.write_epochs(
        [{"epoch": epoch, "best_value": value} for epoch, value in enumerate(values)]
    )
    folder.finish(
        Outcome(
            trial.trial_id, "complete", metrics={"val_mae_all": values[-1]}, num_epochs=len(values)
        )
    )


@pytest.mark.parametrize(
    "study",
    [
        {"grid": {"batch_size": [8, 16, 32, 64, 128, 256]}},
        {
            "trials": 6,
            "space": {"optimizer.lr": {"log_uniform": [1e-4, 1e-1]}},
            "sampler": {"name": "random", "seed": 1},
        },
    ],
    ids=["planned", "proposed"],
)
def test_schedulers_know_what_was_taken_over(tmp_path: Path, study: dict[str, Any]) -> None:
    """Median: five trials at 1.0 are taken over, a sixth at 2.0 is ended; without them nobody could
    judge it.
    """
    median = {"name": "median", "grace_epochs": 1, "min_trials": 5}
    spec, root = _spec(tmp_path, {"s": study}, scheduler=median), tmp_path / "run"
    trials = _drain(_open(spec, tmp_path / "first"))
    for trial in trials[:5]:
        _finished(root, trial, [1.0] * 5)
    proposer = _open(spec, root, reused_from=lambda trial_id: "first-run")
    last = proposer.next_trial()
    assert last is not None
    assert last.trial_id == trials[5].trial_id
    ends = _events(proposer, Ended)
    assert [(event.trial_id, event.reused_from) for event in ends] == [
        (trial.trial_id, "first-run") for trial in trials[:5]
    ]
    assert proposer.observe(last.trial_id, {"epoch": 1, "best_value": 2.0}) is True
    proposer.ledger.close()
    again = _open(spec, root, reused_from=lambda trial_id: "first-run")
    assert _events(again, Ended) == ends, "noted once"
    assert again.observe(last.trial_id, {"epoch": 1, "best_value": 2.0}) is True, (
        "also by the next driver"
    )
    alone = _open(spec, tmp_path / "alone")
    first = alone.next_trial()
    assert first is not None
    assert alone.observe(first.trial_id, {"epoch": 1, "best_value": 2.0}) is False


def test_a_trial_begun_here_and_finished_elsewhere_is_noted_as_taken_over(tmp_path: Path) -> None:
    root = tmp_path / "run"
    spec = _spec(tmp_path, {"s": {"points": [{}, {"batch_size": 16}]}}, budget={"cpu_hours": 1})
    begun = _open(spec, root)
    trial = begun.next_trial()
    assert trial is not None
    begun.ledger.close()
    _finished(root, trial, [1.0])  # copied from a run beside
    again = _open(spec, root, reused_from=lambda trial_id: "other")
    ends = _events(again, Ended)
    assert [(event.trial_id, event.reused_from) for event in ends] == [(trial.trial_id, "other")]
    assert again.budget is not None
    assert trial.trial_id not in again.budget.started, "what it took was the other run's"


def test_a_retry_that_is_killed_half_way_is_a_trial_that_was_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "run"
    spec = _spec(tmp_path, {"s": {"points": [{}]}})
    proposer = _open(spec, root)
    trial = proposer.next_trial()
    assert trial is not None
    folder = proposer.folder_of(trial.trial_id)
    folder.begin(trial.to_dict())
    folder.finish(Outcome(trial.trial_id, "failed", error="out of memory"))

    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(proposer.ledger, "append", killed)
    with pytest.raises(KeyboardInterrupt):
        proposer.try_again(trial.trial_id, "tried again with 1")
    proposer.ledger.close()
    with Ledger(RunPaths(root).ledger) as ledger:
        settle(ledger, RunPaths(root))
    assert [done.trial_id for done in _drain(_open(spec, root))] == [trial.trial_id]


def test_sampler_arguments_are_checked(tmp_path: Path) -> None:
    from dirsweep.errors import SpecError

    with pytest.raises(SpecError, match="n_startups"):
        _open(
            _spec(
                tmp_path,
                {"s": {"trials": 1, "sampler": {"name": "tpe", "n_startups": 3}, "space": SPACE}},
            ),
            tmp_path / "run",
        )


def test_tpe_finds_the_better_half(tmp_path: Path) -> None:
    spec = _spec(
        tmp_path, {"s": {"trials": 40, "sampler": {"name": "tpe", "seed": 0}, "space": SPACE}}
    )
    done = _drain(_open(spec, tmp_path / "run"))
    losses = [_loss(trial) for trial in done]
    assert sum(losses[20:]) < sum(losses[:20]), "what was told is used"


# ---- several objectives, constraints


GAMMA = {"regularizers.ranksim.gamma": {"log_uniform": [1, 1000]}}
MANY_FEW = [{"metric": "mae", "region": "many"}, {"metric": "mae", "region": "few"}]


def _two_sided(trial: TrialSpec) -> Outcome:
    """Few gains by gamma what many and all lose."""
    gamma = math.log10(trial.config["regularizers"].get("ranksim", {"gamma": 1.0})["gamma"])
    metrics = {
        "val_mae_all": 5 + gamma,
        "val_mae_many": 4 + gamma,
        "val_mae_few": 9 - gamma + 0.01 * trial.seed,
    }
    return Outcome(trial.trial_id, "complete", metrics=metrics, best_epoch=0, num_epochs=1)


@pytest.mark.parametrize(
    "sampler",
    ["tpe", "nsga2", "nsga3", "random", "qmc", {"name": "gp", "n_startup_trials": 3}],
    ids=str,
)
def test_several_objectives_are_told_as_such_also_after_a_cut(tmp_path: Path, sampler: Any) -> None:
    study = {
        "trials": 6,
        "seeds": [0, 1],
        "sampler": sampler,
        "space": GAMMA,
        "objectives": MANY_FEW,
    }
    spec = _spec(tmp_path, {"s": study})
    whole = _open(spec, tmp_path / "whole")
    _drain(whole, _two_sided)
    first = _open(spec, tmp_path / "cut")
    _drain(first, _two_sided, limit=5)
    first.ledger.close()
    second = _open(spec, tmp_path / "cut")
    _drain(second, _two_sided)
    assert _points(second, "s") == _points(whole, "s")
    told = second.sampled["s"].study.get_trials()
    assert [len(trial.values) for trial in told] == [2] * 6
    gamma = math.log10(told[0].params["regularizers.ranksim.gamma"])
    assert told[0].values == pytest.approx([4 + gamma, 9 - gamma + 0.005])
    front = second.sampled["s"].study.best_trials
    assert len(front) == 6, "each gamma is a compromise of its own"


def test_with_several_objectives_what_did_not_finish_is_a_failure(tmp_path: Path) -> None:
    spec = _spec(tmp_path, {"s": {"trials": 3, "space": GAMMA, "objectives": MANY_FEW}})
    proposer = _open(spec, tmp_path / "run")
    _step(proposer, lambda t: Outcome(t.trial_id, "stopped", metrics={"val_mae_many": 3.0}))
    _step(
        proposer,
        lambda t: Outcome(
            t.trial_id, "complete", metrics={"val_mae_all": 1.0, "val_mae_many": 3.0}
        ),
    )
    _step(proposer, _two_sided)
    states = [trial.state for trial in proposer.sampled["s"].study.get_trials()]
    assert states == [TrialState.FAIL, TrialState.FAIL, TrialState.COMPLETE]


def test_a_fixed_constraint_reaches_optuna(tmp_path: Path) -> None:
    study = {
        "trials": 8,
        "space": GAMMA,
        "objectives": ["mae"],
        "constraints": [{"region": "few", "at_most": 7.5}],
    }
    spec = _spec(tmp_path, {"s": study})
    proposer = _open(spec, tmp_path / "run")
    _drain(proposer, _two_sided)
    proposer.ledger.close()
    for found in (proposer, _open(spec, tmp_path / "run")):
        trials = found.sampled["s"].study.get_trials()
        for trial in trials:
            few = 9 - math.log10(trial.params["regularizers.ranksim.gamma"])
            assert trial.constraints == {"mae/few at_most 7.5": pytest.approx(few - 7.5)}
        feasible = [t for t in trials if t.constraints["mae/few at_most 7.5"] <= 0]
        assert found.sampled["s"].study.best_trial.value == min(t.value for t in feasible)


def _with_base(tmp_path: Path, **more: Any) -> SweepSpec:
    constraint = {"metric": "mae", "region": "all", "at_most": {"base_plus": 0.5}}
    study = {
        "trials": 5,
        "seeds": [0, 1],
        "space": GAMMA,
        "objectives": [{"metric": "mae", "region": "few"}],
        "constraints": [constraint],
        "base": {"regularizers.ranksim.gamma": 10},
    }
    return _spec(tmp_path, {"s": study | more})


def test_a_constraint_from_the_base_waits_for_the_base(tmp_path: Path) -> None:
    proposer = _open(_with_base(tmp_path), tmp_path / "run")
    assert _points(proposer, "s") == [{"regularizers.ranksim.gamma": 10}]
    running = [proposer.next_trial() for _ in range(4)]
    assert running[0] is not None
    assert running[0].config["regularizers"]["ranksim"]["gamma"] == 10
    for trial in (*running[2:], running[0]):
        assert trial is not None
        proposer.ended(trial.trial_id, _two_sided(trial))
        assert {t.state for t in proposer.sampled["s"].study.get_trials()} == {TrialState.RUNNING}
    assert running[1] is not None
    proposer.ended(running[1].trial_id, _two_sided(running[1]))
    trials = proposer.sampled["s"].study.get_trials()
    assert [t.state for t in trials] == [TrialState.COMPLETE] * 2
    gammas = [math.log10(t.params["regularizers.ranksim.gamma"]) for t in trials]
    for trial, gamma in zip(trials, gammas, strict=True):
        assert list(trial.constraints.values()) == [pytest.approx((5 + gamma) - (5 + 1) - 0.5)]


@pytest.mark.parametrize("cut", [1, 2, 5])
def test_a_constraint_from_the_base_survives_a_cut(tmp_path: Path, cut: int) -> None:
    spec = _with_base(tmp_path)
    whole = _open(spec, tmp_path / "whole")
    _drain(whole, _two_sided)
    first = _open(spec, tmp_path / "cut")
    _drain(first, _two_sided, limit=cut)
    first.ledger.close()
    second = _open(spec, tmp_path / "cut")
    assert len(_drain(second, _two_sided)) == 10 - cut
    assert _points(second, "s") == _points(whole, "s")
    assert [t.constraints for t in second.sampled["s"].study.get_trials()] == [
        t.constraints for t in whole.sampled["s"].study.get_trials()
    ]


def test_when_the_base_fails_its_constraint_is_passed_over(tmp_path: Path) -> None:
    proposer = _open(_with_base(tmp_path, seeds=[0]), tmp_path / "run")
    _step(proposer, lambda t: Outcome(t.trial_id, "failed", "boom"))
    _drain(proposer, _two_sided)
    trials = proposer.sampled["s"].study.get_trials()
    assert [t.state for t in trials] == [TrialState.FAIL] + [TrialState.COMPLETE] * 4
    assert all(t.constraints == {} for t in trials)


def test_a_base_outside_the_space_is_trained_but_not_told(tmp_path: Path) -> None:
    proposer = _open(
        _with_base(tmp_path, base={"regularizers.ranksim.gamma": 5000}, seeds=[0]), tmp_path / "run"
    )
    assert len(_drain(proposer, _two_sided)) == 5
    trials = proposer.sampled["s"].study.get_trials()
    assert len(trials) == 4
    limit = 5 + math.log10(5000) + 0.5
    gamma = math.log10(trials[0].params["regularizers.ranksim.gamma"])
    assert list(trials[0].constraints.values()) == [pytest.approx(5 + gamma - limit)]


def test_points_proposed_twice_are_counted_twice_also_after_a_cut(tmp_path: Path) -> None:
    space = {"batch_size": {"choice": [16, 32]}}
    spec = _spec(tmp_path, {"s": {"trials": 6, "sampler": "random", "space": space}})
    first = _open(spec, tmp_path / "run")
    assert len(_drain(first)) == 2
    first.ledger.close()
    second = _open(spec, tmp_path / "run")
    assert second.finished
    assert len(_points(second, "s")) == len(second.sampled["s"].study.get_trials()) == 6


# ---- the same search whatever the timing


def _simulate(
    proposer: Proposer, workers: int, duration: Callable[[TrialSpec], float], limit: int = 10_000
) -> list[tuple[float, int]]:
    """Train on so many workers at once; (time, workers busy) after each event. ``limit`` trials are
    ended at most.
    """
    now, busy, num_ended = 0.0, list[tuple[float, str, TrialSpec]](), 0
    history = []
    while True:
        while len(busy) < workers and (trial := proposer.next_trial()) is not None:
            heapq.heappush(busy, (now + duration(trial), trial.trial_id, trial))
        history.append((now, len(busy)))
        if not busy or num_ended == limit:
            return history
        now, _, trial = heapq.heappop(busy)
        outcome = _train(trial)
        folder = proposer.folder_of(trial.trial_id)
        folder.begin(trial.to_dict())
        row = {"epoch": 0, "best_value": outcome.metrics["val_mae_all"]}
        folder.write_epochs([row])
        proposer.observe(trial.trial_id, row)
        folder.finish(outcome)
        proposer.ended(trial.trial_id, outcome)
        num_ended += 1


def _reproducible(tmp_path: Path, sampler: Any, **more: Any) -> SweepSpec:
    space = {
        "regularizers.ranksim.gamma": {"log_uniform": [1, 1000]},
        "optimizer.lr": {"log_uniform": [1e-4, 1e-1]},
    }
    study = {
        "trials": 14,
        "seeds": [0, 1],
        "sampler": sampler,
        "space": space,
        "start": [{"regularizers.ranksim.gamma": 3.0}],
    }
    return _spec(
        tmp_path,
        {"a": study, "b": {"grid": {"batch_size": [8, 16]}}},
        reproducible=True,
        window=3,
        **more,
    )


REPRODUCIBLE = [
    {"name": "tpe", "n_startup_trials": 3},
    "random",
    "qmc",
    {"name": "nsga2", "population_size": 4},
    {"name": "cmaes"},
]


@pytest.mark.parametrize("sampler", REPRODUCIBLE, ids=str)
def test_the_same_points_in_the_same_order_whatever_the_timing(
    tmp_path: Path, sampler: Any
) -> None:
    spec = _reproducible(tmp_path, sampler)
    found = []
    for attempt in range(4):
        rng = random.Random(attempt)
        proposer = _open(spec, tmp_path / f"run{attempt}")
        _simulate(proposer, 1 + attempt, lambda trial, rng=rng: rng.expovariate(1.0))  # type: ignore[misc]
        assert proposer.finished
        found.append(
            (_points(proposer, "a"), [t.values for t in proposer.sampled["a"].study.get_trials()])
        )
    assert all(points == found[0][0] for points, _ in found)
    assert len(found[0][0]) == 14
    if isinstance(sampler, dict) and sampler["name"] == "tpe":
        free = _spec(tmp_path, spec.to_dict()["studies"], reproducible=False)
        others = []
        for attempt in range(4):
            rng = random.Random(attempt)
            proposer = _open(free, tmp_path / f"free{attempt}")
            _simulate(proposer, 3, lambda trial, rng=rng: rng.expovariate(1.0))  # type: ignore[misc]
            others.append(_points(proposer, "a"))
        assert any(points != others[0] for points in others), "without it timing does matter"


@pytest.mark.parametrize("sampler", REPRODUCIBLE[:1] + REPRODUCIBLE[3:], ids=str)
def test_reproducible_also_after_cuts(tmp_path: Path, sampler: Any) -> None:
    spec = _reproducible(tmp_path, sampler)
    whole = _open(spec, tmp_path / "whole")
    _simulate(whole, 2, lambda trial: 1.0)
    rng = random.Random(5)
    for _ in range(12):
        proposer = _open(spec, tmp_path / "cut")
        _simulate(proposer, 3, lambda trial: rng.expovariate(1.0), limit=rng.randint(1, 6))
        proposer.ledger.close()
    last = _open(spec, tmp_path / "cut")
    assert last.finished
    assert _points(last, "a") == _points(whole, "a")


def test_reproducible_idles_no_more_than_the_window_asks(tmp_path: Path) -> None:
    spec = _reproducible(tmp_path, "random")
    history = _simulate(_open(spec, tmp_path / "even"), 3, lambda trial: 1.0)
    assert history[-1][0] == pytest.approx(10.0), "28 + 2 trials of one second on three workers"
    rng = random.Random(2)
    history = _simulate(_open(spec, tmp_path / "uneven"), 2, lambda trial: rng.uniform(0.5, 1.5))
    spans = pairwise(history)
    idle = sum((after - before) * (2 - busy) for (before, busy), (after, _) in spans)
    assert idle < 0.05 * 2 * history[-1][0]


# ---- racing


RACE = {
    "grid": {"batch_size": [8, 16, 32, 64]},
    "seeds": [0, 1],
    "racing": {"max_seeds": 6, "confidence": 0.95},
}
#: mean of each point; 8 and 16 are hard to tell apart, 64 fails with seed 3
MEANS = {8: 5.0, 16: 5.02, 32: 9.0, 64: 5.01}


def _noisy(trial: TrialSpec) -> Outcome:
    size = trial.config["batch_size"]
    if size == 64 and trial.seed == 3:
        return Outcome(trial.trial_id, "failed", "boom")
    value = MEANS[size] + random.Random(f"{size} {trial.seed}").gauss(0, 0.2)
    return Outcome(trial.trial_id, "complete", metrics={"val_mae_all": value})


def _seeds_by_size(proposer: Proposer) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for entry in proposer.entries.values():
        found.setdefault(entry.trial.config["batch_size"], []).append(entry.trial.seed)
    return found


def test_a_race_adds_seeds_to_what_is_open_only(tmp_path: Path) -> None:
    proposer = _open(_spec(tmp_path, {"r": RACE}), tmp_path / "run")
    assert proposer.num_trials == 8
    _drain(proposer, _noisy)
    assert proposer.finished
    seeds = _seeds_by_size(proposer)
    assert seeds[32] == [0, 1], "clearly worse"
    assert seeds[8] == seeds[16] == [0, 1, 2, 3, 4, 5], "open up to the limit"
    assert seeds[64] == [0, 1, 2, 3], "out of the race once it failed"
    rounds = _events(proposer, Raced)
    assert [event.num_seeds for event in rounds] == [2, 3, 4, 5, 6]
    assert all(2 not in event.open for event in rounds)
    last = [event for event in _events(proposer, Proposed) if event.index == 0][-1]
    assert last.seeds == (0, 1, 2, 3, 4, 5)
    assert len(last.trial_ids) == 6


def test_a_race_cut_off_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    spec = _spec(
        tmp_path,
        {"r": RACE, "s": {"trials": 3, "space": {"batch_size": {"choice": [8, 32]}}, "seeds": [4]}},
    )
    whole = _open(spec, tmp_path / "whole")
    num = len(_drain(whole, _noisy))
    rng, done = random.Random(0), 0
    while done < num:
        proposer = _open(spec, tmp_path / "cut")
        done += len(_drain(proposer, _noisy, limit=rng.randint(1, 3)))
        proposer.ledger.close()
    last = _open(spec, tmp_path / "cut")
    assert last.finished
    assert done == num
    assert {i: e.state for i, e in last.entries.items()} == {
        i: e.state for i, e in whole.entries.items()
    }

    def rounds(proposer: Proposer) -> list[Any]:
        return [(event.num_seeds, event.best, event.open) for event in _events(proposer, Raced)]

    assert rounds(last) == rounds(whole)


def test_a_search_races_after_its_last_point(tmp_path: Path) -> None:
    study = {
        "trials": 6,
        "sampler": {"name": "random", "seed": 1},
        "space": {"batch_size": {"choice": [8, 16]}},
        **RACE,
    }
    study.pop("grid")
    proposer = _open(_spec(tmp_path, {"s": study}), tmp_path / "run")
    done = _drain(proposer, _noisy)
    assert proposer.finished
    first = max(number for number, trial in enumerate(done) if trial.seed < 2)
    assert all(trial.seed >= 2 for trial in done[first + 1 :])
    assert len(done) > first + 1
    told = proposer.sampled["s"].study.get_trials()
    assert [t.state for t in told] == [TrialState.COMPLETE] * 6, (
        "told once, with the seeds of the search"
    )


def test_points_beyond_a_constraint_do_not_race(tmp_path: Path) -> None:
    def outcome(trial: TrialSpec) -> Outcome:
        found = _noisy(trial)
        return Outcome(
            **{
                **found.to_dict(),
                "metrics": {**found.metrics, "val_mae_few": trial.config["batch_size"]},
            }
        )

    space = {"batch_size": {"choice": [8, 16]}}
    study = {
        "trials": 4,
        "sampler": {"name": "random", "seed": 1},
        "space": space,
        **RACE,
        "constraints": [{"region": "few", "at_most": 10}],
    }
    study.pop("grid")
    proposer = _open(_spec(tmp_path, {"s": study}), tmp_path / "run")
    _drain(proposer, outcome)
    assert _seeds_by_size(proposer) == {8: [0, 1], 16: [0, 1]}, (
        "one point is left, with nothing to compare it with"
    )


# ---- warm start


def _earlier(
    tmp_path: Path, name: str, studies: dict[str, Any], limit: int = 1000, **more: Any
) -> str:
    """A run on the disk."""
    paths = RunPaths(tmp_path / name)
    spec = _spec(tmp_path, studies, **more)
    proposer = _open(spec, tmp_path / name)
    paths.spec.write(spec.to_yaml().encode())
    _drain(proposer, _two_sided, limit=limit)
    proposer.ledger.close()
    collect(paths)
    return paths.root


GRID = {"grid": {"regularizers.ranksim.gamma": [2.0, 20.0, 5000.0]}, "seeds": [0, 1]}


def test_a_warm_start_tells_what_another_run_knows(tmp_path: Path) -> None:
    first = _earlier(tmp_path, "first", {"g": GRID, "more": {"points": [{"batch_size": 8}]}})
    spec = _spec(tmp_path, {"s": {"trials": 3, "space": GAMMA, "warm_start": [first]}})
    proposer = _open(spec, tmp_path / "run")
    note = f"s: 2 points of {first} are known to its sampler (left out: 2 outside the space, or trained otherwise than "
    assert proposer.take_notes()[0].startswith(note)
    assert proposer.take_notes() == []
    trials = proposer.sampled["s"].study.get_trials()
    assert [t.params for t in trials] == [
        {"regularizers.ranksim.gamma": 2.0},
        {"regularizers.ranksim.gamma": 20.0},
    ]
    assert [t.value for t in trials] == pytest.approx([5 + math.log10(2), 5 + math.log10(20)])
    assert proposer.num_trials == 3, "known points do not count"
    assert len(_drain(proposer, _two_sided)) == 3
    proposer.ledger.close()
    shutil.rmtree(first)
    again = _open(spec, tmp_path / "run")
    assert again.take_notes() == []
    assert [t.params for t in again.sampled["s"].study.get_trials()[:2]] == [
        t.params for t in trials
    ]
    assert len(again.sampled["s"].study.get_trials()) == 5


def test_what_is_left_out_of_a_warm_start(tmp_path: Path) -> None:
    studies = {"g": GRID}
    runs = [
        _earlier(tmp_path, "objective", studies, objective={"metric": "mae", "region": "few"}),
        _earlier(tmp_path, "benchmark", studies, benchmark={"name": "tiny", "noise": 0.5}),
        _earlier(tmp_path, "unfinished", studies, limit=3),
        _earlier(tmp_path, "good", studies),
    ]
    space = {"regularizers.ranksim.gamma": {"log_uniform": [1, 10000]}}
    spec = _spec(tmp_path, {"s": {"trials": 3, "space": space, "warm_start": runs}})
    proposer = _open(spec, tmp_path / "run")
    warmed = {Path(e.run).name: e for e in _events(proposer, Warmed)}
    assert warmed["objective"].skipped == {"best epochs chosen by mae/few": 3}
    assert warmed["benchmark"].skipped == {"on another benchmark": 3}
    assert warmed["unfinished"].skipped == {"not complete": 2}
    assert warmed["good"].skipped == {}
    assert [len(event.points) for event in warmed.values()] == [0, 0, 1, 3]
    paths = RunPaths(tmp_path / "other")
    moved = Proposer(
        spec, Ledger(paths.ledger), lambda i: TrialFolder(paths.trial(i)), fingerprint="other"
    )
    skipped = [e.skipped for e in _events(moved, Warmed)]
    assert skipped[3] == {"with other data or by other code": 3}


def test_a_warm_start_brings_its_base_along(tmp_path: Path) -> None:
    run = _earlier(tmp_path, "first", {"g": {"grid": {"regularizers.ranksim.gamma": [10.0, 20.0]}}})
    proposer = _open(_with_base(tmp_path, warm_start=[run]), tmp_path / "run")
    trials = [t for t in proposer.sampled["s"].study.get_trials() if t.state is TrialState.COMPLETE]
    assert [list(t.constraints.values()) for t in trials] == [
        [pytest.approx(-0.5)],
        [pytest.approx(math.log10(2) - 0.5)],
    ]
    without = _earlier(tmp_path, "second", {"g": {"grid": {"regularizers.ranksim.gamma": [20.0]}}})
    proposer = _open(_with_base(tmp_path, warm_start=[without]), tmp_path / "other")
    assert "left out: 1 without the base" in proposer.take_notes()[0]


def test_a_warm_start_from_what_is_no_run(tmp_path: Path) -> None:
    spec = _spec(
        tmp_path, {"s": {"trials": 3, "space": GAMMA, "warm_start": [str(tmp_path / "nowhere")]}}
    )
    with pytest.raises(StoreError, match="nowhere: no such folder"):
        _open(spec, tmp_path / "run")


def test_an_example_is_a_trial_of_the_sweep(tmp_path: Path) -> None:
    search = _open(
        _spec(tmp_path, {"s": {"trials": 2, "space": GAMMA, "seeds": [3]}}), tmp_path / "search"
    )
    assert (
        search.example().seed,
        search.example().config["regularizers"],
        len(search.entries),
    ) == (3, {}, 0)
    grid = _open(_spec(tmp_path, {"g": {"grid": {"batch_size": [8, 16]}}}), tmp_path / "grid")
    assert grid.example() == grid.next_trial()
