"""Training steps and memory against vanilla."""

from __future__ import annotations

import pytest

from dirsweep.bench import training_steps
from dirsweep.bench.measurement import one_thread
from dirsweep.bench.training_steps import STEP_CASES, StepCase, memory_rows, step_rows


def test_the_shortest_step_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    class Data:
        def num_steps(self, batch_size: int) -> int:
            return 2

    class Plan:
        batch_size = 64

    class FakeTraining:
        data, plan = Data(), Plan()

        def __init__(self, seconds: list[float]) -> None:
            self.seconds = iter(seconds)

    times = {"a": [9.0, 2.0, 2.5], "b": [9.0, 2.1, 2.2], "c": [9.0, 5.0, 4.0]}
    monkeypatch.setattr(training_steps, "_build", lambda key, cache: FakeTraining(times[key["t"]]))
    monkeypatch.setattr(
        training_steps, "processor_seconds", lambda epoch: next(epoch.args[0].seconds)
    )
    cases = [
        StepCase("vanilla", {"t": "a"}, None),
        StepCase(training_steps.VANILLA_AGAIN, {"t": "b"}, None),
        StepCase("ConR", {"t": "c"}, 2.1),
    ]
    again, conr = step_rows(2, cases)
    assert again.ratio == pytest.approx(2.1 / 2.0)
    assert (conr.ratio, conr.ours, conr.theirs) == (2.0, 2000.0, 1000.0)
    assert conr.noise == pytest.approx(0.05)
    assert conr.met


@pytest.mark.slow
def test_training_steps_and_memory_are_measured_by_the_trainer() -> None:
    few = tuple(case for case in STEP_CASES if case.name in ("vanilla", "ConR"))
    with one_thread():
        (step,) = step_rows(1, few)
    assert 1.5 < step.ratio < 3
    (memory,) = memory_rows(few)
    assert memory.ours > memory.theirs > 0
