"""A search over learning rates, most of which diverge, with the real trainer."""

from __future__ import annotations

from pathlib import Path

import pytest

from dirsweep.run.reader import open_run
from tests.flow.driving import run_here, tiny_sweep


@pytest.mark.slow
def test_tpe_leaves_the_learning_rates_that_diverge(tmp_path: Path) -> None:
    study = {
        "trials": 45,
        "sampler": {"name": "tpe", "seed": 1},
        "space": {"optimizer.lr": {"log_uniform": [1e-3, 1e6]}},
    }
    file = tiny_sweep(
        tmp_path, {"s": study}, base={"epochs": 2, "optimizer": {"name": "sgd", "lr": 0.01}}
    )
    assert run_here(file, tmp_path / "run") == 1
    rows = open_run(tmp_path / "run").trials().to_pylist()
    failed = [row["status"] == "failed" for row in rows]
    assert sum(failed) >= 5
    assert sum(failed[-20:]) <= 4
