from __future__ import annotations

import io
import random
from pathlib import Path

import numpy as np
import pytest
from made_up_run import write_run
from PIL import Image

from dirsweep.errors import StoreError
from dirsweep.report.plots import _style, learning_curves, per_label_error, plots, response, write_plots
from dirsweep.store.paths import RunPaths
from dirsweep.store.reader import open_run

GAMMA, LAMBDA = "regularizers.ranksim.gamma", "regularizers.ranksim.lambda"


def texts(figure: object) -> str:
    from matplotlib.text import Text

    return "\n".join(text.get_text() for text in figure.findobj(Text))  # type: ignore[attr-defined]


def test_every_plot_of_every_study_is_found_and_drawn(tmp_path: Path) -> None:
    paths = write_run(
        tmp_path,
        {
            "one": [({}, [7.0])],
            "names / long": [({"loss.name": "x" * 90}, [7.0, "failed"]), ({"loss.name": "y"}, ["pruned", None])],
            "nothing": [({}, ["failed"])],
        },
        synthetic=True,
    )
    assert plots()[0].name == "response"
    assert {plot.name for plot in plots()} == {"response", "learning_curves", "per_label_error"}
    files = write_plots(open_run(tmp_path))
    assert [file.name for file in files[:3]] == [
        "one_response.png", "one_learning_curves.png", "one_per_label_error.png",
    ]  # fmt: skip
    # what has no figures has no response; failed trials have no curve to show
    assert len(files) == 6
    assert sorted(paths.plots.iterdir()) == sorted(files)
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
    files = write_plots(open_run(tmp_path / "run"), tmp_path / "out", studies=["b"], names=["response"])
    assert files == [tmp_path / "out" / "b_response.png"]


def test_nothing_finished(tmp_path: Path) -> None:
    write_run(tmp_path, {"s": [({}, ["failed"])]})
    with pytest.raises(StoreError, match="no finished trial"):
        write_plots(open_run(tmp_path))


def test_synthetic_is_said_on_every_figure(tmp_path: Path) -> None:
    points: list[tuple[dict[str, object], list[float]]] = [({GAMMA: g}, [7.0]) for g in (1, 2, 3)]
    for synthetic in (True, False):
        write_run(tmp_path / str(synthetic), {"s": points}, synthetic=synthetic)  # type: ignore[dict-item]
        run = open_run(tmp_path / str(synthetic))
        for plot in plots():
            assert ("SYNTHETIC DATA" in texts(plot.draw(plot.numbers(run, "s")))) is synthetic


def test_response_to_one_factor(tmp_path: Path) -> None:
    write_run(tmp_path, {"s": [({GAMMA: g}, [e, e + 0.5]) for g, e in ((100, 6.0), (1, 7.0), (10, 6.5))]})
    found = response.numbers(open_run(tmp_path), "s")
    assert found is not None
    (panel,) = found.panels
    assert (panel.kind, panel.x_label, panel.best) == ("curve", GAMMA, ("all", 100.0))
    assert [series.name for series in panel.series] == ["all", "many", "median", "few"]
    assert panel.series[0].x == [1.0, 10.0, 100.0]
    assert [spread.mean for spread in panel.series[0].ys] == [7.25, 6.75, 6.25]
    assert panel.series[3].ys[0].mean == pytest.approx(7.25 * 1.6)
    figure = response.draw(found)
    axes = figure.findobj(type(figure.axes[0]))[0]
    assert axes.get_xscale() == "log"  # type: ignore[attr-defined]
    assert found.y_label == "validation MAE"


def test_response_to_factors_varied_alone(tmp_path: Path) -> None:
    points: list[tuple[dict[str, object], list[float]]] = [
        *(({GAMMA: g}, [7.0 + g]) for g in (1, 2, 3)),
        *(({LAMBDA: v}, [6.0 + v]) for v in (2, 4, 8)),
        ({"loss.name": "huber"}, [6.5]),
        ({"batch_size": 32}, [6.6]),
    ]
    write_run(tmp_path, {"s": points})  # type: ignore[dict-item]
    found = response.numbers(open_run(tmp_path), "s")
    assert found is not None
    assert [(panel.kind, panel.x_label) for panel in found.panels] == [
        ("curve", GAMMA),
        ("curve", LAMBDA),
        ("dots", ""),
    ]
    assert found.panels[0].best is None
    assert found.panels[2].labels == ["loss=huber", "batch_size=32"]
    assert found.panels[2].best == ("all", 0.0)
    assert "★ loss=huber" in texts(response.draw(found))


def test_response_on_a_grid(tmp_path: Path) -> None:
    points = [({GAMMA: g, LAMBDA: v}, [7.0 + v + abs(g - 10) / 100]) for g in (1, 10, 100) for v in (0.5, 2)]
    write_run(tmp_path, {"s": points})  # type: ignore[dict-item]
    found = response.numbers(open_run(tmp_path), "s")
    assert found is not None
    (panel,) = found.panels
    assert panel.x_label == GAMMA
    assert [series.name for series in panel.series] == ["ranksim.lambda = 0.5", "ranksim.lambda = 2"]
    assert [spread.mean for spread in panel.series[1].ys] == pytest.approx([9.09, 9.0, 9.9])
    assert panel.best == ("ranksim.lambda = 0.5", 10.0)
    assert found.y_label == "validation MAE, all"


def test_response_of_a_search(tmp_path: Path) -> None:
    generator = random.Random(0)
    points = [
        ({GAMMA: 10 ** generator.uniform(0, 3), "loss.name": generator.choice(["l1", "mse"])},
         [7 + generator.random()] if number else ["pruned"])
        for number in range(20)
    ]  # fmt: skip
    write_run(tmp_path, {"s": points}, searches=["s"])  # type: ignore[dict-item]
    found = response.numbers(open_run(tmp_path), "s")
    assert found is not None
    assert [(panel.kind, panel.labels) for panel in found.panels] == [("scatter", []), ("scatter", ["l1", "mse"])]
    complete, pruned = found.panels[0].series
    assert (len(complete.x), len(pruned.x)) == (19, 1)
    at = min(range(19), key=lambda i: complete.ys[i].mean)
    assert found.panels[0].best == ("complete", complete.x[at])
    response.draw(found).savefig(io.BytesIO())


def test_no_response_without_a_figure(tmp_path: Path) -> None:
    write_run(tmp_path, {"s": [({}, ["failed", None])]})
    assert response.numbers(open_run(tmp_path), "s") is None


def test_learning_curves(tmp_path: Path) -> None:
    paths = write_run(tmp_path, {"s": [({}, [7.0, 7.5, "failed"]), ({"a": 1}, [6.0]), ({"a": 2}, ["failed"])]})
    run = open_run(tmp_path)
    found = learning_curves.numbers(run, "s")
    assert found is not None
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


def test_no_curve_of_one_epoch(tmp_path: Path) -> None:
    write_run(tmp_path, {"s": [({}, [7.0])]}, num_epochs=1)
    assert learning_curves.numbers(open_run(tmp_path), "s") is None


def test_per_label_error(tmp_path: Path) -> None:
    write_run(tmp_path, {"s": [({}, [7.0, 7.2]), ({"a": 1}, [6.0]), ({"a": 2}, [6.5])]}, num_samples=300)
    run = open_run(tmp_path)
    found = per_label_error.numbers(run, "s")
    assert found is not None
    assert [line.label for line in found.lines] == ["base", "★ a=1"]
    np.testing.assert_allclose(found.edges, np.arange(0, 101, 5))
    assert found.counts.sum() == 300
    frame = run.predictions().to_pandas()
    frame = frame[frame.split == "test"]
    for seed in (0, 1):
        rows = frame[frame.trial_id == f"s-0-{seed}"]
        for low, value in zip(found.edges[:-1], found.lines[0].by_seed[seed], strict=True):
            inside = (rows.label >= low) & ((rows.label < low + 5) | (low == 95))
            assert value == pytest.approx(float((rows.prediction - rows.label)[inside].abs().mean()))
    assert found.lines[1].deviation.tolist() == [0.0] * 20


@pytest.mark.parametrize(
    ("low", "high", "width", "num"), [(0.0, 101.0, 5.0, 21), (0.0, 5.0, 0.2, 25), (3.0, 3.0, 1.0, 1), (-1, 1, 0.1, 20)]
)
def test_bins_have_round_widths(low: float, high: float, width: float, num: int) -> None:
    edges = per_label_error.nice_edges(low, high)
    assert len(edges) == num + 1
    np.testing.assert_allclose(np.diff(edges), width)
    assert edges[0] <= low
    assert edges[-1] >= high


def test_style() -> None:
    assert _style.use_log([0.01, 1.0, 100.0])
    assert not _style.use_log([0.0, 1.0, 100.0])
    assert not _style.use_log([1.0, 2.0, 3.0])
    assert _style.spread_out([0.01, 0.1, 1, 100, 110, 1000]) == [0.01, 0.1, 1, 100, 1000]
    assert _style.wrapped("one two three", 7) == "one two\nthree"
    assert _style.wrapped("a b c d e f", 1, 2) == "a\nb…"


def test_drawing_leaves_the_users_settings_alone() -> None:
    import matplotlib

    before = matplotlib.rcParams["font.size"]
    with _style.styled():
        assert matplotlib.rcParams["axes.grid"]
    assert matplotlib.rcParams["font.size"] == before
