from __future__ import annotations

import io
import random
from pathlib import Path

import numpy as np
import pytest

from dirsweep.report.plot import EmptyPlotError
from dirsweep.report.plots import surface
from dirsweep.run.reader import open_run
from tests.figure_texts import texts
from tests.made_up_run import write_run

GAMMA, LAMBDA = "regularizers.ranksim.gamma", "regularizers.ranksim.lambda"


@pytest.mark.slow
def test_surface_of_a_grid(tmp_path: Path) -> None:
    points = [
        ({GAMMA: g, LAMBDA: v, "lr": lr}, [7.0 + v + g / 100 + lr, 7.1 + v + g / 100 + lr])
        for g in (1, 10, 100)
        for v in (0.5, 2)
        for lr in (0.1, 0.3)
    ]
    write_run(tmp_path, {"s": points})  # type: ignore[dict-item]
    found = surface.numbers(open_run(tmp_path), "s")
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
    write_run(tmp_path, {"s": points, "few": points[:9]}, searches=["s", "few"])
    run = open_run(tmp_path)
    found = surface.numbers(run, "s")
    assert [(panel.kind, panel.region) for panel in found.panels] == [
        ("cloud", "all"),
        ("cloud", "few"),
    ]
    assert sorted(found.panels[0].x) == sorted(point[GAMMA] for point, _ in points)
    surface.draw(found).savefig(io.BytesIO())
    with pytest.raises(EmptyPlotError):
        surface.numbers(run, "few")


def test_no_surface_of_factors_varied_alone(tmp_path: Path) -> None:
    points = [*(({GAMMA: g}, [7.0]) for g in (1, 2, 3)), *(({LAMBDA: v}, [6.0]) for v in (2, 4, 8))]
    write_run(tmp_path, {"s": points})  # type: ignore[dict-item]
    with pytest.raises(EmptyPlotError):
        surface.numbers(open_run(tmp_path), "s")
