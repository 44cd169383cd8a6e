"""Schedulers in a sweep: what they end, and what they know of trials trained elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState

from dirsweep.config.sweep import SweepSpec
from dirsweep.config.trial import TrialSpec
from dirsweep.run.events import Ended, Retried
from dirsweep.run.folder import RunPaths, TrialFolder
from dirsweep.run.ledger import Ledger
from dirsweep.run.records import RunRecords
from dirsweep.run.tables import Outcome
from tests.policy.made_policy import (
    SPACE,
    MadePolicy,
    drain,
    make_spec,
)


def _observe_curve(policy: MadePolicy, trial: TrialSpec, values: list[float]) -> int:
    """Epochs trained until the scheduler ends it."""
    for epoch, value in enumerate(values):
        if policy.observe(trial.trial_id, {"epoch": epoch, "best_value": value}):
            return epoch + 1
    return len(values)


def test_asha_ends_the_worse_and_never_a_planned_point_of_a_study_without_scheduler(
    tmp_path: Path,
) -> None:
    asha = {"name": "asha", "grace_epochs": 2, "reduction_factor": 2}
    spec = make_spec(
        tmp_path,
        {
            "search": {"trials": 4, "space": SPACE},
            "plain": {"points": [{}], "scheduler": "none"},
        },
        scheduler=asha,
    )
    policy = MadePolicy(spec, tmp_path / "run")
    trials = [policy.next_trial() for _ in range(5)]
    lengths = []
    for level, trial in enumerate(trials):
        assert trial is not None
        lengths.append(_observe_curve(policy, trial, [10.0 + level] * 8))
        status = "complete" if lengths[-1] == 8 else "pruned"
        outcome = Outcome(trial.trial_id, status, metrics={"val_mae_all": 10.0 + level})
        folder = policy.folder(trial.trial_id)
        folder.begin(trial.to_dict())
        folder.finish(outcome)
        policy.ended(outcome)
    assert lengths[0] == 8, "the plain study has no scheduler"
    assert lengths[1] == 8, "the best of the search"
    assert lengths[2:] == [2, 2, 2]
    states = [trial.state for trial in policy.optuna_trials("search")]
    assert states.count(TrialState.PRUNED) == 3
    assert policy.optuna_trials("search")[1].intermediate_values == {
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
    spec, root = make_spec(tmp_path, {"s": study}, scheduler=median), tmp_path / "run"
    trials = drain(MadePolicy(spec, tmp_path / "first"))
    for trial in trials[:5]:
        _finished(root, trial, [1.0] * 5)
    policy = MadePolicy(spec, root, reused_from="first-run")
    last = policy.next_trial()
    assert last is not None
    assert last.trial_id == trials[5].trial_id
    ends = policy.events(Ended)
    assert [(event.trial_id, event.reused_from) for event in ends] == [
        (trial.trial_id, "first-run") for trial in trials[:5]
    ]
    assert policy.observe(last.trial_id, {"epoch": 1, "best_value": 2.0}) is True
    policy.close()
    again = MadePolicy(spec, root, reused_from="first-run")
    assert again.events(Ended) == ends, "noted once"
    assert again.observe(last.trial_id, {"epoch": 1, "best_value": 2.0}) is True, (
        "also by the next driver"
    )
    alone = MadePolicy(spec, tmp_path / "alone")
    first = alone.next_trial()
    assert first is not None
    assert alone.observe(first.trial_id, {"epoch": 1, "best_value": 2.0}) is False


def _interrupted(tmp_path: Path, *, checkpoint: bool) -> tuple[SweepSpec, TrialSpec]:
    """A run that was killed when its first trial, alone at the rung after 2 epochs, had 3."""
    asha = {"name": "asha", "grace_epochs": 2, "reduction_factor": 2}
    studies = {"s": {"points": [{}, {"batch_size": 16}]}}
    spec = make_spec(tmp_path, studies, scheduler=asha)
    policy = MadePolicy(spec, tmp_path / "run")
    trial = policy.next_trial()
    assert trial is not None
    assert _observe_curve(policy, trial, [5.0] * 3) == 3
    folder = policy.folder(trial.trial_id)
    folder.begin(trial.to_dict())
    folder.write_epochs([{"epoch": epoch, "best_value": 5.0} for epoch in range(3)])
    if checkpoint:
        folder.paths.checkpoint.write(b"a checkpoint")
    policy.close()
    return spec, trial


@pytest.mark.parametrize(("checkpoint", "length"), [(True, 4), (False, 2)])
def test_a_resumed_trial_keeps_the_verdicts_on_its_earlier_epochs(
    tmp_path: Path, checkpoint: bool, length: int
) -> None:
    spec, trial = _interrupted(tmp_path, checkpoint=checkpoint)
    policy = MadePolicy(spec, tmp_path / "run")
    assert policy.next_trial() == trial
    other = policy.next_trial()
    assert other is not None
    assert _observe_curve(policy, other, [4.0] * 4) == 4, "a better one passes two rungs"
    assert _observe_curve(policy, trial, [5.0] * 8) == length


@pytest.mark.parametrize(("value", "length"), [(4.0, 4), (6.0, 2)])
def test_a_trial_that_waits_to_resume_counts_for_others(
    tmp_path: Path, value: float, length: int
) -> None:
    spec, trial = _interrupted(tmp_path, checkpoint=True)
    policy = MadePolicy(spec, tmp_path / "run")
    assert policy.next_trial() == trial
    other = policy.next_trial()
    assert other is not None
    assert _observe_curve(policy, other, [value] * 4) == length


def test_a_trial_begun_here_and_finished_elsewhere_is_noted_as_taken_over(tmp_path: Path) -> None:
    root = tmp_path / "run"
    spec = make_spec(tmp_path, {"s": {"points": [{}, {"batch_size": 16}]}}, budget={"cpu_hours": 1})
    begun = MadePolicy(spec, root)
    trial = begun.next_trial()
    assert trial is not None
    begun.close()
    _finished(root, trial, [1.0])  # copied from a run beside
    again = MadePolicy(spec, root, reused_from="other")
    ends = again.events(Ended)
    assert [(event.trial_id, event.reused_from) for event in ends] == [(trial.trial_id, "other")]
    assert again.budget is not None
    assert trial.trial_id not in again.view.state.begun, "what it took was the other run's"


def test_a_retry_that_is_killed_half_way_is_a_trial_that_was_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "run"
    spec = make_spec(tmp_path, {"s": {"points": [{}]}})
    policy = MadePolicy(spec, root)
    trial = policy.next_trial()
    assert trial is not None
    folder = policy.folder(trial.trial_id)
    folder.begin(trial.to_dict())
    folder.finish(Outcome(trial.trial_id, "failed", error="out of memory"))

    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(policy.ledger, "append", killed)
    with pytest.raises(KeyboardInterrupt):
        policy.retry(Retried(trial.trial_id, "tried again with 1"))
    policy.close()
    with Ledger(RunPaths(root).ledger) as ledger:
        RunRecords(RunPaths(root), ledger).settle()
    assert [done.trial_id for done in drain(MadePolicy(spec, root))] == [trial.trial_id]
