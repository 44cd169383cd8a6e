"""Ray Tune's side of the executor: what it asks for trials and tells of them, in its own thread."""

from __future__ import annotations

import json
from typing import Any, Protocol

from ray import tune
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler
from ray.tune.search import Searcher
from ray.tune.stopper import Stopper

from dirsweep.execute.ray.trainable import TrialConfig


class TuneListener(Protocol):
    """Is asked for trials, and told what happens to them; called in Ray Tune's thread.

    Trials go by Ray's own ids here.
    """

    @property
    def no_more(self) -> bool:
        """Whether no further trial will be started."""

    @property
    def stopping(self) -> bool:
        """Whether all trials are to be stopped."""

    def next_config(self, ray_id: str) -> TrialConfig | None:
        """Return the next trial, which gets Ray's ``ray_id``; None while there is none."""

    def worker_found(self, ray_trial: Any) -> None:
        """A worker has taken the trial; again after a lost worker."""

    def worker_lost(self, ray_id: str) -> None:
        """The trial waits for another worker."""

    def epoch_reported(self, ray_id: str, row: dict[str, Any]) -> None:
        """The trial has trained an epoch."""

    def completed(self, ray_id: str, error: str | None) -> None:
        """The trial has ended, or was stopped.

        Args:
            ray_id: which.
            error: why its worker could not write to the run's folder, if it could not.
        """

    def check(self) -> None:
        """Leave Ray Tune if the driver no longer listens."""


class _NotPickled:
    """Pickles as an empty object: Ray's experiment state, which it goes into, is thrown away."""

    def __reduce__(self) -> tuple[type[object], tuple[()]]:
        return object, ()


class TrialSource(_NotPickled, Searcher):
    """Gives Ray Tune the trials that the driver has started."""

    def __init__(self, listener: TuneListener) -> None:
        super().__init__()
        self.listener = listener

    def suggest(self, trial_id: str) -> Any:
        """Return the next trial's configuration, None for none now, or FINISHED."""
        config = self.listener.next_config(trial_id)
        if config is None and self.listener.no_more:
            return Searcher.FINISHED
        return config

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Pass an epoch on."""
        if "row" in result:
            self.listener.epoch_reported(trial_id, json.loads(result["row"]))

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Pass an end on."""
        self.listener.completed(trial_id, (result or {}).get("broken"))

    def save(self, checkpoint_path: str) -> None:
        """Save nothing: the ledger is the memory."""

    def restore(self, checkpoint_path: str) -> None:
        """Restore nothing: the ledger is the memory."""


class TrialEvents(_NotPickled, tune.Callback):
    """Passes on what Ray Tune does not tell a searcher."""

    def __init__(self, listener: TuneListener) -> None:
        self.listener = listener

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Pass on that a worker has taken a trial."""
        self.listener.worker_found(trial)

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Pass on that a worker was lost."""
        self.listener.worker_lost(trial.trial_id)

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Leave if the driver no longer listens."""
        self.listener.check()


class OldestFirst(_NotPickled, FIFOScheduler):
    """Starts waiting trials in order; Ray Tune's own looks at every trial there ever was."""

    def choose_trial_to_run(self, tune_controller: Any) -> Any:
        """Return the first trial that waits."""
        live = tune_controller.get_live_trials()
        waiting = [trial for trial in live if trial.status == Trial.PENDING]
        return min(waiting, key=lambda trial: trial.trial_id, default=None)


class StopOnRequest(_NotPickled, Stopper):
    """Stops everything once the driver says so."""

    def __init__(self, listener: TuneListener) -> None:
        self.listener = listener

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Stop no single trial."""
        return False

    def stop_all(self) -> bool:
        """Return whether all trials are to be stopped."""
        return self.listener.stopping
