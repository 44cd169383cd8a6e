"""What every plot keeps to, whichever file adds it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes

from dirsweep.analysis.compared_points import nameable_points
from dirsweep.analysis.summaries import short_key
from dirsweep.report import figure_style as style
from dirsweep.report.plot import EmptyPlotError, Plot
from dirsweep.report.plots import plots, tsne
from dirsweep.run.reader import Run
from tests import figure_runs
from tests.figure_texts import contrasts, outside, overlaps, shown_texts, texts

PLOTS = pytest.mark.parametrize("plot", plots(), ids=lambda plot: plot.name)
#: axes of the parameters that the runs vary
PARAMETERS = {short_key(key) for key in (figure_runs.GAMMA, figure_runs.LAMBDA)}
#: terms that a caption explains where the figure or its title uses them
EXPLAINED = {
    "P(y)": "P(y) is the mean absolute error of",
    "E[P(y)]": "mean of P(y) over the label bins|its mean over the bins|"
    "its mean over the label bins",
    "agreement": "Spearman's correlation",
    "Pareto front": "No other point is at least as good",
    "t-SNE": "keeps neighbours together",
    "gain": "bar",
}
#: inches
MAX_WIDTH = 16.0
#: contrast between text and background from which on text can be read (WCAG 2.2, level AA)
MIN_CONTRAST = 4.5
SIZES = {style.HEADING_SIZE, style.TEXT_SIZE, style.SMALL_SIZE}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that lets every plot show something."""
    return figure_runs.every_plot(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def runs(run: Run, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """The same, the smallest, and one with many points, long texts and big numbers."""
    return {
        "usual": run,
        "small": figure_runs.small(tmp_path_factory.mktemp("small")),
        "big": figure_runs.big(tmp_path_factory.mktemp("big")),
    }


@pytest.fixture(scope="module", autouse=True)
def quick_tsne() -> Iterator[None]:
    """The places of t-SNE do not matter here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tsne, "embedded", lambda features: features[:, :2].astype(np.float64))
        yield


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
    """Compare dataclasses, dictionaries, lists and arrays bit by bit."""
    assert type(found) is type(expected)
    if is_dataclass(found):
        for field in fields(found):
            assert_equal(getattr(found, field.name), getattr(expected, field.name))
    elif isinstance(found, dict):
        assert list(found) == list(expected)
        for key in found:
            assert_equal(found[key], expected[key])
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
        known = label.startswith(plot.dimensionless) or label.endswith(")") or label in PARAMETERS
        assert known, (
            f"{plot.name}: '{label}' states no unit, as in 'label (years)'; name it in the plot's "
            "'dimensionless' if it has none"
        )


def labels_of(axes: Any) -> list[tuple[str, str]]:
    pairs = (("x", axes.get_xlabel()), ("y", axes.get_ylabel()))
    shown = [(along, " ".join(label.split())) for along, label in pairs if axes.get_visible()]
    return [(along, label) for along, label in shown if label]


@pytest.mark.slow
@PLOTS
def test_a_caption_says_what_is_drawn_and_how_to_read_it(run: Run, plot: Plot[Any]) -> None:
    study = drawable(run, plot)
    assert study is not None
    drawing = plot.drawing(run, study)
    sentences = re.split(r"(?<=[.])\s+(?=[A-Z★])", drawing.caption)
    assert len(sentences) >= 2, "a sentence on what is drawn and one on how to read it"
    assert drawing.caption[0].isupper()
    assert drawing.caption.endswith(".")
    assert "  " not in drawing.caption
    assert plot.caption.__module__ == plot.numbers.__module__, "it stands in the plot's own file"
    said = texts(drawing.figure)
    for term, explained in EXPLAINED.items():
        if term in said:
            assert re.search(
                explained.replace("(", r"\(").replace(")", r"\)").replace("[", r"\["),
                drawing.caption,
            ), f"{term} is not explained"
    if "★" in said:
        assert "★" in drawing.caption, "the star is not explained"
    # a file of its own carries the caption, the page shows it below
    assert drawing.caption[:30] not in " ".join(said.split())
    below = " ".join(texts(plot.figure(run, study)).split())
    assert drawing.caption.replace("`", "'") in below


@pytest.mark.slow
@PLOTS
@pytest.mark.parametrize(
    "size", ["small", *(pytest.param(size, marks=pytest.mark.slow) for size in ("usual", "big"))]
)
def test_texts_have_one_size_overlap_nowhere_and_can_be_read(
    runs: dict[str, Run], size: str, plot: Plot[Any]
) -> None:
    for study in runs[size].studies:
        try:
            figure = plot.figure(runs[size], study)
        except EmptyPlotError:
            continue
        figure.draw_without_rendering()
        assert {text.get_fontsize() for text in shown_texts(figure)} <= SIZES
        assert overlaps(figure) == []
        assert outside(figure) == []
        assert figure.get_figwidth() <= MAX_WIDTH
        for text, color, behind in contrasts(figure):
            assert text.replace(".", "").replace("-", "").isdigit() or (
                style.contrast(color, behind) >= MIN_CONTRAST
            ), text


@pytest.mark.slow
@pytest.mark.parametrize("plot", [p for p in plots() if p.numbers_of], ids=lambda plot: plot.name)
@pytest.mark.parametrize("size", ["usual", "big"])
def test_texts_of_named_points_overlap_nowhere(
    runs: dict[str, Run], size: str, plot: Plot[Any]
) -> None:
    run = runs[size]
    study = run.studies[0]
    names = [point.label for point in nameable_points(run, study)][:5]
    figure = plot.figure(run, study, names, (23.0, 43.0, 63.0))
    figure.draw_without_rendering()
    assert overlaps(figure) == []
    assert outside(figure) == []
    assert figure.get_figwidth() <= MAX_WIDTH
    assert "named by '--points'" in " ".join(texts(figure).split())


@PLOTS
def test_a_plot_states_its_texts_and_place(plot: Plot[Any]) -> None:
    assert plot.title[0].isupper() or plot.title.startswith("t-SNE")
    assert not plot.source or (plot.source.startswith("After ") and plot.source.endswith("."))
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
