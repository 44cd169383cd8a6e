"""The loop: interruption and continuation, stages, patience, divergence, hooks, purity."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from dirsweep import training as package
from dirsweep.errors import TrialError
from dirsweep.training.assembly import Training, build_training
from dirsweep.training.hooks import Hooks, Phase
from dirsweep.training.state import Row, TrainingState
from dirsweep.training.trial import train
from tests.tiny import SIZES, tiny_trial

FDS_PASS = {"name": "fds", "statistics": "pass"}


class Log(Hooks):
    """Everything that the loop calls, in order."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def step_ended(self, epoch: int, step: int, num_steps: int) -> None:
        self.calls.append((epoch, step, num_steps))

    @contextmanager
    def phase(self, phase: Phase) -> Iterator[None]:
        self.calls.append(phase)
        yield
        self.calls.append(f"{phase} ended")

    def epoch_ended(self, state: TrainingState, row: Row) -> None:
        assert state.at_epoch_end
        assert state.rows[-1] is row
        self.calls.append(f"epoch {row['epoch']}")


class InterruptedByHookError(Exception):
    """Raised by a hook."""


class InterruptAfter(Hooks):
    """Ends the loop after an epoch, or within one."""

    def __init__(self, epoch: int, step: int | None = None) -> None:
        self.epoch, self.step = epoch, step

    def step_ended(self, epoch: int, step: int, num_steps: int) -> None:
        if (epoch, step) == (self.epoch, self.step):
            raise InterruptedByHookError

    def epoch_ended(self, state: TrainingState, row: Row) -> None:
        if row["epoch"] == self.epoch:
            raise InterruptedByHookError


def timeless(rows: list[Row]) -> list[Row]:
    times = ("forward_time_s", "epoch_time_s")
    return [{key: value for key, value in row.items() if key not in times} for row in rows]


def parameters(training: Training) -> list[torch.Tensor]:
    modules = (training.model.network, training.model.techniques)
    return [tensor for module in modules for tensor in module.state_dict().values()]


EVERYTHING: dict[str, Any] = {
    "reweighting": "lds",
    "smoothing": {"name": "fds", "start_smooth": 1},
    "loss": {"name": "balanced_mse", "variant": "bmc"},
    "regularizers": {
        "ranksim": {"gamma": 0.1},
        "conr": {"beta": 0.1, "omega": 1.0},
        "moco": {"queue_size": 64, "dim": 8},
    },
    "schedule": {"name": "rrt", "epochs": 2, "reset_regressor": True},
    "optimizer": {"lr": 0.01, "milestones": [2], "weight_decay": 1e-4},
    "grad_clip": 5.0,
    "epochs": 3,
}


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("epoch", [0, 2, 3])
def test_a_loop_that_continues_equals_one_that_was_not_interrupted(
    epoch: int, precision: str
) -> None:
    trial = tiny_trial(**EVERYTHING, precision=precision)
    whole = build_training(trial)
    whole.fit()
    cut = build_training(trial)  # seeds the process's own generator (dropout) once more
    with pytest.raises(InterruptedByHookError):
        cut.fit(InterruptAfter(epoch))
    assert len(cut.state.rows) == epoch + 1
    assert cut.state.at_epoch_end
    cut.fit()
    assert timeless(cut.state.rows) == timeless(whole.state.rows)
    assert all(map(torch.equal, parameters(cut), parameters(whole)))


def test_within_an_epoch_the_state_cannot_be_resumed() -> None:
    training = build_training(tiny_trial())
    assert not training.state.at_epoch_end
    with pytest.raises(InterruptedByHookError):
        training.fit(InterruptAfter(1, step=3))
    assert not training.state.at_epoch_end
    assert [row["epoch"] for row in training.state.rows] == [0]


def test_hooks_are_called_in_the_order_of_events() -> None:
    log = Log()
    training = build_training(tiny_trial(smoothing=FDS_PASS, epochs=2, validate_every=2))
    training.fit(log)
    steps = [[(epoch, step, 7) for step in range(1, 8)] for epoch in (0, 1)]
    smoothing = ["smoothing_pass", "smoothing_pass ended"]
    validation = ["validation", "validation ended"]
    assert log.calls == [
        *steps[0],
        *smoothing,
        "epoch 0",
        *steps[1],
        *smoothing,
        *validation,
        "epoch 1",
    ]


def test_hooks_change_no_number() -> None:
    trial = tiny_trial(smoothing=FDS_PASS)
    plain = build_training(trial).fit()
    hooked = build_training(trial).fit(Log())
    assert timeless(hooked.rows) == timeless(plain.rows)


def test_the_network_is_that_of_the_best_epoch_of_the_last_stage() -> None:
    trial = tiny_trial(schedule={"name": "rrt", "epochs": 3}, epochs=3, optimizer={"lr": 0.05})
    training = build_training(trial)
    state = training.fit()
    assert state.best is not None
    values = [row["val_mae_all"] for row in state.rows]
    assert state.best.epoch == 3 + values[3:].index(min(values[3:]))
    network = training.model.network.state_dict()
    assert all(torch.equal(network[name], state.best.model[name]) for name in network)
    assert state.rows[-1]["best_epoch"] == state.best.epoch


def test_the_second_stage_starts_from_the_best_epoch_and_keeps_the_backbone() -> None:
    trial = tiny_trial(schedule={"name": "rrt", "epochs": 1}, epochs=6, optimizer={"lr": 0.3})
    training = build_training(trial)
    with pytest.raises(InterruptedByHookError):
        training.fit(InterruptAfter(5))
    assert training.state.best is not None
    best = {k: v.clone() for k, v in training.state.best.model.items() if k.startswith("backbone")}
    training.fit()
    network = training.model.network.state_dict()
    assert all(torch.equal(network[name], tensor) for name, tensor in best.items())


PAPERS_RRT = {
    "name": "rrt",
    "epochs": 2,
    "first_reweighting": "none",
    "reweighting": "trial",
    "reset_regressor": True,
}


@pytest.mark.parametrize("mode", ["frozen", "released"])
def test_batch_statistics_move_in_the_second_stage_as_released_only(mode: str) -> None:
    schedule = {**PAPERS_RRT, "batch_norm": mode}
    training = build_training(tiny_trial(epochs=2, schedule=schedule, reweighting="inv"))
    with pytest.raises(InterruptedByHookError):
        training.fit(InterruptAfter(1))
    assert training.state.best is not None
    best = {k: v.clone() for k, v in training.state.best.model.items() if k.startswith("backbone")}
    training.fit()
    network = training.model.network.state_dict()
    moved = {name for name, tensor in best.items() if not torch.equal(network[name], tensor)}
    statistics = {name for name in best if "running" in name or "num_batches" in name}
    assert len(statistics) == 3
    assert moved == (statistics if mode == "released" else set())


def test_rrt_trains_its_first_stage_as_a_plain_training_without_weights() -> None:
    lds = {"name": "lds", "base": "inv"}
    rows = build_training(tiny_trial(epochs=3, schedule=PAPERS_RRT, reweighting=lds)).fit().rows
    plain = build_training(tiny_trial(epochs=3)).fit().rows
    weighted = build_training(tiny_trial(epochs=3, reweighting=lds)).fit().rows
    assert timeless(rows[:3]) == timeless(plain)
    assert rows[0]["train_loss"] != weighted[0]["train_loss"]


def test_patience_ends_training_early() -> None:
    outcome = train(tiny_trial(epochs=50, patience=2, optimizer={"lr": 1e-12}), num_threads=1)
    assert outcome.num_epochs < 50


def test_a_stages_last_epoch_is_validated() -> None:
    training = build_training(
        tiny_trial(epochs=3, validate_every=2, schedule={"name": "rrt", "epochs": 1})
    )
    rows = training.fit().rows
    assert ["val_mae_all" in row for row in rows] == [False, True, True, True]


def test_divergence_ends_the_loop() -> None:
    trial = tiny_trial(loss="mse", optimizer={"name": "sgd", "lr": 1e4}, epochs=3)
    with pytest.raises(TrialError, match=r"the training loss .* in epoch 1"):
        build_training(trial).fit()


def test_predictions_that_are_not_finite_end_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    infinite = torch.full((SIZES["val"],), float("inf"))
    monkeypatch.setattr("dirsweep.training.loop.predict", lambda *_: infinite)
    with pytest.raises(TrialError, match="predictions became NaN or infinite in epoch 1"):
        build_training(tiny_trial()).fit()


@pytest.mark.parametrize("file", ["loop.py", "losses.py", "state.py", "hooks.py", "optim.py"])
def test_the_loop_does_no_io_and_knows_no_trial(file: str) -> None:
    tree = ast.parse((Path(package.__file__).parent / file).read_text())
    imported: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            imported |= {node.module or "", *(alias.name for alias in node.names)}
        elif isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
    forbidden = {"pyarrow", "pathlib", "os", "io", "logging", "TrialSpec", "torch.save"}
    assert not imported & forbidden
    assert not [name for name in imported if name.startswith(("dirsweep.run", "dirsweep.execute"))]
    calls = {node.func.id for node in ast.walk(tree) if _is_plain_call(node)}
    assert not calls & {"open", "print"}


def _is_plain_call(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
