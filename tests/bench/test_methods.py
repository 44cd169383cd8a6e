"""The benchmark of the techniques prints what it measured."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from dirsweep.bench import methods
from dirsweep.bench.measurement import BenchRow
from dirsweep.bench.methods import run_bench


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
