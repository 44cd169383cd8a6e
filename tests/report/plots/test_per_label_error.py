from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dirsweep.analysis.compared_points import compared_points
from dirsweep.report.plot import EmptyPlotError
from dirsweep.report.plots import collapse_penalty, per_label_error
from dirsweep.run.reader import open_run
from tests.figure_texts import texts
from tests.made_up_run import write_run


def test_per_label_error(tmp_path: Path) -> None:
    write_run(
        tmp_path, {"s": [({}, [7.0, 7.2]), ({"a": 1}, [6.0]), ({"a": 2}, [6.5])]}, num_samples=300
    )
    run = open_run(tmp_path)
    found = per_label_error.numbers(run, "s")
    assert [(line.label, line.chosen) for line in found.lines] == [("base", False), ("a=1", True)]
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
    (gain,) = found.gains
    np.testing.assert_allclose(
        gain.values, found.lines[0].by_seed.mean(axis=0) - found.lines[1].by_seed.mean(axis=0)
    )
    assert "a green bar is better than base, an orange one worse" in per_label_error.caption(found)


def test_gains_are_paired_over_seeds(tmp_path: Path) -> None:
    """The base's second seed, without a partner, has no part in the gain."""
    write_run(tmp_path, {"s": [({}, [7.0, 9.0]), ({"a": 1}, [6.0, "failed"])]}, num_samples=300)
    run = open_run(tmp_path)
    found, penalty = per_label_error.numbers(run, "s"), collapse_penalty.numbers(run, "s")
    for lines, gains in ((found.lines, found.gains), (penalty.lines, penalty.gains)):
        np.testing.assert_array_equal(gains[0].values, lines[0].by_seed[0] - lines[1].by_seed[0])
    assert "Gains are over the 1 common seed." in per_label_error.caption(found)
    assert "Gains are over the 1 common seed." in collapse_penalty.caption(penalty)
    others: list[Any] = [({}, [7.0, "failed"]), ({"a": 1}, ["failed", 6.0])]
    write_run(tmp_path / "none", {"s": others}, num_samples=300)
    found = per_label_error.numbers(open_run(tmp_path / "none"), "s")
    np.testing.assert_array_equal(found.gains[0].values, found.lines[0].mean - found.lines[1].mean)
    assert "by the means over their own seeds" in per_label_error.caption(found)
    write_run(tmp_path / "same", {"s": [({}, [7.0, 7.1]), ({"a": 1}, [6.0, 6.1])]}, num_samples=300)
    found = per_label_error.numbers(open_run(tmp_path / "same"), "s")
    assert "own seeds" not in per_label_error.caption(found)
    assert "common seed" not in per_label_error.caption(found)


def test_beside_a_base_that_is_the_best_stands_the_next_best(tmp_path: Path) -> None:
    points = [({}, [6.0]), ({"a": 1}, [7.0]), ({"a": 2}, [6.5])]
    write_run(tmp_path, {"s": points}, num_samples=300)  # type: ignore[dict-item]
    found = per_label_error.numbers(open_run(tmp_path), "s")
    assert [(line.label, line.chosen) for line in found.lines] == [("base", True), ("a=2", False)]
    assert len(found.gains) == 1
    said = per_label_error.caption(found)
    assert "The baseline is the best point by validation, ★; beside it stands the next best" in said
    assert "(2 of 3 points; `--points A,B` draws others)" in said


@pytest.mark.slow
def test_named_points_have_a_panel_each(tmp_path: Path) -> None:
    points: list[Any] = [
        ({}, [6.0, 6.1]),
        ({"reweighting.name": "lds"}, [7.0, 7.1]),
        ({"smoothing.name": "fds"}, [6.5, 6.6]),
        ({"regularizers.ranksim.gamma": 100.0}, [6.2, 6.3]),
    ]
    write_run(tmp_path, {"s": points, "t": [({"a": 1}, [6.0])]}, num_samples=300, resolved=True)
    run = open_run(tmp_path)
    plot = per_label_error.PLOT
    assert plot.numbers_of is not None
    found = plot.numbers_of(run, "s", compared_points(run, "s", ["ranksim", "lds", "vanilla"]))
    assert [line.label for line in found.lines] == ["base", "ranksim.gamma=100", "reweighting=lds"]
    assert len(found.gains) == 2
    text = texts(plot.figure(run, "s", ["vanilla", "ranksim", "lds"]))
    assert "gain (" not in text, "a run without a unit"
    assert text.count("gain\n") == 2
    assert "The points are those named by `--points`" in per_label_error.caption(found)
    with pytest.raises(EmptyPlotError, match="none of the named points"):
        plot.figure(run, "t", ["lds"])
