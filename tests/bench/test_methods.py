"""The benchmark compares like with like, and says what it measured."""

from __future__ import annotations

import io

import pytest
import torch
from rich.console import Console

from dirsweep.bench import methods
from dirsweep.bench.methods import (
    BenchRow,
    cases,
    loop_rows,
    memory_rows,
    one_thread,
    run_bench,
    step_rows,
)


@pytest.mark.parametrize("num", [12, 40])
def test_both_sides_compute_the_same_gradient(num: int) -> None:
    for case in cases(num, dim=24):
        grads = []
        for side in (case.fast, case.plain):
            torch.manual_seed(0)  # RankSim draws which samples it ranks
            side()
            assert case.features.grad is not None
            grads.append(case.features.grad.clone())
        torch.testing.assert_close(*grads, rtol=1e-3, atol=1e-5)
        assert grads[0].abs().sum() > 0


def test_loop_rows_have_their_ratio_and_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(methods, "ENOUGH_S", 0.0)
    rows = loop_rows(2, batch_sizes=(16,), dim=32)
    assert [row.technique for row in rows] == ["RankSim", "RankSim", "ConR", "FDS"]
    assert [row.target for row in rows] == [5, 5, 3, 10]
    for row in rows:
        assert row.ratio > 0
        assert row.ours > 0
        assert all(share >= 0 for share in row.shares.values())
    assert set(rows[0].shares) == {"matmul", "sort"}
    assert rows[0].setting == "16 distinct labels"


@pytest.mark.parametrize(
    ("part", "ratio", "target", "met"),
    [
        ("loop", 5.0, 5.0, True),
        ("loop", 4.9, 5.0, False),
        ("step", 1.04, 1.03, True),
        ("step", 1.05, 1.03, False),
        ("memory", 3.0, None, None),
    ],
)
def test_verdicts(part: str, ratio: float, target: float | None, met: bool | None) -> None:
    assert BenchRow(part, "x", "y", ratio, target, 1.0, 1.0).met is met


def test_run_bench_prints_what_it_returns(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = BenchRow(
        "loop", "RankSim", "batch 64", 8.25, 5.0, 1.5, 12.4, {"matmul": 0.5, "sort": 0.125}
    )
    step = BenchRow("step", "ConR", "ResNet-18", 2.5, 2.1, 2500.0, 1000.0)
    memory = BenchRow("memory", "ConR", "ResNet-18", 1.75, None, 700.0, 400.0)
    monkeypatch.setattr(methods, "loop_rows", lambda repeats: [loop])
    monkeypatch.setattr(methods, "step_rows", lambda repeats: [step])
    monkeypatch.setattr(methods, "memory_rows", lambda: [memory])
    out = io.StringIO()
    rows = run_bench(console=Console(file=out, width=200))
    assert rows == [loop, step, memory]
    text = out.getvalue()
    for words in ("8.2", "matmul 50%, sort 12%", "1.6", "2.500", "not met", "1.75", "700"):
        assert words in text
    assert run_bench(steps=False, memory=False, console=Console(file=io.StringIO())) == [loop]


def test_threads_are_given_back() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2
    torch.set_num_threads(before)


@pytest.mark.slow
def test_training_steps_and_memory_are_measured_by_the_trainer() -> None:
    few = tuple(case for case in methods.STEP_CASES if case[0] in ("vanilla", "ConR"))
    with one_thread():
        (step,) = step_rows(1, few)
    assert 1.5 < step.ratio < 3
    (memory,) = memory_rows(few)
    assert memory.ours > memory.theirs > 0
