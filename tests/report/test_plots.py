from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dirsweep.errors import StoreError
from dirsweep.report.plot import EmptyPlotError
from dirsweep.report.plots import plots, plots_after_run, write_plots
from dirsweep.run.reader import open_run
from tests.figure_texts import texts
from tests.made_up_run import write_run

GAMMA = "regularizers.ranksim.gamma"


def test_every_plot_is_found() -> None:
    assert [plot.name for plot in plots()] == [
        "response",
        "collapse_over_training",
        "collapse_penalty",
        "epoch_time",
        "feature_similarity",
        "label_histogram",
        "learning_curves",
        "loss_curves",
        "pareto",
        "per_label_error",
        "ranking_matrices",
        "surface",
        "technique_gain",
        "tsne",
    ]


@pytest.mark.slow
def test_every_plot_of_every_study_is_drawn(tmp_path: Path) -> None:
    paths = write_run(
        tmp_path,
        {
            "one": [({}, [7.0])],
            "names / long": [
                ({"loss.name": "x" * 90}, [7.0, "failed"]),
                ({"loss.name": "y"}, ["pruned", None]),
            ],
            "nothing": [({}, ["failed"])],
        },
        synthetic=True,
    )
    files = write_plots(open_run(tmp_path))
    # what has no figures has no response; failed trials have no curve to show
    assert [file.name for file in files] == [
        "one_response.png",
        "one_collapse_penalty.png",
        "one_label_histogram.png",
        "one_learning_curves.png",
        "one_loss_curves.png",
        "one_per_label_error.png",
        "names-long_response.png",
        "names-long_collapse_penalty.png",
        "names-long_learning_curves.png",
        "names-long_loss_curves.png",
        "names-long_per_label_error.png",
    ]
    assert sorted(Path(paths.plots).iterdir()) == sorted(files)
    for file in files:
        with Image.open(file) as picture:
            pixels = np.asarray(picture.convert("L"))
            assert pixels.shape[1] >= 900
            assert pixels.std() > 10
            # nothing runs out of the picture: its border stays white
            assert pixels[-1].min() > 250
            assert pixels[:, 0].min() > 250
            assert pixels[:, -1].min() > 250


def test_a_choice_of_plots_and_folder(tmp_path: Path) -> None:
    write_run(tmp_path / "run", {"a": [({}, [7.0])], "b": [({}, [7.0])]})
    files = write_plots(
        open_run(tmp_path / "run"), tmp_path / "out", studies=["b"], names=["response"]
    )
    assert files == [tmp_path / "out" / "b_response.png"]


def test_nothing_finished(tmp_path: Path) -> None:
    write_run(tmp_path, {"s": [({}, ["failed"])]})
    with pytest.raises(StoreError, match="no complete trial"):
        write_plots(open_run(tmp_path))


@pytest.mark.slow
def test_synthetic_is_said_on_every_figure(tmp_path: Path) -> None:
    points: list[tuple[dict[str, object], list[float]]] = [({GAMMA: g}, [7.0]) for g in (1, 2, 3)]
    for synthetic in (True, False):
        write_run(tmp_path / str(synthetic), {"s": points}, synthetic=synthetic)
        run = open_run(tmp_path / str(synthetic))
        figures = []
        for plot in plots():
            with contextlib.suppress(EmptyPlotError):
                figures.append(plot.figure(run, "s"))
        assert len(figures) >= 6
        for figure in figures:
            assert ("SYNTHETIC DATA" in texts(figure)) is synthetic


def test_plots_after_a_run() -> None:
    drawn = plots_after_run()
    assert {"response", "learning_curves", "per_label_error"} <= set(drawn)
    assert drawn == [
        plot.name for plot in sorted(plots(), key=lambda plot: plot.order) if plot.after_run
    ]
