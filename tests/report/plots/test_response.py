from __future__ import annotations

import io
import random
from pathlib import Path

import pytest

from dirsweep.report.plot import EmptyPlotError
from dirsweep.report.plots import response
from dirsweep.run.reader import open_run
from tests.figure_texts import texts
from tests.made_up_run import write_run

GAMMA, LAMBDA = "regularizers.ranksim.gamma", "regularizers.ranksim.lambda"


def test_response_to_one_factor(tmp_path: Path) -> None:
    write_run(
        tmp_path, {"s": [({GAMMA: g}, [e, e + 0.5]) for g, e in ((100, 6.0), (1, 7.0), (10, 6.5))]}
    )
    found = response.numbers(open_run(tmp_path), "s")
    (panel,) = found.panels
    assert (panel.kind, panel.key, panel.best) == ("curve", GAMMA, ("all", 100.0))
    assert [series.name for series in panel.series] == ["all", "many", "median", "few"]
    assert panel.series[0].x == [1.0, 10.0, 100.0]
    assert [spread.mean for spread in panel.series[0].ys] == [7.25, 6.75, 6.25]
    assert panel.series[3].ys[0].mean == pytest.approx(7.25 * 1.6)
    figure = response.draw(found)
    axes = figure.findobj(type(figure.axes[0]))[0]
    assert axes.get_xscale() == "log"
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
    assert [(panel.kind, panel.key) for panel in found.panels] == [
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
    (panel,) = found.panels
    assert panel.key == GAMMA
    assert [series.name for series in panel.series] == [
        "ranksim.lambda = 0.5",
        "ranksim.lambda = 2",
    ]
    assert [spread.mean for spread in panel.series[1].ys] == pytest.approx([9.09, 9.0, 9.9])
    assert panel.best == ("ranksim.lambda = 0.5", 10.0)
    assert found.y_label == "validation MAE"


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
    with pytest.raises(EmptyPlotError):
        response.numbers(open_run(tmp_path), "s")
