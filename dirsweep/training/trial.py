"""Lifecycle of one trial: folder, checkpoint, resume, training, outcome."""

from __future__ import annotations

import logging
import math
import socket
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from numpy.typing import NDArray
from torch import Tensor

from dirsweep.config.trial import TrialSpec
from dirsweep.data.base import SplitName
from dirsweep.errors import DirSweepError, StoreError, TrialPruned, TrialStopped
from dirsweep.run.folder import TrialFolder
from dirsweep.run.tables import (
    Outcome,
    Status,
    features_table,
    forward_time,
    predictions_table,
)
from dirsweep.training.assembly import Training, build_training
from dirsweep.training.checkpoint import load_checkpoint, save_checkpoint
from dirsweep.training.evaluation import predict, predict_with_features, split_metrics
from dirsweep.training.failures import fault_of
from dirsweep.training.hooks import Hooks
from dirsweep.training.initial_weights import weights_of_first_trial
from dirsweep.training.loop import begin_stage, is_over
from dirsweep.training.memory import out_of_memory, peak_mib
from dirsweep.training.model_record import store_model
from dirsweep.training.seeding import reset_process
from dirsweep.training.state import Best, Row, TrainingState

log = logging.getLogger(__name__)

#: takes one epoch's row; may raise TrialPruned to end the trial
Emit = Callable[[Row], None]
#: takes epoch (from 0), step (from 1), steps in the epoch
Progress = Callable[[int, int, int], None]

#: seconds between two writes of the epochs for monitoring; checkpoints are less frequent
WRITE_EPOCHS_EVERY_S = 1.0


@dataclass(frozen=True)
class Attempt:
    """One attempt at a trial.

    Attributes:
        number: from 1; more than 1 after an interruption.
        started_at: when the first attempt began, ISO 8601.
        began: when this attempt began, seconds on the monotonic clock.
    """

    number: int
    started_at: str
    began: float


@dataclass(frozen=True)
class Results:
    """What a trial measured.

    Attributes:
        metrics: ``<split>_<metric>_<region>`` -> value, None where it is not defined.
        predictions: of the same splits; None where there are none.
        features: test features; None where they are not kept.
    """

    metrics: dict[str, float | None] = field(default_factory=dict)
    predictions: pa.Table | None = None
    features: pa.Table | None = None


def train(  # noqa: PLR0913 - one parameter per setting
    trial: TrialSpec,
    emit: Emit = lambda row: None,
    *,
    folder: TrialFolder | None = None,
    num_threads: int | None = None,
    progress: Progress | None = None,
    checkpoint_every_s: float = 10.0,
    store_features: bool = False,
    model_limit_mib: float | None = None,
) -> Outcome:
    """Train a trial and write its results into its folder.

    A trial that is finished there is not trained again; an unfinished one resumes from its
    checkpoint with the same numbers. An interruption (KeyboardInterrupt, SystemExit) between two
    epochs writes a checkpoint and is raised again.

    Args:
        trial: what to train.
        emit: takes each epoch's row, those of earlier attempts included; may raise TrialPruned or
            TrialStopped.
        folder: where checkpoint and results go; None keeps everything in memory.
        num_threads: threads of torch's operators on the CPU; None leaves them as they are.
        progress: takes the number of each step.
        checkpoint_every_s: seconds between checkpoints.
        store_features: whether to keep the backbone's features of the test samples, without
            calibration by FDS.
        model_limit_mib: largest network that is stored, MiB of weights; None stores none.

    Returns:
        The outcome: ``complete``, ``pruned``, ``stopped``, or ``failed`` with the reason.

    Raises:
        StoreError: the folder cannot be written to; the trial stays unfinished.
    """
    if folder is not None and (finished := folder.outcome()) is not None:
        return finished
    reset_process(num_threads)
    attempt = _begin_attempt(trial, folder)
    session: TrialSession | None = None
    results, error, fault = Results(), None, None
    status: Status = "complete"
    try:
        training = build_training(trial, weights=weights_of_first_trial(trial, folder))
        session = TrialSession(
            trial, training, folder, emit, progress, checkpoint_every_s, attempt.began
        )
        session.record_length()
        results = session.run(store_features=store_features)
        limit_mib = math.inf if trial.keeps_model else model_limit_mib
        if folder is not None and limit_mib is not None:
            store_model(training, trial, folder.paths.model, limit_mib=limit_mib)
    except StoreError:
        raise  # not the trial's fault: it resumes once the folder can be written to
    except Exception as problem:
        status, error = _ending_of(trial, problem)
        fault = fault_of(problem) if status == "failed" else None
        results = session.validation_results() if session is not None else results
    except BaseException:
        if session is not None:
            session.save(force=True)
        raise
    outcome = _outcome(trial, attempt, session, results, status)
    outcome = replace(outcome, error=error, fault=fault)
    if folder is not None:
        folder.write_epochs(session.state.rows if session is not None else [])
        folder.finish(outcome, results.predictions, results.features)
    return outcome


def _begin_attempt(trial: TrialSpec, folder: TrialFolder | None) -> Attempt:
    """Make the trial's folder and count the attempt."""
    began, started_at, number = time.monotonic(), datetime.now(UTC).isoformat(), 1
    if folder is not None:
        earlier = folder.paths.spec.read_json() or {}
        started_at = earlier.get("started_at", started_at)
        number = earlier.get("attempt", 0) + 1
        folder.begin({**trial.to_dict(), "started_at": started_at, "attempt": number})
    return Attempt(number, started_at, began)


def _ending_of(trial: TrialSpec, problem: Exception) -> tuple[Status, str | None]:
    """Return status and error of a trial that ended by an exception."""
    if isinstance(problem, TrialPruned):
        return ("stopped" if isinstance(problem, TrialStopped) else "pruned"), None
    if isinstance(problem, DirSweepError):
        return "failed", str(problem)
    log.error("trial %s failed\n%s", trial.trial_id, traceback.format_exc())
    first_line = next(iter(str(problem).splitlines()), "no message")
    return "failed", out_of_memory(problem) or f"{type(problem).__name__}: {first_line}"


def _outcome(
    trial: TrialSpec,
    attempt: Attempt,
    session: TrialSession | None,
    results: Results,
    status: Status,
) -> Outcome:
    outcome = Outcome(
        trial_id=trial.trial_id,
        status=status,
        metrics=results.metrics,
        wall_time_s=time.monotonic() - attempt.began,
        started_at=attempt.started_at,
        ended_at=datetime.now(UTC).isoformat(),
        host=socket.gethostname(),
        attempts=attempt.number,
    )
    if session is None:
        return outcome
    model, state = session.training.model, session.state
    return replace(
        outcome,
        best_epoch=state.best.epoch if state.best is not None else None,
        num_epochs=len(state.rows),
        wall_time_s=session.seconds(),
        training_time_s=sum(row["epoch_time_s"] for row in state.rows),
        forward_time_s=forward_time(state.rows),
        peak_memory_mib=peak_mib(model.device),
        num_parameters=sum(param.numel() for param in model.network.parameters()),
    )


@dataclass
class TrialSession(Hooks):
    """One attempt's training: resumed when created, saved while it runs.

    Attributes:
        trial: what is trained.
        training: as built from ``trial``.
        folder: holds the checkpoint; None for none.
        emit: takes each epoch's row.
        progress: takes the number of each step; None for nobody.
        checkpoint_every_s: seconds between checkpoints. A resumed trial repeats the epochs since
            the last one, with the same numbers.
        began: when the attempt began, seconds on the monotonic clock.
    """

    trial: TrialSpec
    training: Training
    folder: TrialFolder | None
    emit: Emit
    progress: Progress | None
    checkpoint_every_s: float
    began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self._saved_at = self._epochs_written_at = time.monotonic()
        self._earlier_s = 0.0
        if self.folder is None:
            return
        saved = load_checkpoint(self.folder.paths.checkpoint, self.trial.trial_id)
        if saved is not None:
            restore_training(self.training, saved)
            self._earlier_s = saved["elapsed_s"]
            log.info("resumed after epoch %d", len(self.state.rows))

    @property
    def state(self) -> TrainingState:
        """Progress of the training."""
        return self.training.state

    def seconds(self) -> float:
        """Return the seconds of work so far: start-up and earlier attempts included."""
        return self._earlier_s + time.monotonic() - self.began

    def record_length(self) -> None:
        """Record the number of epochs where it is more than the configuration's: further stages."""
        total = sum(stage.num_epochs for stage in self.training.plan.stages)
        if self.folder is not None and total != self.trial.config["epochs"]:
            spec = self.folder.paths.spec
            spec.write_json({**(spec.read_json() or {}), "total_epochs": total}, durable=False)

    def run(self, *, store_features: bool) -> Results:
        """Train to the end and return the best epoch's results on validation and test."""
        for row in self.state.rows:  # epochs of earlier attempts count for progress and pruning
            self._announce(row)
        self.training.fit(self)
        return self.test_results(store_features=store_features)

    def step_ended(self, epoch: int, step: int, num_steps: int) -> None:
        """Report progress."""
        if self.progress is not None:
            self.progress(epoch, step, num_steps)

    def epoch_ended(self, state: TrainingState, row: Row) -> None:
        """Save the epoch, then announce it."""
        self.save()
        self._announce(row)

    def _announce(self, row: Row) -> None:
        """Emit an epoch's row; a scheduler does not end a trial that has trained every epoch."""
        try:
            self.emit(row)
        except TrialStopped:
            raise
        except TrialPruned:
            if not is_over(self.training.plan, self.state):
                raise

    def save(self, *, force: bool = False) -> None:
        """Write checkpoint and epochs, unless that was done a moment ago.

        Epochs alone are written more often, for monitoring. Within an epoch nothing is written: a
        half-trained epoch could not be repeated with the same numbers.

        Args:
            force: write the checkpoint in any case.

        Raises:
            StoreError: the folder cannot be written to.
        """
        if self.folder is None or not self.state.at_epoch_end:
            return
        now = time.monotonic()
        if force or now - self._saved_at >= self.checkpoint_every_s:
            content = training_content(self.training, self.trial.trial_id, self.seconds())
            save_checkpoint(self.folder.paths.checkpoint, content)
            self._saved_at = time.monotonic()
        elif now - self._epochs_written_at < WRITE_EPOCHS_EVERY_S:
            return
        self.folder.write_epochs(self.state.rows)
        self._epochs_written_at = time.monotonic()

    def validation_results(self) -> Results:
        """Return the best epoch so far on validation, for a trial that ended early."""
        best = self.state.best
        return Results() if best is None else self._results({"val": best.val_preds})

    def test_results(self, *, store_features: bool) -> Results:
        """Read the test split, for the first and only time."""
        assert self.state.best is not None
        model, data = self.training.model, self.training.data
        val_preds = self.state.best.val_preds
        if not store_features:
            return self._results({"val": val_preds, "test": predict(model, data, "test")})
        preds, features = predict_with_features(model, data, "test")
        results = self._results({"val": val_preds, "test": preds})
        return replace(results, features=features_table("test", *self._columns("test", features)))

    def _results(self, preds: Mapping[SplitName, Tensor]) -> Results:
        """Return metrics and table of (N,) or (N, K) predictions by split."""
        metrics: dict[str, float | None] = {}
        for split, split_preds in preds.items():
            metrics |= split_metrics(self.training.data, split, split_preds)
        columns = {str(split): self._columns(split, found) for split, found in preds.items()}
        return Results(metrics, predictions_table(columns))

    def _columns(
        self, split: SplitName, values: Tensor
    ) -> tuple[Sequence[str], NDArray[Any], NDArray[Any]]:
        """Return ids and labels of a split's samples, and the value of each."""
        data = self.training.data
        return data.sample_ids(split), data.labels(split), values.numpy()


def training_content(training: Training, trial_id: str, elapsed_s: float) -> dict[str, Any]:
    """Return a checkpoint's content.

    Args:
        training: at the end of an epoch.
        trial_id: of the trial; no other trial may use the checkpoint.
        elapsed_s: seconds of work so far, all attempts together.

    Returns:
        Tensors and plain data; ``restore_training`` reads it.
    """
    model, state = training.model, training.state
    return {
        "trial_id": trial_id,
        "stage": state.stage,
        "epoch_of_stage": state.epoch_of_stage,
        "unimproved": state.unimproved,
        "costs": state.costs,
        "model": model.network.state_dict(),
        "techniques": model.techniques.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "scaler": state.scaler.state_dict(),
        "generators": state.generators.state(),
        "best": None if state.best is None else dict(vars(state.best)),
        "rows": state.rows,
        "elapsed_s": elapsed_s,
    }


def restore_training(training: Training, saved: dict[str, Any]) -> None:
    """Set a training that was just built to the end of the epoch that ``saved`` holds.

    Args:
        training: changed in place; continues with the numbers it would have had.
        saved: of ``training_content``, for the same trial.
    """
    model, state = training.model, training.state
    begin_stage(model, training.plan, state, saved["stage"])
    state.epoch_of_stage, state.unimproved = saved["epoch_of_stage"], saved["unimproved"]
    # checkpoints of earlier builds lack it, and belong to trials that do not use it
    state.costs = list(saved.get("costs", ()))
    model.network.load_state_dict(saved["model"])
    model.techniques.load_state_dict(saved["techniques"])
    state.optimizer.load_state_dict(saved["optimizer"])
    state.scaler.load_state_dict(saved["scaler"])
    state.best = None if saved["best"] is None else Best(**saved["best"])
    state.rows = list(saved["rows"])
    state.at_epoch_end = True
    # last: building stages draws random numbers
    state.generators.restore(saved["generators"])
