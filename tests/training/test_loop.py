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
from dirsweep.training import loop
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


# ---- validations counted in steps; an epoch has 7


def trained(rows: list[Row]) -> list[Row]:
    """What the rows say about training, not about validation."""
    keys = ("epoch", "stage", "lr", "train_loss", "loss_terms")
    return [{key: row[key] for key in keys} for row in rows]


def steps_of(rows: list[Row]) -> list[list[int]]:
    return [[check["step"] for check in row.get("checks", ())] for row in rows]


@pytest.mark.parametrize("config", [EVERYTHING, {"smoothing": FDS_PASS, "epochs": 3}])
def test_as_many_steps_as_an_epoch_has_are_an_epoch(config: dict[str, Any]) -> None:
    # each is trained before the next is built, which seeds the process's generator (dropout)
    by_epochs = build_training(tiny_trial(**config))
    by_epochs.fit()
    by_steps = build_training(tiny_trial(**config, validate_every={"steps": 7}))
    by_steps.fit()
    rows = [
        {key: value for key, value in row.items() if key not in ("checks", "unimproved")}
        for row in by_steps.state.rows
    ]
    assert timeless(rows) == timeless(by_epochs.state.rows)
    assert all(map(torch.equal, parameters(by_steps), parameters(by_epochs)))


@pytest.mark.parametrize("steps", [1, 3, 10, 100])
def test_validations_within_epochs_change_no_step(steps: int) -> None:
    plain = build_training(tiny_trial(**EVERYTHING)).fit().rows
    # the second stage starts from the best validation, so only the first can be equal
    rows = build_training(tiny_trial(**EVERYTHING, validate_every={"steps": steps})).fit().rows
    assert trained(rows[:3]) == trained(plain[:3])


def test_steps_are_counted_across_the_epochs_of_a_stage() -> None:
    trial = tiny_trial(epochs=3, validate_every={"steps": 5}, schedule={"name": "rrt", "epochs": 2})
    state = build_training(trial).fit()
    # the last epoch of a stage is validated at its end
    assert steps_of(state.rows) == [[5], [10], [15, 20, 21], [5], [10, 14]]
    assert [row["stage"] for row in state.rows] == [0, 0, 0, 1, 1]
    rare = build_training(tiny_trial(epochs=3, validate_every={"steps": 10})).fit().rows
    assert ["val_mae_all" in row for row in rare] == [False, True, True]
    assert steps_of(rare) == [[], [10], [20, 21]]


def test_a_row_has_the_metrics_of_the_best_validation_of_its_epoch() -> None:
    trial = tiny_trial(epochs=4, validate_every={"steps": 2}, optimizer={"lr": 0.1})
    state = build_training(trial).fit()
    values = [[check["value"] for check in row["checks"]] for row in state.rows]
    assert [row["val_mae_all"] for row in state.rows] == [min(epoch) for epoch in values]
    assert any(epoch[-1] > min(epoch) for epoch in values), "not always the last one"
    flat = [value for epoch in values for value in epoch]
    assert state.costs == flat
    assert state.best is not None
    assert state.best.value == min(flat) == state.rows[state.best.epoch]["val_mae_all"]
    assert state.rows[-1]["best_epoch"] == state.best.epoch
    assert state.rows[-1]["unimproved"] == len(flat) - 1 - flat.index(min(flat))


def test_a_number_of_validations_ends_a_stage_within_an_epoch() -> None:
    log = Log()
    trial = tiny_trial(
        smoothing=FDS_PASS,
        epochs=50,
        validate_every={"steps": 4},
        max_checks=3,
        schedule={"name": "rrt", "epochs": 50},
    )
    training = build_training(trial)
    state = training.fit(log)
    assert steps_of(state.rows) == [[4], [8, 12], [4], [8, 12]]
    steps = [call for call in log.calls if isinstance(call, tuple)]
    assert [step for epoch, step, _ in steps if epoch == 1] == [1, 2, 3, 4, 5]
    assert log.calls.count("smoothing_pass") == 1, "the epoch that is cut completes no statistics"
    whole = build_training(tiny_trial(epochs=50, max_checks=3)).fit().rows
    assert len(whole) == 3, "epochs are counted likewise"


def test_patience_counts_validations_not_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "objective_value", lambda *_: 1.0)
    trial = tiny_trial(epochs=50, validate_every={"steps": 2}, patience=3)
    assert steps_of(build_training(trial).fit().rows) == [[2, 4, 6], [8]]


@pytest.mark.parametrize("number", range(6))
def test_the_released_rule_ends_the_loop_where_the_released_code_ended(
    golden_benchmarks: Any, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    history = golden_benchmarks["sts_stop_history"][number].tolist()
    stop, best = golden_benchmarks["sts_stop_at_and_best"][number].tolist()
    scripted = iter(history)
    monkeypatch.setattr(loop, "objective_value", lambda *_: next(scripted))
    trial = tiny_trial(
        epochs=100, validate_every={"steps": 5}, stopping="released", patience=10, metric="mse"
    )
    monkeypatch.setattr(loop, "_validation_columns", lambda validations, *_: {})
    state = build_training(trial).fit()
    assert state.costs == history[: stop + 1]
    assert len(state.rows) == -(-5 * (stop + 1) // 7)
    assert state.best is not None
    assert (state.best.value, state.best.epoch) == (history[best], (5 * (best + 1) - 1) // 7)


def test_ties_keep_the_older_validation(monkeypatch: pytest.MonkeyPatch) -> None:
    scripted = iter([3.0, 1.0, 2.0, 1.0, 1.0])
    monkeypatch.setattr(loop, "objective_value", lambda *_: next(scripted))
    monkeypatch.setattr(loop, "_validation_columns", lambda validations, *_: {})
    state = build_training(tiny_trial(epochs=5)).fit()
    assert state.best is not None
    assert (state.best.value, state.best.epoch) == (1.0, 1)


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
