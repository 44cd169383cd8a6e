from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dirsweep.analysis.compared_points import compared_points
from dirsweep.report.plot import EmptyPlotError
from dirsweep.report.plots import learning_curves
from dirsweep.run.folder import RunPaths
from dirsweep.run.reader import open_run
from tests.figure_texts import texts
from tests.made_up_run import write_run


def test_learning_curves(tmp_path: Path) -> None:
    paths = write_run(
        tmp_path, {"s": [({}, [7.0, 7.5, "failed"]), ({"a": 1}, [6.0]), ({"a": 2}, ["failed"])]}
    )
    run = open_run(tmp_path)
    found = learning_curves.numbers(run, "s")
    best, base, *_ = found.curves
    assert (best.label, base.label, base.num_seeds) == ("a=1", "base", 2)
    table = run.epochs().to_pandas()
    values = np.stack([table[table.trial_id == f"s-0-{seed}"].val_mae_all for seed in (0, 1)])
    np.testing.assert_array_equal(base.epochs, [0, 1, 2, 3])
    np.testing.assert_allclose(base.mean, values.mean(axis=0))
    np.testing.assert_allclose(base.low, values.min(axis=0))
    np.testing.assert_allclose(base.high, values.max(axis=0))
    assert base.chosen == 3.0
    assert paths == RunPaths(tmp_path)


def test_curves_of_named_points(tmp_path: Path) -> None:
    """Of ConR, Fig. 6(b): a star only where the best of the study is among them."""
    points = [({}, [7.0]), ({"a": 1}, [6.0]), ({"a": 2}, [6.5])]
    write_run(tmp_path, {"s": points})  # type: ignore[dict-item]
    run = open_run(tmp_path)
    for names, labels, has_best in (
        (("a=2", "base"), ["a=2", "base"], False),
        (("a=2", "a=1"), ["a=1", "a=2"], True),
    ):
        found = learning_curves.numbers(run, "s", compared_points(run, "s", names))
        assert [curve.label for curve in found.curves] == labels
        assert found.has_best == has_best
        assert ("★" in texts(learning_curves.draw(found))) == has_best
        assert "named by `--points`" in learning_curves.caption(found)


def test_no_curve_of_one_epoch(tmp_path: Path) -> None:
    write_run(tmp_path, {"s": [({}, [7.0])]}, num_epochs=1)
    with pytest.raises(EmptyPlotError):
        learning_curves.numbers(open_run(tmp_path), "s")
