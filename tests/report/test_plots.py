from __future__ import annotations

import io
import random
from pathlib import Path

import numpy as np
import pytest
from made_up_run import write_run
from PIL import Image

from dirsweep.errors import StoreError
from dirsweep.report.plots import (
    _per_label,
    _style,
    collapse_penalty,
    epoch_time,
    label_histogram,
    learning_curves,
    pareto,
    per_label_error,
    plots,
    response,
    surface,
    technique_gain,
    write_plots,
)
from dirsweep.run.folder import RunPaths
from dirsweep.run.reader import open_run

GAMMA, LAMBDA = "regularizers.ranksim.gamma", "regularizers.ranksim.lambda"


def texts(figure: object) -> str:
    from matplotlib.text import Text

    return "\n".join(text.get_text() for text in figure.findobj(Text))  # type: ignore[attr-defined]


def test_every_plot_is_found() -> None:
    assert [plot.name for plot in plots()] == [
        "response",
        "collapse_over_training",
        "collapse_penalty",
        "epoch_time",
        "feature_similarity",
        "label_histogram",
        "learning_curves",
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
        "one_per_label_error.png",
        "names-long_response.png",
        "names-long_collapse_penalty.png",
        "names-long_learning_curves.png",
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
    with pytest.raises(StoreError, match="no finished trial"):
        write_plots(open_run(tmp_path))


def test_synthetic_is_said_on_every_figure(tmp_path: Path) -> None:
    points: list[tuple[dict[str, object], list[float]]] = [({GAMMA: g}, [7.0]) for g in (1, 2, 3)]
    for synthetic in (True, False):
        write_run(tmp_path / str(synthetic), {"s": points}, synthetic=synthetic)  # type: ignore[dict-item]
        run = open_run(tmp_path / str(synthetic))
        shown = [(plot, found) for plot in plots() if (found := plot.numbers(run, "s")) is not None]
        assert len(shown) == 6
        for plot, found in shown:
            assert ("SYNTHETIC DATA" in texts(plot.draw(found))) is synthetic


def test_response_to_one_factor(tmp_path: Path) -> None:
    write_run(
        tmp_path, {"s": [({GAMMA: g}, [e, e + 0.5]) for g, e in ((100, 6.0), (1, 7.0), (10, 6.5))]}
    )
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
    points = [
        ({GAMMA: g, LAMBDA: v}, [7.0 + v + abs(g - 10) / 100])
        for g in (1, 10, 100)
        for v in (0.5, 2)
    ]
    write_run(tmp_path, {"s": points})  # type: ignore[dict-item]
    found = response.numbers(open_run(tmp_path), "s")
    assert found is not None
    (panel,) = found.panels
    assert panel.x_label == GAMMA
    assert [series.name for series in panel.series] == [
        "ranksim.lambda = 0.5",
        "ranksim.lambda = 2",
    ]
    assert [spread.mean for spread in panel.series[1].ys] == pytest.approx([9.09, 9.0, 9.9])
    assert panel.best == ("ranksim.lambda = 0.5", 10.0)
    assert found.y_label == "validation MAE, all"


def test_response_of_a_search(tmp_path: Path) -> None:
    generator = random.Random(0)
    points = [
        (
            {GAMMA: 10 ** generator.uniform(0, 3), "loss.name": generator.choice(["l1", "mse"])},
            [7 + generator.random()] if number else ["pruned"],
        )
        for number in range(20)
    ]
    write_run(tmp_path, {"s": points}, searches=["s"])  # type: ignore[dict-item]
    found = response.numbers(open_run(tmp_path), "s")
    assert found is not None
    assert [(panel.kind, panel.labels) for panel in found.panels] == [
        ("scatter", []),
        ("scatter", ["l1", "mse"]),
    ]
    complete, pruned = found.panels[0].series
    assert (len(complete.x), len(pruned.x)) == (19, 1)
    at = min(range(19), key=lambda i: complete.ys[i].mean)
    assert found.panels[0].best == ("complete", complete.x[at])
    response.draw(found).savefig(io.BytesIO())


def test_no_response_without_a_figure(tmp_path: Path) -> None:
    write_run(tmp_path, {"s": [({}, ["failed", None])]})
    assert response.numbers(open_run(tmp_path), "s") is None


def test_learning_curves(tmp_path: Path) -> None:
    paths = write_run(
        tmp_path, {"s": [({}, [7.0, 7.5, "failed"]), ({"a": 1}, [6.0]), ({"a": 2}, ["failed"])]}
    )
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
    write_run(
        tmp_path, {"s": [({}, [7.0, 7.2]), ({"a": 1}, [6.0]), ({"a": 2}, [6.5])]}, num_samples=300
    )
    run = open_run(tmp_path)
    found = per_label_error.numbers(run, "s")
    assert found is not None
    assert [line.label for line in found.lines] == ["base", "★ a=1"]
    np.testing.assert_allclose(found.edges, np.arange(0, 101, 5))
    assert (found.counted, found.counts[0]) == ("training", 20), "of ages 0 to 4 in bins.arrow"
    frame = run.predictions().to_pandas()
    frame = frame[frame.split == "test"]
    for seed in (0, 1):
        rows = frame[frame.trial_id == f"s-0-{seed}"]
        for low, value in zip(found.edges[:-1], found.lines[0].by_seed[seed], strict=True):
            inside = (rows.label >= low) & ((rows.label < low + 5) | (low == 95))
            assert value == pytest.approx(
                float((rows.prediction - rows.label)[inside].abs().mean())
            )
    assert found.lines[1].deviation.tolist() == [0.0] * 20


def test_gain_over_the_base(tmp_path: Path) -> None:
    write_run(tmp_path, {"s": [({}, [7.0, 7.2]), ({"a": 1}, [6.0, 6.1])]}, num_samples=300)
    found = per_label_error.numbers(open_run(tmp_path), "s")
    assert found is not None
    assert found.gain is not None
    np.testing.assert_allclose(
        found.gain, found.lines[0].by_seed.mean(axis=0) - found.lines[1].by_seed.mean(axis=0)
    )


def test_gains_are_paired_over_seeds(tmp_path: Path) -> None:
    """The base's second seed, without a partner, has no part in the gain; seeds of two kinds are
    told apart.
    """
    write_run(tmp_path, {"s": [({}, [7.0, 9.0]), ({"a": 1}, [6.0, "failed"])]}, num_samples=300)
    run = open_run(tmp_path)
    found = per_label_error.numbers(run, "s")
    assert found is not None
    assert found.gain is not None
    np.testing.assert_allclose(found.gain, found.lines[0].by_seed[0] - found.lines[1].by_seed[0])
    assert "gain over the seed that both have" in texts(per_label_error.draw(found))
    penalty = collapse_penalty.numbers(run, "s")
    assert penalty is not None
    assert penalty.gain is not None
    np.testing.assert_array_equal(
        penalty.gain, penalty.lines[0].by_seed[0] - penalty.lines[1].by_seed[0]
    )
    assert "gain over the seed that both have" in texts(collapse_penalty.draw(penalty))
    write_run(
        tmp_path / "none",
        {"s": [({}, [7.0, "failed"]), ({"a": 1}, ["failed", 6.0])]},
        num_samples=300,
    )
    found = per_label_error.numbers(open_run(tmp_path / "none"), "s")
    assert found is not None
    assert found.gain is not None
    np.testing.assert_array_equal(found.gain, found.lines[0].mean - found.lines[1].mean)
    assert (
        found.gain_note == "gain of the means over each one's own seeds: they have none in common"
    )
    write_run(tmp_path / "same", {"s": [({}, [7.0, 7.1]), ({"a": 1}, [6.0, 6.1])]}, num_samples=300)
    found = per_label_error.numbers(open_run(tmp_path / "same"), "s")
    assert found is not None
    assert found.gain_note == ""


def test_gain_over_common_seeds_by_hand() -> None:
    without, with_ = np.array([[3.0, np.nan], [5.0, 6.0]]), np.array([[1.0, 2.0], [9.0, 9.0]])
    gain, num = _per_label.gain_of(without, with_, ((0, 1), (1, 2)))
    np.testing.assert_array_equal(gain, [4.0, 4.0])
    assert num == 1
    gain, num = _per_label.gain_of(without, with_, ((0, 1), (2, 3)))
    np.testing.assert_array_equal(gain, [-1.0, 0.5])
    assert num == 0


def test_means_by_bin_leave_out_what_is_not_there() -> None:
    values = np.array([[1.0, 3.0, np.nan, 8.0], [2.0, np.nan, 4.0, 9.0]])
    places = np.array([0.1, 0.9, 1.5, 7.0])
    means = _per_label.binned(values, places, np.array([0.0, 1.0, 2.0, 3.0]))
    np.testing.assert_array_equal(means, [[2.0, np.nan, 8.0], [2.0, 4.0, 9.0]])
    np.testing.assert_array_equal(_per_label.mean_of(means), [2.0, 4.0, 8.5])
    np.testing.assert_allclose(_per_label.deviation_of(means), [0.0, 0.0, np.sqrt(0.5)])


def test_label_histogram(tmp_path: Path) -> None:
    paths = write_run(tmp_path, {"a": [({}, [7.0])], "b": [({}, [7.0])]})
    run = open_run(tmp_path)
    found = label_histogram.numbers(run, "a")
    assert found is not None
    assert label_histogram.numbers(run, "b") is None, "once per run"
    bins = run.bins()
    assert bins is not None
    np.testing.assert_array_equal(found.counts["training"], bins.train)
    assert found.counts["training"][40] == 300
    # no training label above the age of 86, where exp(-(46.5 / 18)^2) is less than 1 in 600
    np.testing.assert_array_equal(np.flatnonzero(found.zero_shot), np.arange(86, 101))
    text = texts(label_histogram.draw(found))
    assert "many: 8,272 in 38 bins" in text
    assert "zero-shot" in text
    paths.bins_table.delete()
    assert label_histogram.numbers(open_run(tmp_path), "a") is None


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
    assert found is not None
    np.testing.assert_allclose(found.many, [6.39, 5.49, 5.85])
    np.testing.assert_allclose(found.few, np.array([7.1, 6.1, 6.5]) * 1.6)
    np.testing.assert_allclose(found.deviations[0], np.sqrt(0.02) * np.array([0.9, 1.6]))
    assert found.front.tolist() == [False, True, False]
    assert (found.best, found.base) == (1, 0)
    write_run(tmp_path / "few", {"s": [({}, [7.0]), ({"a": 1}, [6.0])]})
    assert pareto.numbers(open_run(tmp_path / "few"), "s") is None


def test_collapse_penalty(tmp_path: Path) -> None:
    write_run(tmp_path, {"s": [({}, [7.0, 7.4]), ({"a": 1}, [3.0])]}, num_samples=400)
    run = open_run(tmp_path)
    found = collapse_penalty.numbers(run, "s")
    assert found is not None
    assert (found.width, [line.label for line in found.lines]) == (1.0, ["base", "★ a=1"])
    frame = run.predictions().to_pandas()
    frame = frame[frame.split == "test"]
    rows = frame[frame.trial_id == "s-0-0"]
    inside = (rows.prediction >= 40) & (rows.prediction < 45)
    wrong = [
        abs(p - y)
        for p, y in zip(rows.prediction[inside], rows.label[inside], strict=True)
        if abs(p - y) > 1
    ]
    at = int(np.searchsorted(found.edges, 40))
    assert found.lines[0].by_seed[0, at] == pytest.approx(sum(wrong) / len(wrong))
    # by hand from every bin of one year, then the mean over bins
    rows = frame[frame.trial_id == "s-1-0"]
    by_bin: dict[int, list[float]] = {}
    for p, y in zip(rows.prediction, rows.label, strict=True):
        if abs(p - y) > 1:
            by_bin.setdefault(min(max(int(np.floor(p)), 0), 100), []).append(abs(p - y))
    assert found.lines[1].expected == pytest.approx(
        np.mean([np.mean(values) for values in by_bin.values()])
    )
    assert found.lines[1].share == pytest.approx(sum(map(len, by_bin.values())) / 400)
    assert found.gain is not None
    collapse_penalty.draw(found).savefig(io.BytesIO())


def test_epoch_time(tmp_path: Path) -> None:
    both = {"reweighting.name": "lds", "regularizers.ranksim.gamma": 1}
    points = [
        ({}, [7.0, 7.1]),
        (both, [6.0]),
        ({**both, "batch_size": 8}, [6.1]),
        ({"loss.name": "mse"}, [6.5]),
    ]
    paths = write_run(tmp_path, {"s": points, "same": [({"lr": 1}, [7.0]), ({"lr": 2}, [7.0])]})  # type: ignore[dict-item]
    run = open_run(tmp_path)
    found = epoch_time.numbers(run, "s")
    assert found is not None
    assert found.methods == ["vanilla", "lds + ranksim"]
    assert [spread.num for spread in found.seconds] == [3, 2]
    assert [spread.mean for spread in found.seconds] == [1.5, 1.5]
    assert found.plain == 0
    assert "1.5 s  ×1.00" in texts(epoch_time.draw(found))
    assert epoch_time.numbers(run, "same") is None
    assert paths.epochs_table.exists()


def test_surface_of_a_grid(tmp_path: Path) -> None:
    points = [
        ({GAMMA: g, LAMBDA: v, "lr": lr}, [7.0 + v + g / 100 + lr, 7.1 + v + g / 100 + lr])
        for g in (1, 10, 100)
        for v in (0.5, 2)
        for lr in (0.1, 0.3)
    ]
    write_run(tmp_path, {"s": points})  # type: ignore[dict-item]
    found = surface.numbers(open_run(tmp_path), "s")
    assert found is not None
    assert [(panel.kind, panel.x_key, panel.y_key, panel.region) for panel in found.panels][:2] == [
        ("grid", GAMMA, LAMBDA, "all"),
        ("grid", GAMMA, LAMBDA, "few"),
    ]
    first = found.panels[0]
    at = int(np.flatnonzero((first.x == 10) & (first.y == 2))[0])
    assert first.z[at] == pytest.approx(7.05 + 2 + 0.1 + 0.2), (
        "mean over the third key and the seeds"
    )
    assert first.best == (1.0, 0.5)
    assert (len(found.panels), found.averaged) == (6, True)
    assert "9.35" in texts(surface.draw(found))


def test_surface_of_a_search(tmp_path: Path) -> None:
    generator = random.Random(0)
    points = [
        (
            {
                GAMMA: 10 ** generator.uniform(0, 3),
                LAMBDA: generator.uniform(0, 4),
                "c": generator.choice([1, 2]),
            },
            [7 + generator.random()],
        )
        for _ in range(20)
    ]
    write_run(tmp_path, {"s": points, "few": points[:9]}, searches=["s", "few"])  # type: ignore[dict-item]
    run = open_run(tmp_path)
    found = surface.numbers(run, "s")
    assert found is not None
    assert [(panel.kind, panel.region) for panel in found.panels] == [
        ("cloud", "all"),
        ("cloud", "few"),
    ]
    assert sorted(found.panels[0].x) == sorted(point[GAMMA] for point, _ in points)
    surface.draw(found).savefig(io.BytesIO())
    assert surface.numbers(run, "few") is None


def test_no_surface_of_factors_varied_alone(tmp_path: Path) -> None:
    points = [*(({GAMMA: g}, [7.0]) for g in (1, 2, 3)), *(({LAMBDA: v}, [6.0]) for v in (2, 4, 8))]
    write_run(tmp_path, {"s": points})  # type: ignore[dict-item]
    assert surface.numbers(open_run(tmp_path), "s") is None


def test_technique_gain(tmp_path: Path) -> None:
    ranksim = {"regularizers.ranksim.gamma": 100.0}
    points = [
        ({}, [7.0, 7.1]),
        (ranksim, [6.0, 6.2]),
        ({"smoothing.name": "fds"}, [6.8, 6.9]),
        ({"smoothing.name": "fds", **ranksim}, [5.5, 5.6]),
    ]
    write_run(tmp_path, {"s": points}, num_samples=300, resolved=True)  # type: ignore[dict-item]
    run = open_run(tmp_path)
    found = technique_gain.numbers(run, "s")
    assert found is not None
    by_name = {gain.name: gain for gain in found.gains}
    assert by_name["ranksim"].by_pair.shape == (2, len(found.edges) - 1)
    frame = run.predictions().to_pandas()
    frame = frame[(frame.split == "test") & (frame.label >= 40) & (frame.label < 45)]
    errors = (frame.prediction - frame.label).abs().groupby(frame.trial_id.astype(str)).mean()
    at = int(np.searchsorted(found.edges, 40))
    expected = [
        errors[["s-0-0", "s-0-1"]].mean() - errors[["s-1-0", "s-1-1"]].mean(),
        errors[["s-2-0", "s-2-1"]].mean() - errors[["s-3-0", "s-3-1"]].mean(),
    ]
    np.testing.assert_allclose(sorted(by_name["ranksim"].by_pair[:, at]), sorted(expected))
    text = texts(technique_gain.draw(found))
    assert "ranksim, 2 pairs" in text
    assert "bars: mean over pairs of points; grey lines: the pairs" in text
    assert "upright" not in text
    assert "techniques" not in text


def test_what_technique_gain_draws_is_what_it_says() -> None:
    edges = np.arange(6.0)
    rng = np.random.default_rng(0)
    gains = [
        technique_gain.Gain(f"t{number}", rng.normal(size=(7 if number == 0 else 1, 5)), 0)
        for number in range(8)
    ]
    text = texts(
        technique_gain.draw(technique_gain.TechniqueGain("title", False, edges, gains, []))
    )
    assert (
        "bars: mean over pairs of points; upright lines: the middle 80 % of more than 6 pairs"
        in text
    )
    assert "grey" not in text
    assert "the first 6 of 8 techniques" in text
    assert "t5, 1 pair" in text
    assert "t6" not in text
    one = [technique_gain.Gain("t", gains[0].by_pair[:3], 2)]
    text = texts(technique_gain.draw(technique_gain.TechniqueGain("title", False, edges, one, [])))
    assert "pairs without a common seed, their seeds' means compared: 2" in text


@pytest.mark.parametrize(
    ("low", "high", "width", "num"),
    [(0.0, 101.0, 5.0, 21), (0.0, 5.0, 0.2, 25), (3.0, 3.0, 1.0, 1), (-1, 1, 0.1, 20)],
)
def test_bins_have_round_widths(low: float, high: float, width: float, num: int) -> None:
    edges = _per_label.nice_edges(low, high)
    assert len(edges) == num + 1
    np.testing.assert_allclose(np.diff(edges), width)
    assert edges[0] <= low
    assert edges[-1] >= high


def test_ticks_of_a_search_are_round_numbers() -> None:
    with _style.styled():
        axes = _style.new_figure(4, 3, title="", synthetic=False).subplots()
        values = [10 ** (3 * i / 17 + 0.01) for i in range(18)]
        axes.plot(values, values)
        _style.plain_ticks(axes, values, planned=False)
        low, high = axes.get_xlim()
        assert [t for t in axes.get_xticks() if low < t < high] == [1.0, 10.0, 100.0, 1000.0]
        _style.plain_ticks(axes, values, which="y")
        assert set(axes.get_yticks()) <= set(values)


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
