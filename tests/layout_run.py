"""A run with configurations of RankSim's tables, for tests of layouts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dirsweep.run.reader import Run, open_run
from tests.made_up_run import write_run

RANKSIM = {"regularizers.ranksim.gamma": 100.0, "regularizers.ranksim.lambda": 2.0}
LDS = {
    "reweighting.name": "lds",
    "reweighting.base": "sqinv",
    "reweighting.kernel": "gaussian_plain",
    "reweighting.kernel_size": 5,
    "reweighting.sigma": 2.0,
}


def layout_run(root: Path) -> Run:
    """Write the run and open it: a planned study of six points, a search of three equal ones."""
    points: list[tuple[dict[str, Any], list[Any]]] = [
        ({}, [7.4, 7.6]),
        (RANKSIM, [7.0, 7.24]),
        ({"reweighting.name": "sqinv", **RANKSIM}, [6.9, 6.7]),
        (LDS, [7.3, "failed"]),
        ({"batch_size": 256, "optimizer.lr": 1e-3}, [7.8]),
        ({"loss.name": "focal_r", "loss.beta": 0.5}, [7.1]),
    ]
    search = [({"reweighting.name": "sqinv"}, [6.0])] * 3
    write_run(root, {"m": points, "s": search}, searches=["s"], resolved=True)
    return open_run(root)
