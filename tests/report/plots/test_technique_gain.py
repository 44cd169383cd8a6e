from __future__ import annotations

from pathlib import Path

import numpy as np

from dirsweep.report.plots import technique_gain
from dirsweep.run.reader import open_run
from tests.figure_texts import texts
from tests.made_up_run import write_run


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
    by_name = {gain.name: gain for gain in found.gains}
    assert by_name["RankSim"].by_pair.shape == (2, len(found.edges) - 1)
    frame = run.predictions().to_pandas()
    frame = frame[(frame.split == "test") & (frame.label >= 40) & (frame.label < 45)]
    errors = (frame.prediction - frame.label).abs().groupby(frame.trial_id.astype(str)).mean()
    at = int(np.searchsorted(found.edges, 40))
    expected = [
        errors[["s-0-0", "s-0-1"]].mean() - errors[["s-1-0", "s-1-1"]].mean(),
        errors[["s-2-0", "s-2-1"]].mean() - errors[["s-3-0", "s-3-1"]].mean(),
    ]
    np.testing.assert_allclose(sorted(by_name["RankSim"].by_pair[:, at]), sorted(expected))
    assert "RankSim, 2 pairs" in texts(technique_gain.draw(found))
    said = technique_gain.caption(found)
    assert "Bars are means over all pairs" in said
    assert "Grey lines are the single pairs." in said
    assert "Vertical" not in said
    assert "common seed" not in said


def test_every_technique_has_a_panel() -> None:
    edges = np.arange(6.0)
    rng = np.random.default_rng(0)
    gains = [
        technique_gain.TechniqueGain(f"t{number}", rng.normal(size=(7 if number == 0 else 1, 5)), 0)
        for number in range(11)
    ]
    found = technique_gain.TechniqueGains("years", edges, gains, [], [])
    text = texts(technique_gain.draw(found))
    assert all(f"t{number}, 1 pair" in text for number in range(1, 11))
    said = technique_gain.caption(found)
    assert "Vertical lines span the middle 80 % of more than 6 pairs." in said
    assert "Grey" not in said
    one = [technique_gain.TechniqueGain("t", gains[0].by_pair[:3], 2)]
    said = technique_gain.caption(technique_gain.TechniqueGains("years", edges, one, [], []))
    assert "2 pairs without a common seed are compared by their means." in said
