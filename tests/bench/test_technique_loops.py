"""Techniques and their plain loops compute the same, and their ratio is measured."""

from __future__ import annotations

import pytest
import torch

from dirsweep.bench import technique_loops
from dirsweep.bench.technique_loops import loop_cases, loop_rows


@pytest.mark.parametrize("num", [12, 40])
def test_both_sides_compute_the_same_gradient(num: int) -> None:
    for case in loop_cases(num, dim=24):
        grads = []
        for side in (case.fast, case.plain):
            torch.manual_seed(0)  # RankSim draws which samples it ranks
            side()
            assert case.features.grad is not None
            grads.append(case.features.grad.clone())
        torch.testing.assert_close(*grads, rtol=1e-3, atol=1e-5)
        assert grads[0].abs().sum() > 0


def test_loop_rows_have_their_ratio_and_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(technique_loops, "MIN_SECONDS", 0.0)
    rows = loop_rows(2, batch_sizes=(16,), dim=32)
    assert [row.technique for row in rows] == ["RankSim", "RankSim", "ConR", "FDS"]
    assert [row.target for row in rows] == [5, 5, 3, 10]
    for row in rows:
        assert row.ratio > 0
        assert row.ours > 0
        assert all(share >= 0 for share in row.shares.values())
    assert set(rows[0].shares) == {"matmul", "sort"}
    assert rows[0].setting == "16 distinct labels"
