from __future__ import annotations

from pathlib import Path

import pytest

from dirsweep.analysis.compared_points import compared_points
from dirsweep.analysis.measurements import points_of
from dirsweep.report.plot import EmptyPlotError
from dirsweep.report.plots import epoch_time
from dirsweep.run.reader import open_run
from tests.figure_texts import texts
from tests.made_up_run import change_epochs, write_run


def test_epoch_time(tmp_path: Path) -> None:
    both = {"reweighting.name": "lds", "regularizers.ranksim.gamma": 1}
    points = [
        ({}, [7.0, 7.1]),
        (both, [6.0]),
        ({**both, "batch_size": 8}, [6.1]),
        ({"loss.name": "mse"}, [6.5]),
    ]
    paths = write_run(
        tmp_path,
        {"s": points, "same": [({"lr": 1}, [7.0]), ({"lr": 2}, [7.0])], "single": points[:2]},
    )  # type: ignore[dict-item]
    run = open_run(tmp_path)
    found = epoch_time.numbers(run, "s")
    assert found.methods == ["no technique", "lds + ranksim"]
    assert [spread.num for spread in found.seconds] == [3, 2]
    assert [spread.mean for spread in found.seconds] == [1.5, 1.5]
    assert found.plain == 0
    assert "1.5 s  ×1.00" in texts(epoch_time.draw(found))
    single = epoch_time.numbers(run, "single")
    assert single.methods == [point.label for point in points_of(run, "single")]
    with pytest.raises(EmptyPlotError):
        epoch_time.numbers(run, "same")
    assert found.forward == [None, None], "a run of an earlier build"
    assert "forward pass" not in texts(epoch_time.draw(found))
    change_epochs(paths, lambda row: {**row, "forward_time_s": 0.5})
    measured = epoch_time.numbers(open_run(tmp_path), "s")
    assert measured.forward == [0.5, 0.5]
    assert "forward pass" in texts(epoch_time.draw(measured))
    assert "The orange part is the forward pass" in epoch_time.caption(measured)


def test_named_points_have_a_bar_each(tmp_path: Path) -> None:
    points = [({}, [7.0]), ({"reweighting.name": "lds"}, [6.0]), ({"loss.name": "mse"}, [6.5])]
    write_run(tmp_path, {"s": points}, resolved=True)  # type: ignore[dict-item]
    run = open_run(tmp_path)
    compared = compared_points(run, "s", ("vanilla", "lds", "loss=mse"))
    found = epoch_time.numbers(run, "s", compared)
    assert found.methods == [point.label for point in compared.points]
    assert found.plain == 0
    assert "the named points" in epoch_time.caption(found)
