from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dirsweep.report.plot import EmptyPlotError
from dirsweep.report.plots import pareto
from dirsweep.run.reader import open_run
from tests.made_up_run import write_run


def test_pareto(tmp_path: Path) -> None:
    write_run(
        tmp_path,
        {
            "s": [
                ({}, [7.0, 7.2]),
                ({"a": 1}, [6.0, 6.2]),
                ({"a": 2}, [6.5]),
                ({"a": 3}, ["pruned"]),
            ]
        },
    )
    found = pareto.numbers(open_run(tmp_path), "s")
    np.testing.assert_allclose(found.x, [6.39, 5.49, 5.85])
    np.testing.assert_allclose(found.y, np.array([7.1, 6.1, 6.5]) * 1.6)
    np.testing.assert_allclose(found.deviations[0], np.sqrt(0.02) * np.array([0.9, 1.6]))
    assert found.front.tolist() == [False, True, False]
    assert (found.best, found.base) == (1, 0)
    write_run(tmp_path / "few", {"s": [({}, [7.0]), ({"a": 1}, [6.0])]})
    with pytest.raises(EmptyPlotError):
        pareto.numbers(open_run(tmp_path / "few"), "s")
