from __future__ import annotations

from pathlib import Path

import pytest

from dirsweep.analysis.region_sizes import few_samples, region_size, says_nothing
from dirsweep.domain import MetricColumn
from dirsweep.report.plot import EmptyPlotError
from dirsweep.report.plots import learning_curves, pareto, response, surface
from dirsweep.run.folder import RunPaths
from dirsweep.run.reader import Run, open_run
from tests.figure_texts import texts
from tests.made_up_run import resize_few_shot, write_run


def run_with_few(root: Path, num: int, metric: str = "pearson") -> Run:
    """A run whose few-shot region has ``num`` validation samples."""
    points = [({}, [7.0]), ({"a": 1}, [6.0]), ({"a": 2}, [6.5])]
    write_run(root, {"s": points}, metric=metric)  # type: ignore[dict-item]
    resize_few_shot(root, "val", num)
    return open_run(root)


def test_sizes_of_regions(tmp_path: Path) -> None:
    run = run_with_few(tmp_path, 7)
    assert region_size(run, "val", "few") == 7
    bins = run.bins()
    assert bins is not None
    assert region_size(run, "test", "all") == bins.test.sum()
    assert few_samples(run, MetricColumn("val", "mae", "few")) == 7
    assert few_samples(run, MetricColumn("test", "mae", "few")) is None
    assert not says_nothing(run, MetricColumn("val", "pearson", "few"))
    RunPaths(tmp_path).bins_table.delete()
    assert region_size(open_run(tmp_path), "val", "few") is None


def test_a_correlation_of_two_samples_is_not_drawn(tmp_path: Path) -> None:
    run = run_with_few(tmp_path, 2)
    assert says_nothing(run, MetricColumn("val", "pearson", "few"))
    assert not says_nothing(run, MetricColumn("val", "mae", "few"))
    names = [series.name for series in response.numbers(run, "s").panels[0].series]
    assert names == ["all", "many", "median"]
    with pytest.raises(EmptyPlotError, match="correlation of fewer than three samples"):
        pareto.numbers(run, "s")
    # an error is drawn, with its number of samples
    errors = run_with_few(tmp_path / "mae", 2, "mae")
    assert "few (2 samples)" in texts(response.draw(response.numbers(errors, "s")))


def test_few_samples_are_drawn_with_their_number(tmp_path: Path) -> None:
    run = run_with_few(tmp_path, 9)
    assert "few (9 samples)" in texts(response.draw(response.numbers(run, "s")))
    assert pareto.numbers(run, "s").axis_labels[1] == "validation few-shot pearson of 9 samples"
    many = run_with_few(tmp_path / "many", 10)
    assert pareto.numbers(many, "s").axis_labels[1] == "validation few-shot pearson"


def test_an_objective_that_says_nothing_is_not_drawn(tmp_path: Path) -> None:
    run = run_with_few(tmp_path, 2)
    run.spec["objective"]["region"] = "few"
    for plot in (response, learning_curves, surface):
        with pytest.raises(EmptyPlotError):
            plot.numbers(open_run_again(run), "s")


def open_run_again(run: Run) -> Run:
    """The run with its sweep as it is in memory."""
    return Run(run.paths, run.spec)
