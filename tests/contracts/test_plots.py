"""What every plot keeps to, whichever file adds it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes

from dirsweep.report.plot import EmptyPlotError, Plot
from dirsweep.report.plots import plots
from dirsweep.run.reader import Run, open_run
from tests.made_up_run import write_run
from tests.stored_features import random_features, store

GAMMA, LAMBDA = "regularizers.ranksim.gamma", "regularizers.ranksim.lambda"
PLOTS = pytest.mark.parametrize("plot", plots(), ids=lambda plot: plot.name)
#: quantities without a unit; every other axis of numbers states one in parentheses
DIMENSIONLESS = (
    "epochs trained",
    "training",
    "test samples",
    "training samples",
    "cosine similarity",
    "neighbour",
    "anchor",
    "point",
    "method",
    "first t-SNE dimension",
    "second t-SNE dimension",
    "ranksim.",
    "rank ",
    "<colorbar>",
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A grid of RankSim's parameters next to other techniques, one failed trial, and a search."""
    grid = [
        ({GAMMA: gamma, LAMBDA: weight}, [6.0 + weight + gamma / 100, 6.2 + weight])
        for gamma in (1.0, 10.0, 100.0)
        for weight in (0.5, 2.0)
    ]
    methods = [
        ({}, [7.0, 7.1]),
        ({"reweighting.name": "lds"}, [6.8, 6.9]),
        ({"smoothing.name": "fds"}, [6.6, "failed"]),
    ]
    search = [({GAMMA: 1.0 + number}, [7.0 + number / 10]) for number in range(12)]
    root = tmp_path_factory.mktemp("run")
    studies = {"methods": methods, "grid": grid, "search": search}
    paths = write_run(
        root,
        studies,  # type: ignore[arg-type]
        searches=["search"],
        num_samples=300,
        resolved=True,
        label_unit="years",
        collapse=True,
    )
    for trial_id in ("methods-0-0", "methods-2-0"):
        store(paths, trial_id, random_features())
    return open_run(root)


def drawable(run: Run, plot: Plot[Any]) -> str | None:
    """The first study that the plot has something to show for."""
    for study in run.studies:
        try:
            plot.numbers(run, study)
        except EmptyPlotError:
            continue
        return study
    return None


@PLOTS
def test_numbers_or_one_line_why_not(run: Run, plot: Plot[Any]) -> None:
    for study in run.studies:
        try:
            found = plot.numbers(run, study)
        except EmptyPlotError as error:
            reason = str(error)
        else:
            reason = ""
            assert is_dataclass(found)
        assert not reason or (len(reason) > 10 and "\n" not in reason)
    assert drawable(run, plot) is not None, "the run above should let every plot show something"


@PLOTS
def test_numbers_are_the_same_again(run: Run, plot: Plot[Any]) -> None:
    study = drawable(run, plot)
    assert study is not None
    first = plot.numbers(run, study)
    run.memo.clear()
    assert_equal(plot.numbers(run, study), first)


def assert_equal(found: Any, expected: Any) -> None:
    """Compare dataclasses, lists and arrays bit by bit."""
    assert type(found) is type(expected)
    if is_dataclass(found):
        for field in fields(found):
            assert_equal(getattr(found, field.name), getattr(expected, field.name))
    elif isinstance(found, list | tuple):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_equal(one, other)
    elif isinstance(found, np.ndarray):
        np.testing.assert_array_equal(found, expected)
    else:
        assert found == expected


@PLOTS
def test_figure_has_title_and_labelled_axes(run: Run, plot: Plot[Any]) -> None:
    study = drawable(run, plot)
    assert study is not None
    figure = plot.figure(run, study)
    assert figure.get_suptitle() == f"{plot.title} · {study} · {run.name}"
    labels = [label for axes in figure.findobj(Axes) for label in labels_of(axes)]
    assert any(along == "x" for along, _ in labels)
    assert any(along == "y" for along, _ in labels)
    for _, label in labels:
        known = label.startswith(DIMENSIONLESS) or label.endswith(")")
        assert known, f"{plot.name}: '{label}' states no unit, as in 'label (years)'"


def labels_of(axes: Any) -> list[tuple[str, str]]:
    pairs = (("x", axes.get_xlabel()), ("y", axes.get_ylabel()))
    return [(along, label) for along, label in pairs if label and axes.get_visible()]


@PLOTS
def test_a_plot_states_its_texts_and_place(plot: Plot[Any]) -> None:
    assert plot.title[0].isupper() or plot.title.startswith("t-SNE")
    assert plot.caption.endswith(".")
    assert same_order(plot, plots()) is None
    others = [other for other in plots() if other.name != plot.name]
    assert plot.title not in {other.title for other in others}


def same_order(plot: Plot[Any], known: Sequence[Plot[Any]]) -> str | None:
    """Which other plot has the same place on the page; None where none has."""
    for other in known:
        if other.order == plot.order and other.name != plot.name:
            return f"order {plot.order} is that of {other.name} and of {plot.name}"
    return None


def test_two_plots_at_one_place_are_named() -> None:
    first, second = plots()[:2]
    twin = replace(second, order=first.order)
    assert same_order(twin, plots()) == (
        f"order {first.order} is that of {first.name} and of {second.name}"
    )


@PLOTS
def test_a_plot_has_its_own_tests(plot: Plot[Any]) -> None:
    file = Path(__file__).parents[1] / "report" / "plots" / f"test_{plot.name}.py"
    assert file.is_file(), f"write {file}"
    assert f"{plot.name}.numbers(" in file.read_text()
