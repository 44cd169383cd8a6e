"""The loop with a made-up place to run: any order of ends, kills at any time, requests to stop."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from dirsweep.config.sweep import SweepSpec
from dirsweep.config.trial import TrialSpec
from dirsweep.driver import Driver
from dirsweep.execute.base import TrialEnded
from dirsweep.run.events import Ended, Proposed, Raced, Retried, Started
from dirsweep.run.folder import RunPaths
from dirsweep.run.ledger import Ledger, read_events, read_state
from dirsweep.run.records import RunRecords
from dirsweep.run.tables import Outcome
from tests.flow.driving import Listener
from tests.made_executor import Killed, MadeExecutor
from tests.policy.made_policy import MadePolicy, loss_of, make_spec

STUDIES: dict[str, Any] = {
    "grid": {"grid": {"batch_size": [16, 32]}, "seeds": [0, 1]},
    "same": {"points": [{"batch_size": 32}]},
    "race": {
        "grid": {"regularizers.ranksim.gamma": [40.0, 60.0, 900.0]},
        "seeds": [0, 1],
        "racing": {"max_seeds": 4},
    },
    "search": {
        "trials": 5,
        "sampler": {"name": "tpe", "seed": 1, "n_startup_trials": 2},
        "space": {"regularizers.ranksim.gamma": {"log_uniform": [1, 1000]}},
        "start": [{"regularizers.ranksim.gamma": 3.0}],
    },
}


def curve(trial: TrialSpec, epoch: int) -> float:
    noise = random.Random(f"{trial.trial_id} {epoch}").gauss(0, 0.2)
    return loss_of(trial) + 1 / (epoch + 1) + noise


def drive(spec: SweepSpec, root: Path, **more: Any) -> tuple[MadePolicy, MadeExecutor, Listener]:
    """One driver's life; closed also where it is killed."""
    with Ledger(RunPaths(root).ledger) as ledger:
        RunRecords(RunPaths(root), ledger).settle()
    policy = MadePolicy(spec, root)
    more = {"random": random.Random(0), **more}
    executor = MadeExecutor(policy.paths, curve, **more)
    listener = Listener()
    try:
        Driver(policy, executor, listener, policy.paths).run()
    finally:
        policy.close()
    return policy, executor, listener


def decisions(root: Path) -> list[Any]:
    """What was decided, whatever the timing: points, seeds and rounds of races."""
    state = read_state(RunPaths(root).ledger)
    points = [(p.key, dict(p.overrides), dict(p.trials)) for p in state.points.values()]
    rounds = {name: [(r.num_seeds, r.best, r.open) for r in of] for name, of in state.races.items()}
    return [sorted(points, key=lambda point: point[0]), rounds]


def check_log(root: Path) -> None:
    """Nothing is started before it is proposed, ends twice, or is started after its end."""
    proposed, ended = set[str](), set[str]()
    for event in read_events(RunPaths(root).ledger):
        match event:
            case Proposed():
                proposed |= set(event.trial_ids)
            case Started(trial_id=trial_id):
                assert trial_id in proposed - ended
            case Ended(trial_id=trial_id):
                assert trial_id not in ended
                ended.add(trial_id)
    assert ended == proposed


def test_a_sweep_is_driven_to_its_end(tmp_path: Path) -> None:
    spec = make_spec(tmp_path, STUDIES)
    policy, executor, listener = drive(spec, tmp_path / "run")
    assert policy.view.finished
    assert len(executor.started) == len(set(executor.started)) == listener.num_trials
    assert listener.started == [i for i, _, _ in listener.ended] == executor.started
    assert policy.events(Raced), "the race took part"
    check_log(tmp_path / "run")


@settings(max_examples=8, phases=[Phase.explicit, Phase.generate])
@given(
    seed=st.integers(0, 2**16),
    num_places=st.integers(1, 3),
    lives=st.lists(st.integers(0, 25), max_size=6),
)
def test_killed_at_any_time_it_goes_on_as_if_undisturbed(
    seed: int, num_places: int, lives: list[int]
) -> None:
    with TemporaryDirectory() as folder:
        root = Path(folder)
        spec = make_spec(root, STUDIES, reproducible=True, window=2)
        drive(spec, root / "whole")
        rng = random.Random(seed)
        for num_news in lives:
            with suppress(Killed):
                drive(spec, root / "cut", random=rng, num_places=num_places, lives=num_news)
        policy, executor, _ = drive(spec, root / "cut", random=rng, num_places=num_places)
        assert policy.view.finished
        assert len(executor.started) == len(set(executor.started))
        assert decisions(root / "cut") == decisions(root / "whole")
        check_log(root / "cut")


def test_a_request_to_stop(tmp_path: Path) -> None:
    spec = make_spec(tmp_path, STUDIES)
    policy = MadePolicy(spec, tmp_path / "run")
    executor, listener = MadeExecutor(policy.paths, curve, random=random.Random(0)), Listener()
    driver = Driver(policy, executor, listener, policy.paths)
    policy.paths.stop.create()
    driver.run()
    assert listener.messages == ["stopping, as asked: running trials keep their checkpoints"]
    assert (policy.view.stopping, executor.stopping) == (True, True)
    assert (len(listener.started), len(listener.ended)) == (1, 0)
    assert [event.trial_id for event in policy.events(Started)] == listener.started
    # it ended when nobody listened any more
    (trial,) = policy.view.running.values()
    folder = policy.folder(trial.trial_id)
    folder.finish(Outcome(trial.trial_id, "complete", metrics={"val_mae_all": 1.0}))
    driver.settle()
    assert [trial_id for trial_id, _, _ in listener.ended] == [trial.trial_id]
    assert [event.trial_id for event in policy.events(Ended)] == [trial.trial_id]


def test_a_scheduler_ends_trials(tmp_path: Path) -> None:
    asha = {"name": "asha", "grace_epochs": 1, "reduction_factor": 2}
    study = {"grid": {"regularizers.ranksim.gamma": [50.0, 900.0, 1.0, 2.0]}}
    spec = make_spec(tmp_path, {"g": study}, scheduler=asha)
    _, _, listener = drive(spec, tmp_path / "run", num_epochs=6)
    statuses = [status for _, status, _ in listener.ended]
    assert statuses[0] == "complete"
    assert set(statuses[1:]) == {"pruned"}
    trained = Counter(trial_id for trial_id, _ in listener.epochs)
    assert [trained[trial_id] for trial_id in listener.started][1:] == [1, 1, 2], "at once"


def test_out_of_memory_on_a_shared_gpu_is_retried_with_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = make_spec(tmp_path, {"g": {"grid": {"batch_size": [8, 16]}}})
    policy = MadePolicy(spec, tmp_path / "run")
    executor = MadeExecutor(policy.paths, curve, random=random.Random(0))
    executor.gpu_share = 0.25
    shares: list[tuple[str, float]] = []
    perform, end = executor.perform, executor._end

    def noting(action: Any) -> None:
        if hasattr(action, "gpu_share"):
            shares.append((action.trial.trial_id, action.gpu_share))
        perform(action)

    def out_of_memory_once(
        trial: TrialSpec, folder: Any, rows: Any, status: Any, tell: Any
    ) -> None:
        if len(shares) > 1:
            return end(trial, folder, rows, status, tell)
        outcome = Outcome(trial.trial_id, "failed", "out of memory on the GPU")
        folder.finish(outcome)
        del executor.running[trial.trial_id]
        folder.paths.epochs.delete()
        return executor._tell(tell, TrialEnded(outcome))

    monkeypatch.setattr(executor, "perform", noting)
    monkeypatch.setattr(executor, "_end", out_of_memory_once)
    listener = Listener()
    Driver(policy, executor, listener, policy.paths).run()
    first, second = dict.fromkeys(trial_id for trial_id, _ in shares)
    assert shares == [(first, 0.25), (first, 0.5), (second, 0.25)]
    assert [status for _, status, _ in listener.ended] == ["complete", "complete"]
    assert [event.share for event in policy.events(Retried)] == [0.5]
    assert listener.messages == [
        "g: batch_size=8, seed 0: out of memory with 0.25 of a GPU, tried again with 0.5"
    ]
