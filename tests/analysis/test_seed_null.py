from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from dirsweep.analysis.seed_null import seed_null
from dirsweep.run.reader import open_run
from tests.simulated_run import SimulatedPoint, simulate

RANKSIM, LDS, GAMMA = "regularizers.ranksim", "reweighting.name", "regularizers.ranksim.gamma"


def test_what_seeds_alone_do(tmp_path: Path) -> None:
    simulate(
        tmp_path,
        {"s": [SimulatedPoint(seeds=range(4)) for _ in range(30)]},
        seed_deviation=0.3,
        noise=0.1,
    )
    run = open_run(tmp_path)
    null = seed_null(run, "s")
    table = run.trials().to_pylist()
    values = np.array([row["test_mae_all"] for row in table]).reshape(30, 4)
    expected = sorted(abs(a - b) for row in values for a, b in combinations(row, 2))
    assert null.differences == pytest.approx(expected)
    deviation = np.sqrt(values.var(axis=1, ddof=1).mean())
    assert null.deviation == pytest.approx(deviation)
    assert (null.df, null.num_seeds, null.num_points) == (90, 4, 30)
    assert null.largest_by_chance == pytest.approx(
        stats.t.ppf(0.975, 90) * deviation * np.sqrt(2 / 4)
    )
    # 30 normal numbers: the largest lies 2.04 deviations above their mean
    assert null.best_by_chance == pytest.approx(2.04 * deviation / 2, rel=0.05)
    means = values.mean(axis=1)
    beyond = np.mean(
        [abs(a - b) > (null.largest_by_chance or 0) for a, b in combinations(means, 2)]
    )
    assert beyond < 0.15
