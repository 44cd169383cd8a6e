from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

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
    assert found.gain is not None
    np.testing.assert_allclose(
        found.gain.values, found.lines[0].by_seed.mean(axis=0) - found.lines[1].by_seed.mean(axis=0)
    )


def test_gains_are_paired_over_seeds(tmp_path: Path) -> None:
    """The base's second seed, without a partner, has no part in the gain; seeds of two kinds are
    told apart.
    """
    write_run(tmp_path, {"s": [({}, [7.0, 9.0]), ({"a": 1}, [6.0, "failed"])]}, num_samples=300)
    run = open_run(tmp_path)
    found = per_label_error.numbers(run, "s")
    assert found.gain is not None
    np.testing.assert_allclose(
        found.gain.values, found.lines[0].by_seed[0] - found.lines[1].by_seed[0]
    )
    assert "gain: over the common seed" in texts(per_label_error.draw(found))
    penalty = collapse_penalty.numbers(run, "s")
    assert penalty.gain is not None
    np.testing.assert_array_equal(
        penalty.gain.values, penalty.lines[0].by_seed[0] - penalty.lines[1].by_seed[0]
    )
    assert "gain: over the common seed" in texts(collapse_penalty.draw(penalty))
    write_run(
        tmp_path / "none",
        {"s": [({}, [7.0, "failed"]), ({"a": 1}, ["failed", 6.0])]},
        num_samples=300,
    )
    found = per_label_error.numbers(open_run(tmp_path / "none"), "s")
    assert found.gain is not None
    np.testing.assert_array_equal(found.gain.values, found.lines[0].mean - found.lines[1].mean)
    assert "difference of the means over each point's own seeds" in texts(
        per_label_error.draw(found)
    )
    write_run(tmp_path / "same", {"s": [({}, [7.0, 7.1]), ({"a": 1}, [6.0, 6.1])]}, num_samples=300)
    found = per_label_error.numbers(open_run(tmp_path / "same"), "s")
    assert "own seeds" not in texts(per_label_error.draw(found))
    assert "common seed" not in texts(per_label_error.draw(found))
